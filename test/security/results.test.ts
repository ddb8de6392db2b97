// What receivers say became of an action, at the API of the service: signed by the reference library, forged, replayed, late, hostile.
import { Webhook } from "standardwebhooks";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { answering, receiver, type Seen, secret } from "../deliver/hook-kit.ts";
import { type ActWorld, bearer, openActWorld } from "./act-world.ts";

const other = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const path = "/api/v1/actions/results";
const key = "key-x-1";

let room: ActWorld;
let seen: Seen[];
beforeEach(async () => {
  const fleet = await receiver(answering(202));
  seen = fleet.seen;
  room = await openActWorld(fleet.url, { policies: [{ mode: "auto" }] });
  await room.propose();
  await vi.waitUntil(() => seen.length === 1);
  await room.step();
});

interface Way {
  readonly id?: string;
  readonly key?: string;
  readonly at?: number;
  readonly headers?: Record<string, string>;
}

function signed(body: string, { id = "result-1", key: by = secret, at = Date.now(), headers = {} }: Way = {}) {
  const signature = new Webhook(by).sign(id, new Date(at), body);
  return {
    ...{ "webhook-id": id, "webhook-timestamp": String(Math.floor(at / 1000)), "webhook-signature": signature },
    ...headers,
  };
}

const send = (told: unknown, way: Way = {}) => {
  const body = JSON.stringify(told);
  return room.postText(path, body, signed(body, way));
};
const states = () => room.ledger().map(({ state }) => state);
const failed = { idempotencyKey: key, outcome: "failed", says: "no such unit" };

describe("a result", () => {
  test("that is signed with the receiver's key needs no token, and is heard", async () => {
    expect(await send(failed)).toMatchObject({ status: 200, text: expect.stringContaining("noted") });
    await room.step();
    expect(room.ledger().find(({ state }) => state === "failed")).toMatchObject({
      by: "receiver",
      reason: "fleet says failed: no such unit",
    });
  });

  test("as the agent sends it is the same", async () => {
    const data = { agent: "gpu-host-1", request: "action-a-x-1", type: "action.requested", action: "restart-replica" };
    const result = { idempotencyKey: key, outcome: "refused", says: "kill switch", steps: [], undo: [], endedAt: 1 };
    const told = { type: "action.result", timestamp: new Date().toISOString(), data: { ...data, ...result } };
    expect((await send(told)).status).toBe(200);
    await room.step();
    expect(room.ledger().find(({ state }) => state === "failed")).toMatchObject({
      reason: "fleet says failed: kill switch",
    });
  });

  const forged: [string, Way | "unsigned", number][] = [
    ["with another key", { key: other }, 401],
    ["six minutes old", { at: Date.now() - 360_000 }, 401],
    ["from six minutes ahead", { at: Date.now() + 360_000 }, 401],
    ["without its id", { headers: { "webhook-id": "" } }, 401],
    ["under another id than was signed", { headers: { "webhook-id": "result-2" } }, 401],
    [
      "at another time than was signed",
      { headers: { "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 60) } },
      401,
    ],
    ["with a signature of another version", { headers: { "webhook-signature": "v2,AAAA" } }, 401],
    ["with nobody's signature and a token", "unsigned", 403],
  ];
  test.each(forged)("%s is refused, and that is in the ledger", async (_what, way, status) => {
    const before = room.refusals().length;
    if (way === "unsigned") expect(await room.post(path, failed, bearer("operator"))).toBe(status);
    else expect((await send(failed, way)).status).toBe(status);
    await room.step();
    expect(room.refusals().length - before).toBe(1);
    expect(states()).not.toContain("failed");
  });

  test("a good token does not stand in for a bad signature", async () => {
    expect((await send(failed, { key: other, headers: bearer("admin") })).status).toBe(401);
    expect(states()).not.toContain("reported");
  });

  test("with one of two keys while they are exchanged", async () => {
    const fleet = await receiver(answering(202));
    room = await openActWorld(fleet.url, { policies: [{ mode: "auto" }] }, { resultKeys: { fleet: [other, secret] } });
    await room.propose();
    await vi.waitUntil(() => fleet.seen.length === 1);
    expect((await send({ ...failed, outcome: "running" }, { key: other })).status).toBe(200);
    expect((await send(failed, { id: "result-2" })).status).toBe(200);
  });

  test("of another receiver, with its own good key, is refused", async () => {
    const fleet = await receiver(answering(202));
    const resultKeys = { fleet: [secret], pager: [other] };
    room = await openActWorld(fleet.url, { policies: [{ mode: "auto" }] }, { resultKeys });
    await room.propose();
    await vi.waitUntil(() => fleet.seen.length === 1);
    expect((await send(failed, { key: other })).status).toBe(403);
    expect(room.refusals()).toMatchObject([{ by: "pager", reason: "pager was not asked for action a-x-1" }]);
  });

  test("sent again does nothing again, and something else under its id is refused", async () => {
    const running = { ...failed, outcome: "running" };
    const body = JSON.stringify(running);
    const headers = signed(body);
    expect(await room.postText(path, body, headers)).toMatchObject({
      status: 200,
      text: expect.stringContaining("noted"),
    });
    for (let i = 0; i < 5; i++)
      expect(await room.postText(path, body, headers)).toMatchObject({
        status: 200,
        text: expect.stringContaining("known"),
      });
    // A fresh signature over the same, as a sender that heard no answer makes it.
    expect(await room.postText(path, body, signed(body, { at: Date.now() + 1000 }))).toMatchObject({ status: 200 });
    expect((await send(failed)).status).toBe(409);
    expect(states().filter((one) => one === "reported")).toHaveLength(1);
    expect(states()).not.toContain("failed");
    expect(room.refusals().at(-1)?.reason).toContain("something else was said under this webhook-id");
  });

  test("of an unknown key says so, of an attempt that is over as well, and changes nothing", async () => {
    expect(await send({ ...failed, idempotencyKey: "key-z-1" })).toMatchObject({
      status: 404,
      text: expect.stringContaining("no action has the idempotency key key-z-1"),
    });
    await send(failed, { id: "result-2" });
    await room.step();
    expect(await send({ ...failed, outcome: "succeeded" }, { id: "result-3" })).toMatchObject({
      status: 200,
      text: expect.stringContaining("attempt key-x-1 is over; attempt 2 is on"),
    });
  });

  test("that lies changes nothing about verification", async () => {
    expect((await send({ ...failed, outcome: "succeeded", says: "all is well, honestly" })).status).toBe(200);
    for (let i = 0; i < 30; i++) {
      room.clock.now += 10_000;
      await room.step();
    }
    expect(states()).not.toContain("verified");
    expect(room.ledger().find(({ state }) => state === "failed")).toMatchObject({
      by: "verification",
      verdict: "fail",
    });
  });

  test("whose text tries more than being read is one masked line of 500 characters", async () => {
    const says = `{{7*7}} \${process.env} <!channel>\r\nSet-Cookie: a=b\u0000\u202e\ntoken ghp_${"a".repeat(36)} mail a.b@example.com ${"x".repeat(5000)}`;
    expect((await send({ ...failed, outcome: "running", says })).status).toBe(200);
    const { reason } = room.ledger().find(({ state }) => state === "reported")!;
    expect(reason.length).toBeLessThanOrEqual(500 + "running: ".length);
    expect(reason).not.toMatch(/[\p{Cc}\u202e]|ghp_a|a\.b@example/u);
    expect(reason).toContain("{{7*7}} ${process.env} <!channel>");
  });

  test.each([
    ["no JSON", "{", 400],
    ["not UTF-8", "\ud800", 400],
    ["another message", JSON.stringify({ type: "action.requested", data: {} }), 400],
    ["without an outcome", JSON.stringify({ idempotencyKey: key }), 400],
    ["an outcome there is not", JSON.stringify({ ...failed, outcome: "verified" }), 400],
    ["a key that is no identifier", JSON.stringify({ ...failed, idempotencyKey: "key x\n" }), 400],
    ["more than it may have", JSON.stringify({ ...failed, state: "verified" }), 400],
    ["300 kB", JSON.stringify({ ...failed, says: "x".repeat(300_000) }), 413],
  ])("that is %s is refused with a reason", async (_what, body, status) => {
    const answer = await room.postText(path, body, signed(body));
    expect([answer.status, answer.text.length < 2000]).toEqual([status, true]);
    expect(states()).not.toContain("reported");
  });

  test("nobody can send our own request back as its result", async () => {
    const { headers, body } = seen[0]!;
    const own = Object.fromEntries(
      ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, String(headers[name])]),
    );
    expect((await room.postText(path, body, own)).status).toBe(400);
  });
});
