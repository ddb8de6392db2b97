// Every role, nobody and strangers at every route that decides something: whoever may not is refused, and is in the ledger.
import { beforeEach, describe, expect, test } from "vitest";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import { routes } from "../../src/show/routes.ts";
import { answering, receiver } from "../deliver/hook-kit.ts";
import { bodies, postJson } from "../show/kit.ts";
import { type ActWorld, bearer, openActWorld, roles } from "./act-world.ts";

/** Data that is taken in decides nothing; nor do questions to Prometheus's API, some of which have a body. */
const dataIn = [
  /^\/api\/v1\/changes(\/\w+)?$/,
  /^\/api\/v1\/code\/sarif$/,
  /^\/api\/v1\/alerts\/intake$/,
  /^\/api\/v2\/alerts$/,
];
const deciding = routes.filter(
  ({ method, path, foreign }) => method !== "get" && foreign !== true && !dataIn.some((one) => one.test(path)),
);
const somebody = [...roles, "nobody", "a stranger"] as const;

let room: ActWorld;
beforeEach(async () => {
  room = await openActWorld((await receiver(answering(202))).url);
});

test("every route that decides something audits who is turned away, and the list of them is what it should be", () => {
  expect(deciding.filter(({ audited }) => audited !== true).map(({ path }) => path)).toEqual([]);
  const named = deciding.map(({ method, path }) => `${method} ${path}`);
  for (const one of [
    "post /api/v1/actions/:id/approve",
    "post /api/v1/actions/:id/deny",
    "post /api/v1/actions/results",
    "post /api/v1/act/kill",
    "post /api/v1/act/rearm",
    "post /api/v1/deliveries/:id/replay",
    "post /api/v1/anomalies/:id/accept",
    "post /api/v1/silences",
    "delete /api/v1/silences/:id",
  ])
    expect(named).toContain(one);
});

describe.each(deciding.map((route) => [route.method.toUpperCase(), route.path, route.needs] as const))(
  "%s %s",
  (method, path, needs) => {
    const real = path.replace(":id", "x");
    const ask = async (who: string): Promise<number> => {
      const headers =
        who === "nobody" ? {} : who === "a stranger" ? { authorization: "Bearer secret-of-no-one" } : bearer(who);
      const init = method === "POST" ? postJson(bodies[path] ?? {}, headers) : { method, headers };
      const answer = await room.world.get(real, init);
      await answer.body?.cancel();
      return answer.status;
    };
    const may = (who: string): boolean =>
      who === "admin" || who === needs || (needs === "viewer" && (roles as readonly string[]).includes(who));

    test.each(somebody)("by %s", async (who) => {
      const status = await ask(who);
      const added = room.refusals();
      if (may(who)) {
        expect([who, [401, 403].includes(status)]).toEqual([who, false]);
        return;
      }
      expect(status).toBe(who === "nobody" || who === "a stranger" ? 401 : 403);
      expect(added).toHaveLength(1);
      expect(added[0]).toMatchObject({
        by: who === "nobody" || who === "a stranger" ? "somebody unknown" : `a-${who}`,
        reason: expect.stringContaining(`${method} ${path}`),
      });
    });
  },
);

test("what was refused is one chain, and a flood of refusals is counted, not written", async () => {
  for (let i = 0; i < 100; i++) await room.post("/api/v1/act/kill", { on: true });
  expect(room.refusals().length).toBe(30);
  room.clock.now += 60_000;
  await room.post("/api/v1/act/kill", { on: true });
  expect(room.refusals().at(-1)?.reason).toContain("and 70 more before");
  expect(verifyChain(room.ledger(), {}).intact).toBe(true);
});
