// Approvals that are replayed, forged, late or one's own, at the API of the service: all refused, all in the ledger, nothing sent.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import { answering, receiver, type Seen } from "../deliver/hook-kit.ts";
import { type ActWorld, bearer, openActWorld } from "./act-world.ts";

const shed = (share: string) => ({ kind: "shed-load", parameters: { share, seconds: "120" } }) as const;

let room: ActWorld;
let seen: Seen[];
beforeEach(async () => {
  const fleet = await receiver(answering(202));
  seen = fleet.seen;
  room = await openActWorld(fleet.url);
});

async function hashOf(id = "a-x-1"): Promise<string> {
  return (await room.waiting()).find(({ action }) => action.id === id)!.hash;
}
const approve = (who: string, hash: string, id = "a-x-1"): Promise<number> =>
  room.post(`/api/v1/actions/${id}/approve`, { hash }, bearer(who));

/** Refused with this status, written down with who it was, and nothing left the house. */
async function expectRefused(status: Promise<number>, is: number, who: string): Promise<void> {
  const before = room.refusals().length;
  expect(await status).toBe(is);
  expect(room.refusals().slice(before)).toMatchObject([{ by: who, state: "refused" }]);
  await room.step();
  expect(seen).toEqual([]);
  expect(verifyChain(room.ledger(), {}).intact).toBe(true);
}

describe("an approval", () => {
  test("that is right lets exactly what was approved run: what follows shows something", async () => {
    await room.propose(shed("0.1"));
    expect(await approve("ada", await hashOf())).toBe(200);
    await vi.waitUntil(() => seen.length === 1);
    expect(JSON.parse(seen[0]!.body)).toMatchObject({ data: { parameters: { share: "0.1" } } });
  });

  test("of what was proposed before, with other parameters", async () => {
    await room.propose(shed("0.1"));
    const old = await hashOf();
    await room.propose(shed("0.5"));
    expect(await hashOf()).not.toBe(old);
    await expectRefused(approve("ada", old), 409, "ada");
  });

  test("of another action, put to this one", async () => {
    await room.propose(shed("0.1"));
    await room.propose({ target: "replica:vllm-1" });
    await expectRefused(approve("ada", await hashOf("a-replica:vllm-1-1")), 409, "ada");
  });

  test.each([
    ["of all zeros", "0".repeat(64), 409],
    ["that is no hash", "approve", 400],
    ["in capitals", undefined, 400],
  ])("with a hash %s", async (_what, hash, status) => {
    await room.propose(shed("0.1"));
    const given = hash ?? (await hashOf()).toUpperCase();
    if (status === 409) return expectRefused(approve("ada", given), status, "ada");
    expect(await approve("ada", given)).toBe(status);
    await room.step();
    expect(seen).toEqual([]);
  });

  test("used a second time, for the next attempt", async () => {
    await room.propose(shed("0.1"));
    const hash = await hashOf();
    expect(await approve("ada", hash)).toBe(200);
    await vi.waitUntil(() => seen.length === 1);
    const before = room.refusals().length;
    expect(await approve("ada", hash)).toBe(409);
    expect(await approve("bob", hash)).toBe(409);
    // The same bytes once more, as somebody on the wire would send them.
    expect(room.refusals().length - before).toBe(2);
    for (let at = 0; at < 30; at++) {
      room.clock.now += 10_000;
      await room.step();
    }
    expect(seen.filter(({ body }) => JSON.parse(body).type === "action.requested")).toHaveLength(1);
    // The next attempt has the same hash, since it is the same deed; the old word does not carry over to it.
    const next = room.ledger().at(-1)!;
    expect(next.action.id).toBe("a-x-2");
    expect(next.state).toBe("held");
  });

  test("that comes when its time is over", async () => {
    await room.propose(shed("0.1"));
    const hash = await hashOf();
    room.clock.now += 16 * 60_000;
    await expectRefused(approve("ada", hash), 409, "ada");
  });

  test("by the author of the proposal, however the name is written", async () => {
    await room.propose({ ...shed("0.1"), author: " Ada" });
    await expectRefused(approve("ada", await hashOf()), 403, "ada");
  });

  test("by the author of the change that it would take back", async () => {
    const change = {
      id: "c1",
      at: room.clock.now,
      kind: "config",
      target: "deployment:chat",
      summary: "",
      by: "ada",
    } as const;
    await room.world.deps.records.put("changes", [change]);
    await room.propose({ kind: "rollback-config", parameters: { change: "c1" } });
    await expectRefused(approve("ada", await hashOf()), 403, "ada");
    expect(await approve("bob", await hashOf())).toBe(200);
  });

  test("by the same person twice does not make a quorum of two, nor by one name in two spellings", async () => {
    const fleet = await receiver(answering(202));
    seen = fleet.seen;
    room = await openActWorld(fleet.url, { policies: [{ mode: "approve", approval: { quorum: 2 } }] });
    await room.propose(shed("0.1"));
    expect(await approve("ada", await hashOf())).toBe(200);
    await expectRefused(approve("ada", await hashOf()), 409, "ada");
    expect(await approve("bob", await hashOf())).toBe(200);
    await vi.waitUntil(() => seen.length === 1);
  });

  test.each([
    ["who may not approve", bearer("eve"), 403, "eve"],
    ["without a token", {}, 401, "somebody unknown"],
    ["with a token that is not known", { authorization: "Bearer secret-of-nobody" }, 401, "somebody unknown"],
    ["from a page of another site", { ...bearer("ada"), "sec-fetch-site": "cross-site" }, 403, "ada"],
  ])("of somebody %s", async (_who, headers, status, name) => {
    await room.propose(shed("0.1"));
    const hash = await hashOf();
    await expectRefused(room.post("/api/v1/actions/a-x-1/approve", { hash }, headers), status, name);
  });

  test("as a link that is only fetched decides nothing, with any method that fetches", async () => {
    await room.propose(shed("0.1"));
    const hash = await hashOf();
    for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
      for (const path of ["/api/v1/actions/a-x-1/approve", "/api/v1/actions/a-x-1/deny", "/api/v1/act/kill"]) {
        const answer = await room.world.get(`${path}?hash=${hash}`, { method, headers: bearer("ada") });
        expect([method, path, [204, 405].includes(answer.status)]).toEqual([method, path, true]);
      }
    await room.step();
    expect(seen).toEqual([]);
    expect((await room.waiting())[0]).toMatchObject({ waits: { approvedBy: [] } });
  });

  test("with a key more than there is is no approval", async () => {
    await room.propose(shed("0.1"));
    const body = { hash: await hashOf(), principal: { name: "root", roles: ["admin"] } };
    expect(await room.post("/api/v1/actions/a-x-1/approve", body, bearer("eve"))).toBe(403);
    expect(await room.post("/api/v1/actions/a-x-1/approve", body, bearer("ada"))).toBe(400);
    expect(seen).toEqual([]);
  });
});
