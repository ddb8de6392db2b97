// The kill switch against what is on its way already: nothing that changes the fleet leaves the outbox after it was thrown.
import { expect, test, vi } from "vitest";
import { type Answer, receiver } from "../deliver/hook-kit.ts";
import { bearer, openActWorld } from "./act-world.ts";

const policies = { policies: [{ mode: "auto" as const, attempts: 1 }] };

/** A fleet that is down until it is told to be up, and the room that asked it for something. */
async function asked() {
  const state = { up: false };
  // Slowly enough that the circuit breaker, which would hold the message as well, stays out of it.
  const answer: Answer = (response) => response.writeHead(state.up ? 202 : 503, { "retry-after": "1" }).end();
  const { url, seen } = await receiver(answer);
  const room = await openActWorld(url, policies);
  await room.propose();
  await vi.waitUntil(() => seen.length > 0);
  const kill = (on: boolean) => room.post("/api/v1/act/kill", { on }, bearer("admin"));
  const letters = async () => {
    const answer = await room.world.get("/api/v1/deliveries", { headers: bearer("operator") });
    return ((await answer.json()) as { data: { id: string; state: string; error?: string }[] }).data;
  };
  const held = () =>
    vi.waitUntil(async () => (await letters())[0]?.error?.startsWith("held: kill-switch"), { timeout: 10_000 });
  return { state, seen, room, kill, letters, held };
}

test("thrown while a receiver is down it holds the retries; taken back, the message goes on with the same id", async () => {
  const { state, seen, room, kill, letters, held } = await asked();
  expect(await kill(true)).toBe(200);
  const before = seen.length;
  await held();
  state.up = true;
  await new Promise((resolve) => setTimeout(resolve, 1200));
  // One may have been on the wire when it was thrown.
  expect(seen.length - before).toBeLessThanOrEqual(1);
  expect(await kill(false)).toBe(200);
  await vi.waitUntil(() => seen.length > before, { timeout: 10_000 });
  expect(new Set(seen.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set(["action-a-x-1"]));
  await vi.waitUntil(async () => (await letters())[0]?.state === "delivered", { timeout: 10_000 });
  await room.step();
  expect(room.ledger().map(({ state: one }) => one)).toContain("accepted");
});

test("thrown for longer than the policy lets the decision count, the message is a dead letter that cannot be sent again", async () => {
  const { state, seen, room, kill, letters, held } = await asked();
  expect(await kill(true)).toBe(200);
  await held();
  const before = seen.length;
  room.clock.now += 16 * 60_000;
  await vi.waitUntil(async () => (await letters())[0]?.state === "failed", { timeout: 10_000 });
  expect((await letters())[0]?.error).toContain("older than 15m");
  state.up = true;
  expect(await kill(false)).toBe(200);
  await room.step();
  expect(room.ledger().find((one) => one.state === "failed")).toMatchObject({ by: "delivery" });
  const replay = await room.post("/api/v1/deliveries/action-a-x-1/replay", undefined, bearer("operator"));
  expect(replay).toBe(409);
  expect(room.refusals()).toMatchObject([{ by: "a-operator", reason: expect.stringContaining("older than 15m") }]);
  expect(seen.filter(({ body }) => body.includes("action.requested")).length).toBe(before);
});

test("a dead letter to people is sent again by an operator, who is in the ledger with it", async () => {
  const { url, seen } = await receiver((response, count) => response.writeHead(count === 2 ? 400 : 200).end());
  const room = await openActWorld(url, policies);
  await room.propose();
  await vi.waitUntil(() => seen.length === 1);
  for (let at = 0; at < 20; at++) {
    room.clock.now += 10_000;
    await room.step();
  }
  await vi.waitUntil(() => seen.length === 2);
  const list = () => room.world.get("/api/v1/deliveries?state=failed", { headers: bearer("operator") });
  const dead = async () => ((await (await list()).json()) as { data: { id: string }[] }).data;
  await vi.waitUntil(async () => (await dead()).length === 1);
  expect(await dead()).toMatchObject([{ id: "escalated-a-x-1", state: "failed", status: 400 }]);
  const path = "/api/v1/deliveries/escalated-a-x-1/replay";
  expect(await room.post(path, undefined, bearer("viewer"))).toBe(403);
  expect(await room.post(path, undefined, bearer("operator"))).toBe(200);
  await vi.waitUntil(() => seen.length === 3);
  expect(seen[2]!.body).toBe(seen[1]!.body);
  expect(room.ledger().find((one) => one.state === "replayed")).toMatchObject({
    by: "a-operator",
    reason: "message escalated-a-x-1 to fleet is sent again",
  });
  expect(await room.post(path, undefined, bearer("operator"))).toBe(409);
});
