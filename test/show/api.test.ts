// Reading: lists, pages, single records, wrong questions.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Problem } from "../../src/show/contract.ts";
import { now, openWorld, raw, type World } from "./kit.ts";
import { change, incident, samples } from "./samples.ts";

const kinds = [
  "anomalies",
  "alerts",
  "findings",
  "incidents",
  "diagnoses",
  "actions",
  "recommendations",
  "changes",
] as const;

describe("the collections", () => {
  let world: World;
  beforeAll(async () => {
    const view = { at: now, quality: 0, entity: "replica:vllm-2" } as const;
    world = await openWorld({
      kept: samples(),
      signals: [
        { ...view, signal: "ttft", value: 0.2 },
        { ...view, signal: "waiting", value: Number.NaN, quality: 2, at: now - 60_000 },
      ],
    });
  });
  afterAll(() => world.show[Symbol.asyncDispose]());

  test.each(kinds)("%s list what the records hold, and give one by its id", async (kind) => {
    const page = await world.page(`/api/v1/${kind}`);
    expect(page.next).toBeUndefined();
    const expected = JSON.parse(JSON.stringify(world.kept[kind]!.toReversed()));
    expect(page.data).toEqual(expected);
    const first = page.data[0]! as { id: string; action: { id: string } };
    const id = kind === "actions" ? first.action.id : first.id;
    const one = await world.one(`/api/v1/${kind}/${id}`);
    expect(one.data).toEqual(page.data[0]);
  });

  test("an action comes with its history, oldest entry first", async () => {
    const one = await world.one("/api/v1/actions/action-1");
    expect(one.data["state"]).toBe("sent");
    expect(one.history!.map((entry) => entry["state"])).toEqual(["proposed", "sent"]);
  });

  test("signals carry unit and title; a value that is not there is null", async () => {
    const { data } = await world.page("/api/v1/signals");
    expect(data).toHaveLength(2);
    expect(data[0]).toMatchObject({
      id: "replica:vllm-2/ttft",
      unit: "s",
      value: 0.2,
      title: "Time to first token, p95",
    });
    expect(data[1]).toMatchObject({ signal: "waiting", value: null, quality: 2 });
    const one = await world.one(`/api/v1/signals/${encodeURIComponent("replica:vllm-2/ttft")}`);
    expect(one.data).toEqual(data[0]);
    const recent = await world.page("/api/v1/signals?from=-30s&to=-0s&limit=1");
    expect(recent.data).toEqual([]);
  });

  test.each([
    [`from=${change.at}&to=${change.at + 1}`, 1],
    [`from=${change.at + 1}`, 0],
    [`to=${change.at}`, 0],
    [`from=${encodeURIComponent(new Date(change.at).toISOString())}`, 1],
    ["from=2026-03-01T12:58:00+01:00", 1],
    [`from=${encodeURIComponent("2026-03-01T12:58:00+01:00")}`, 1],
    ["from=-2m&to=now", 1],
    ["from=-1m", 0],
  ])("changes?%s gives %i", async (query, count) => {
    const answer = await world.get(`/api/v1/changes?${query}`);
    expect(answer.status).toBe(200);
    expect(((await answer.json()) as { data: unknown }).data).toHaveLength(count);
  });

  test.each([
    ["limit=0", "limit", /1 to 1000/],
    ["limit=1001", "limit", /1 to 1000/],
    ["limit=1e3", "limit", /whole number/],
    ["limit=99999999999999999999", "limit", /whole number/],
    ["limit=-1", "limit", /whole number/],
    ["limit=10&limit=20", "limit", /given twice/],
    ["from=yesterday", "from", /RFC 3339/],
    ["from=2026-03-01T12:00:00", "from", /RFC 3339/],
    ["from=2026-02-30T12:00:00Z", "from", /RFC 3339/],
    ["from=1772366400", "from", /milliseconds/],
    ["to=99999999999999999", "to", /RFC 3339/],
    ["to=9999999999999999", "to", /between 1970 and 2100/],
    ["to=-1x", "to", /RFC 3339/],
    ["from=now&to=-1h", "from", /before/],
    [`from=${"9".repeat(5000)}`, "from", /too long/],
    ["form=-1h", "form", /not a parameter/],
    ["__proto__=1", "__proto__", /not a parameter/],
    ["constructor=1", "constructor", /not a parameter/],
    ["after=1'; DROP TABLE incidents --", "after", /page mark/],
    ["%3Cscript%3E=1", "?script?", /not a parameter/],
    ["limit=%00", "limit", /whole number/],
    ["limit[]=1", "limit??", /not a parameter/],
  ])("incidents?%s is refused and says what to write instead", async (query, parameter, says) => {
    const answer = await world.get(`/api/v1/incidents?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    const problem = (await answer.json()) as Problem;
    expect(problem).toMatchObject({ type: "about:blank", title: "Bad Request", status: 400 });
    expect(problem.errors![0]!.parameter).toBe(parameter);
    expect(problem.errors![0]!.detail).toMatch(says);
    expect(problem.detail).toContain(parameter);
  });

  const dayMs = 86_400_000;
  test.each([
    ["", now - dayMs, now],
    ["&to=-1d", now - 2 * dayMs, now - dayMs],
    ["&from=-31d", now - 31 * dayMs, now],
    [`&from=${now - 2}&to=${now - 1}`, now - 2, now - 1],
  ])("compare%s is of the range that is asked for, else of a day", async (query, from, to) => {
    const { data } = await world.one(`/api/v1/compare?a=version%3D1&b=version%3D2${query}`);
    expect(data["range"]).toEqual({ from, to });
  });

  test.each([
    [`from=${now}`, "from", /not before `to`/],
    ["from=-1h&to=-1h", "from", /not before `to`/],
    [`from=${now - 31 * dayMs - 1}`, "from", /more than 31 days before/],
    ["from=yesterday", "from", /RFC 3339/],
    [`to=${"9".repeat(200)}`, "to", /too long; write RFC 3339/],
  ])("compare?%s is refused as lists refuse it", async (query, parameter, says) => {
    const answer = await world.get(`/api/v1/compare?a=version%3D1&b=version%3D2&${query}`);
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as Problem).errors).toEqual([{ parameter, detail: expect.stringMatching(says) }]);
  });

  test.each([
    ["/api/v1/incidents/no-such", 404],
    ["/api/v1/incidents/..%2f..%2fetc%2fpasswd", 404],
    ["/api/v1/incidents/../../../etc/passwd", 404],
    ["/api/v1/incidents/%ZZ", 400],
    ["/api/v1/incidents/%00", 400],
    [`/api/v1/incidents/${"x".repeat(201)}`, 400],
    ["/api/v1/incidents/incident-1?from=-1h", 400],
    ["/api/v1/Incidents", 404],
    ["/api/v1/incidents/", 404],
    ["/api/v1/outbox", 404],
    ["/../package.json", 404],
    ["/page/index.html", 404],
    ["/healthz?x=1", 400],
  ])("%s answers %i as a problem without a trace of our code", async (path, status) => {
    const answer = await raw(world.show.port, path, { host: "localhost" });
    expect(answer.status).toBe(status);
    expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
    expect(JSON.parse(answer.text)).toMatchObject({ status });
    expect(answer.text).not.toMatch(/node_modules|\.ts\b|\n +at /);
  });

  test("a method a path does not have is 405 with what it has; OPTIONS tells; HEAD is GET without the body", async () => {
    const wrong = await world.get("/api/v1/incidents", { method: "DELETE" });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    expect(((await wrong.json()) as Problem).detail).toMatch(/GET, HEAD, OPTIONS/);
    const options = await world.get("/api/v1/changes", { method: "OPTIONS" });
    expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, POST, OPTIONS"]);
    expect(options.headers.get("access-control-allow-origin")).toBeNull();
    const head = await world.get("/api/v1/incidents", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    expect((await world.get("/api/v1/events", { method: "HEAD" })).status).toBe(200);
  });

  test("status, metrics, health and the page answer", async () => {
    const status = await world.one("/api/v1/status");
    expect(status.data).toMatchObject({ version: "1.2.3", now, service: { judgedThrough: now } });
    expect(status.data["principal"]).toMatchObject({ name: "local" });
    const metrics = await world.get("/metrics");
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await metrics.text()).toContain("homeostat_up 1\n");
    expect(await (await world.get("/healthz")).text()).toBe("ok\n");
    const page = await world.get("/");
    const html = await page.text();
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    // Nothing inline: the content security policy would block it.
    expect(html).not.toMatch(/<style|style=|<script>|onclick=|javascript:/);
    for (const file of ["/page.js", "/page.css"]) {
      expect(html).toContain(file);
      expect((await world.get(file)).status).toBe(200);
    }
    expect(await (await world.get("/page.js")).text()).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write/);
  });
});

describe("pages", () => {
  test("give every record exactly once, newest first, also when many share a millisecond", async () => {
    const times = [5, 5, 5, 4, 3, 3, 3, 3, 3, 2, 1, 1];
    const incidents = times.map((time, i) => ({ ...incident, id: `i${i}`, onset: now - 1000 + time }));
    await using world = await opened({ kept: { incidents } });
    for (const limit of [1, 2, 3, 5, 12, 100]) {
      const seen: string[] = [];
      let path: string | undefined = `/api/v1/incidents?from=-1h&limit=${limit}`;
      while (path !== undefined) {
        const page: Awaited<ReturnType<World["page"]>> = await world.page(path);
        expect(page.data.length).toBeLessThanOrEqual(limit);
        expect(page.data.length).toBeGreaterThan(0);
        seen.push(...page.data.map((one) => String(one["id"])));
        path = page.next;
      }
      expect(seen).toHaveLength(incidents.length);
      expect(new Set(seen)).toEqual(new Set(incidents.map((one) => one.id)));
    }
  });

  test("of signals go on past a thousand of one instant", async () => {
    const signals = Array.from({ length: 1500 }, (_, i) => ({
      ...{ entity: `replica:r${i}`, signal: "ttft" as const, at: now, value: i, quality: 0 },
    }));
    await using world = await opened({ signals });
    const first = await world.page("/api/v1/signals?limit=1000");
    const second = await world.page(first.next!);
    expect(new Set([...first.data, ...second.data].map((row) => row["id"])).size).toBe(1500);
    expect(second.next).toBeUndefined();
  });
});

describe("when something behind it fails", () => {
  test("a store that throws is 503 with when to try again, and its text stays inside", async () => {
    const list = async () => Promise.reject(new Error("password=hunter2 at engine.ts:12"));
    await using world = await opened({ deps: { records: { list, put: list } as never } });
    const answer = await world.get("/api/v1/incidents");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(await answer.text()).not.toMatch(/hunter2|engine\.ts/);
    expect(world.counted.get("homeostat.show.store_errors")).toBe(1);
  });

  test("a bug is 500 without a stack", async () => {
    const status = (): never => {
      throw new TypeError("secret detail");
    };
    await using world = await opened({ deps: { status } });
    const answer = await world.get("/api/v1/status");
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toMatch(/secret|TypeError|\.ts/);
  });

  test("readiness is 503 with the list when a check fails, and when the checks themselves do", async () => {
    const bad = [
      { name: "store", ok: true, detail: "answers" },
      { name: "disk", ok: false, detail: "12 MiB free" },
    ];
    let checks = async () => bad;
    await using world = await opened({ deps: { checks: () => checks() } });
    const answer = await world.get("/readyz");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ ok: false, checks: bad });
    checks = async () => Promise.reject(new Error("boom"));
    const broken = await world.get("/readyz");
    expect(broken.status).toBe(503);
    expect(((await broken.json()) as { checks: unknown }).checks).toMatchObject([{ name: "checks", ok: false }]);
    expect((await world.get("/healthz")).status).toBe(200);
  });

  test("a port in use is an error that names the port and what to do", async () => {
    await using world = await opened();
    const { port } = world.show;
    await expect(openWorld({ options: { port } })).rejects.toMatchObject({
      // A name other than Error's is what makes it one line on the command line, not a stack.
      name: "StartError",
      code: "PORT_IN_USE",
      message: expect.stringMatching(new RegExp(`port ${port} .* show\\.port`)),
    });
    await expect(openWorld({ options: { host: "127.0.0.1", port: 0 } }).then(close)).resolves.toBeUndefined();
  });
});

async function opened(over: Parameters<typeof openWorld>[0] = {}): Promise<World & AsyncDisposable> {
  const world = await openWorld(over);
  return { ...world, [Symbol.asyncDispose]: () => close(world) };
}

function close(world: World): Promise<void> {
  return world.show[Symbol.asyncDispose]();
}
