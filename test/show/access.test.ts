// Who may ask what: tokens, roles, cross-site requests, rates, headers.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { Role } from "../../src/model/principal.ts";
import { createAuthenticate, createRateLimit, isLoopback } from "../../src/show/access.ts";
import { routes } from "../../src/show/routes.ts";
import { bodies, headersOf, openWorld, postJson, raw, type World } from "./kit.ts";
import { exampleQuery, operationOf } from "./operations.ts";
import { samples } from "./samples.ts";

const tokens = (["viewer", "operator", "approver", "admin"] as Role[]).map((role) => ({
  name: `${role}-token`,
  secret: `secret-of-${role}`,
  roles: [role],
}));
const change = { kind: "deploy", target: "replica:a", summary: "s" };

describe("with tokens", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld({ options: { tokens, host: "0.0.0.0" }, kept: samples() });
  });
  afterAll(() => world.show[Symbol.asyncDispose]());

  const ask = async (method: string, path: string, authorization?: string): Promise<number> => {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const init =
      method === "POST" ? postJson(bodies[path] ?? {}, { ...headersOf[path], ...headers }) : { method, headers };
    const query = path.includes("/action-1/") || path.endsWith("/kill") ? "" : exampleQuery(operationOf(method, path));
    const answer = await world.get(path.replace(":id", "x") + query, init);
    await answer.body?.cancel();
    return answer.status;
  };

  const matrix = routes.flatMap((route) => {
    const method = route.method.toUpperCase();
    const open = route.needs === "public";
    const path = route.path;
    const none = path.endsWith("/deny") ? 409 : 404;
    const found = /:id(\/(accept|attributes|approve|deny|replay))?$/.test(path) ? none : route.answers[0]!.status;
    const may = (role: Role): number =>
      route.needs === "operator" || route.needs === "approver" ? (route.needs === role ? found : 403) : found;
    return [
      [method, path, "no token", undefined, open ? found : 401],
      [method, path, "a wrong token", "Bearer secret-of-nobody", 401],
      [method, path, "basic credentials", "Basic c2VjcmV0LW9mLWFkbWlu", 401],
      [method, path, "a viewer's token", "Bearer secret-of-viewer", may("viewer")],
      [method, path, "an approver's token", "Bearer secret-of-approver", may("approver")],
      [method, path, "an operator's token", "Bearer secret-of-operator", may("operator")],
      [method, path, "an admin's token", "bearer secret-of-admin", found],
    ] as const;
  });
  test.each(matrix)("%s %s with %s", async (method, path, _who, authorization, status) => {
    // Each case has its own server-side budget: the wrong tokens of this many cases would run into the limit.
    const own = await openWorld({ options: { tokens }, kept: samples() });
    const before = world;
    world = own;
    try {
      expect(await ask(method, path, authorization)).toBe(status);
    } finally {
      world = before;
      await own.show[Symbol.asyncDispose]();
    }
  });

  test.each([
    ["POST", "/api/v1/actions/action-1/approve", "viewer", "viewer-token"],
    ["POST", "/api/v1/actions/action-1/deny", "operator", "operator-token"],
    ["POST", "/api/v1/act/kill", "approver", "approver-token"],
    ["POST", "/api/v1/act/kill", "nobody", "somebody unknown"],
    ["POST", "/api/v1/actions/action-1/approve", undefined, "somebody unknown"],
  ])("who is turned away from %s %s as %s is in the ledger", async (method, path, role, name) => {
    const before = world.turnedAway.length;
    const status = await ask(method, path, role && `Bearer secret-of-${role}`);
    expect(status).toBe(name === "somebody unknown" ? 401 : 403);
    expect(world.turnedAway.slice(before)).toEqual([expect.stringMatching(new RegExp(`^${name}: POST /api`))]);
  });

  test("the kill switch is thrown by an operator, and taken back by an admin only", async () => {
    const kill = async (role: string, on: boolean): Promise<number> => {
      const headers = { authorization: `Bearer secret-of-${role}` };
      return (await world.get("/api/v1/act/kill", postJson({ on }, headers))).status;
    };
    expect([await kill("operator", true), await kill("operator", false), await kill("admin", false)]).toEqual([
      200, 403, 200,
    ]);
    expect(world.turnedAway.at(-1)).toContain("operator-token: taking back");
  });

  test.each(["approve", "deny"])("a GET never decides: %s", async (verb) => {
    for (const method of ["GET", "HEAD", "DELETE"])
      expect(await ask(method, `/api/v1/actions/action-1/${verb}`, "Bearer secret-of-admin")).toBe(405);
  });

  test("a 401 tells how to come in and nothing else", async () => {
    const answer = await world.get("/api/v1/incidents");
    expect(answer.headers.get("www-authenticate")).toContain("Bearer");
    expect(await answer.json()).toMatchObject({ status: 401, detail: expect.stringContaining("show.tokens") });
  });

  test("the token decides who it is, whatever the request claims", async () => {
    const headers = { authorization: "Bearer secret-of-operator", "x-tenant": "other", "x-forwarded-for": "127.0.0.1" };
    const status = await (await world.get("/api/v1/status", { headers })).json();
    expect(status).toMatchObject({ data: { principal: { name: "operator-token", tenant: "default" } } });
    await world.get("/api/v1/changes", postJson(change, headers));
    expect(world.changes.at(-1)).toMatchObject({ by: "operator-token" });
  });

  test("readiness shows its details to those who may read only", async () => {
    const stranger = await (await world.get("/readyz")).json();
    expect(stranger).toEqual({ ok: true, checks: [{ name: "store", ok: true }] });
    const headers = { authorization: "Bearer secret-of-viewer" };
    expect(await (await world.get("/readyz", { headers })).json()).toMatchObject({ checks: [{ detail: "answers" }] });
  });

  test("guessing runs into the limit, while the right token still works", async () => {
    const statuses = [];
    for (let i = 0; i < 40; i++) statuses.push(await ask("GET", "/api/v1/status", `Bearer guess-${i}`));
    expect(statuses.at(0)).toBe(401);
    expect(statuses.at(-1)).toBe(429);
    expect(await ask("GET", "/api/v1/status", "Bearer secret-of-viewer")).toBe(200);
  });
});

describe("without tokens", () => {
  let world: World;
  beforeAll(async () => {
    world = await openWorld();
  });
  afterAll(() => world.show[Symbol.asyncDispose]());

  test.each(["0.0.0.0", "::", "192.0.2.7"])("does not listen on %s and says why", async (host) => {
    await expect(openWorld({ options: { host } })).rejects.toMatchObject({
      code: "OPEN_WITHOUT_TOKENS",
      message: expect.stringContaining("show.tokens"),
    });
  });

  test.each([
    ["a name of another site that points here", { host: "evil.example:7070" }, 403],
    ["a name that only begins like ours", { host: "localhost.evil.example" }, 403],
    ["no host we can read", { host: "local host" }, 403],
    ["a proxy that forwards strangers", { host: "localhost", "x-forwarded-for": "203.0.113.9" }, 403],
    ["localhost", { host: "localhost:1" }, 200],
    ["127.0.0.1", { host: "127.0.0.1" }, 200],
    ["[::1]", { host: "[::1]:7070" }, 200],
  ])("asked by %s", async (_who, headers, status) => {
    expect((await raw(world.show.port, "/api/v1/incidents", headers)).status).toBe(status);
  });

  test.each([
    ["another site's page", { origin: "https://evil.example" }, 403],
    ["a page without an origin of its own", { origin: "null" }, 403],
    ["another port of this machine", { origin: "http://127.0.0.1:1" }, 403],
    ["what the browser calls cross-site", { "sec-fetch-site": "cross-site" }, 403],
    ["what the browser calls same-site", { "sec-fetch-site": "same-site" }, 403],
    ["a program", {}, 202],
  ])("a change posted by %s", async (_who, headers, status) => {
    const before = world.changes.length;
    const answer = await world.get("/api/v1/changes", postJson(change, headers));
    expect(answer.status).toBe(status);
    expect(world.changes.length - before).toBe(status === 202 ? 1 : 0);
  });

  test("a change posted by our own page is taken", async () => {
    const headers = { origin: world.show.url, "sec-fetch-site": "same-origin" };
    expect((await world.get("/api/v1/changes", postJson(change, headers))).status).toBe(202);
  });

  test.each(["/", "/api/v1/incidents", "/no-such", "/api/v1/incidents?x=1"])(
    "%s carries the headers of care",
    async (path) => {
      const { headers } = await world.get(path);
      const policy = headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-powered-by")).toBeNull();
      expect(headers.get("access-control-allow-origin")).toBeNull();
    },
  );
});

describe("the parts", () => {
  test("a rate limit gives its burst, then its rate, and forgets the key unused longest", () => {
    let at = 0;
    const rate = createRateLimit({ perSecond: 2, burst: 3, keysMax: 2, now: () => at, telemetry: silentTelemetry });
    expect([rate.spend("a"), rate.spend("a"), rate.spend("a"), rate.spend("a")]).toEqual([0, 0, 0, 1]);
    at = 500;
    expect([rate.spend("a"), rate.spend("a")]).toEqual([0, 1]);
    at = 100;
    expect(rate.spend("a")).toBe(1);
    expect([rate.spend("b"), rate.spend("c"), rate.spend("a")]).toEqual([0, 0, 0]);
  });

  test("loopback is 127/8, ::1 and localhost, also mapped into IPv6", () => {
    for (const yes of ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"])
      expect(isLoopback(yes), yes).toBe(true);
    for (const no of ["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "127.0.0.1.evil.example", "", "::ffff:10.0.0.1"])
      expect(isLoopback(no), no).toBe(false);
  });

  test("every token is compared, so which one matched takes no telling time", () => {
    const authenticate = createAuthenticate(tokens);
    for (const token of tokens) {
      const request = { headers: { authorization: `Bearer ${token.secret}` } } as never;
      expect(authenticate(request)).toMatchObject({ name: token.name, roles: token.roles });
    }
    for (const wrong of [
      "Bearer",
      "Bearer ",
      "Bearer secret-of-viewer x",
      "secret-of-viewer",
      "Bearer secret-of-viewe",
    ])
      expect(authenticate({ headers: { authorization: wrong } } as never)).toMatchObject({ status: 401 });
  });
});
