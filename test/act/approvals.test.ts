// Who lets an action pass: the right people, enough of them, in time, for exactly what runs; and every refusal is in the ledger.
import { describe, expect, test } from "vitest";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import type { Action } from "../../src/model/action.ts";
import type { Principal } from "../../src/model/principal.ts";
import { ada, approver, auto, bench, proposal, start, wordOn } from "./bench.ts";

const asks = { ...auto, mode: "approve" } as const;
const eve: Principal = { ...ada, name: "eve", roles: ["operator", "viewer"] };

/** The last entry that tells of a refusal. */
function lastRefusal({ records }: ReturnType<typeof bench>) {
  return records.all.actions.findLast(({ state }) => state === "refused");
}

describe("approval", () => {
  test("lets exactly one of many simultaneous approvals through", async () => {
    const room = bench([asks]);
    const { act, requests, records } = room;
    await act.propose(proposal(), start);
    const word = wordOn(act, "a-x-1");
    const answers = await Promise.all(Array.from({ length: 200 }, () => act.people.approve(word, start)));
    expect(answers.filter(({ kind }) => kind === "approved")).toHaveLength(1);
    expect(requests()).toHaveLength(1);
    expect(records.all.actions.find(({ state }) => state === "sent")).toMatchObject({ by: "ada" });
    expect(records.all.actions.find(({ state }) => state === "approved")).toMatchObject({
      by: "ada",
      approves: word.hash,
    });
    // Bounded: a flood of refusals is counted, not written.
    expect(records.all.actions.filter(({ state }) => state === "refused")).toHaveLength(30);
    await act.people.approve(word, start + 60_000);
    expect(lastRefusal(room)?.reason).toContain("169 more before");
    expect(verifyChain(records.all.actions, { head: act.status().ledger }).intact).toBe(true);
  });

  const refusals: [
    string,
    Principal,
    Partial<{ id: string; hash: string; laterMs: number; action: Partial<Action> }>,
    string,
  ][] = [
    ["from somebody without the role", eve, {}, "may not decide"],
    ["of something else", ada, { id: "a-x-2" }, "no action of this id waits"],
    ["of other parameters", ada, { hash: "1".repeat(64) }, "is another"],
    ["after the situation has passed", ada, { laterMs: 3_600_000 }, "waited too long"],
    ["by the author of the proposal", ada, { action: { author: " Ada " } }, "author"],
    [
      "by the author of the change that is taken back",
      ada,
      { action: { kind: "rollback-config", parameters: { change: "c1" } } },
      "author",
    ],
  ];
  test.each(refusals)("%s is refused, and the refusal is in the ledger", async (_what, principal, wrong, reason) => {
    const room = bench([asks]);
    const { act, sent, records } = room;
    const change = { id: "c1", at: start, kind: "config", target: "deployment:chat", summary: "", by: "ada" } as const;
    await records.put("changes", [change]);
    await act.propose(proposal(wrong.action), start);
    const { id = "a-x-1", hash = wordOn(act, "a-x-1").hash, laterMs = 0 } = wrong;
    const answer = await act.people.approve({ id, hash, principal, says: "" }, start + laterMs);
    expect(answer).toMatchObject({ kind: "refused", reason: expect.stringContaining(reason) });
    expect(lastRefusal(room)).toMatchObject({ by: principal.name, reason: expect.stringContaining(reason) });
    expect(sent).toEqual([]);
  });

  test("of what has been proposed anew with other parameters does not carry over", async () => {
    const { act, sent, state } = bench([{ ...asks, approval: { quorum: 2, ttl: 900_000 } }]);
    const shed = (share: string) => proposal({ kind: "shed-load", parameters: { share, seconds: "120" } });
    await act.propose(shed("0.1"), start);
    await act.people.approve(wordOn(act, "a-x-1"), start);
    await act.propose(shed("0.5"), state.now);
    expect(await act.people.approve(wordOn(act, "a-x-1", approver("bob")), start)).toMatchObject({
      given: 1,
      needed: 2,
    });
    expect(sent).toEqual([]);
    await act.people.approve(wordOn(act, "a-x-1"), start);
    expect(sent[0]?.data).toMatchObject({ parameters: { share: "0.5" } });
  });

  test("needs as many different people as the policy says, also over a restart", async () => {
    const { act, again, requests, records } = bench([{ ...asks, approval: { quorum: 3, ttl: 900_000 } }]);
    await act.propose(proposal(), start);
    expect(await act.people.approve(wordOn(act, "a-x-1"), start)).toEqual({ kind: "approved", given: 1, needed: 3 });
    expect(await act.people.approve(wordOn(act, "a-x-1", approver("ADA")), start)).toMatchObject({ kind: "refused" });
    await act.people.approve(wordOn(act, "a-x-1", approver("bob")), start);
    const room = again();
    await room.restore();
    expect(room.status().open[0]?.waits).toEqual({ approvedBy: ["ada", "bob"], needed: 3, until: start + 900_000 });
    expect(requests()).toEqual([]);
    await room.people.approve(wordOn(room, "a-x-1", approver("eve")), start);
    expect(requests()).toHaveLength(1);
    expect(records.all.actions.at(-1)).toMatchObject({ state: "sent", by: "ada and bob and eve" });
  });

  test.each(["observe", "propose"] as const)("cannot overrule a policy to %s", async (mode) => {
    const { act, sent } = bench([{ ...auto, mode }]);
    await act.propose(proposal(), start);
    expect((await act.people.approve(wordOn(act, "a-x-1"), start)).kind).toBe("refused");
    expect(sent).toEqual([]);
  });

  test("is no way around the other stages, and holds no longer than its time", async () => {
    const { act, sent, state, run, states } = bench([asks]);
    await act.propose(proposal(), start);
    await act.people.kill(true, ada, "", start);
    await act.people.approve(wordOn(act, "a-x-1"), start);
    await run(890_000);
    expect(states().at(-1)).toBe("held by kill-switch");
    state.now += 30_000;
    await act.people.kill(false, ada, "", state.now);
    await run(60_000);
    expect(sent).toEqual([]);
  });

  test("is denied when nobody gives it in time, and may then be asked for again", async () => {
    const { act, states, run, state, sent } = bench([asks]);
    await act.propose(proposal(), start);
    await run(1_000_000);
    expect(states()).toEqual(["proposed", "held by mode", "denied"]);
    await act.propose(proposal(), state.now);
    expect(states().slice(3)).toEqual(["proposed", "held by mode"]);
    expect(sent).toEqual([]);
  });
});

describe("a denial", () => {
  test("ends it, for good, also over a restart", async () => {
    const { act, again, run, state, states, sent, records } = bench([asks]);
    await act.propose(proposal(), start);
    expect(await act.people.deny({ ...wordOn(act, "a-x-1"), says: "not now" }, start)).toEqual({ kind: "denied" });
    expect(records.all.actions.at(-1)).toMatchObject({ state: "denied", by: "ada", reason: "not now" });
    expect(await act.people.approve(wordOn(act, "a-x-1", approver("bob")), start)).toMatchObject({ kind: "refused" });
    const room = again();
    await room.restore();
    for (const one of [act, room]) {
      await one.propose(proposal(), state.now);
      await run(100_000, one);
    }
    expect(states().filter((one) => one === "proposed")).toHaveLength(1);
    expect(sent).toEqual([]);
  });

  test("also stops what would have run by itself, but not what is under way", async () => {
    const { act, run, state, sent } = bench();
    state.tokens = undefined;
    await run(90_000);
    await act.propose(proposal(), state.now);
    await act.people.deny(wordOn(act, "a-x-1"), state.now);
    state.tokens = 0;
    await run(60_000);
    expect(sent).toEqual([]);
    await act.propose(proposal({ target: "replica:vllm-1" }), state.now);
    const id = "a-replica:vllm-1-1";
    expect(await act.people.deny(wordOn(act, id), state.now)).toMatchObject({ kind: "refused", why: "conflict" });
    expect(sent).toHaveLength(1);
  });
});

test("nothing is decided while the ledger does not take it", async () => {
  const { act, records, sent } = bench([asks]);
  await act.propose(proposal(), start);
  records.onPut = () => {
    throw new Error("disk full");
  };
  await expect(act.people.approve(wordOn(act, "a-x-1"), start)).rejects.toThrow("disk full");
  await expect(act.people.deny(wordOn(act, "a-x-1"), start)).rejects.toThrow("disk full");
  records.onPut = () => {};
  expect(act.status().open[0]?.waits?.approvedBy).toEqual([]);
  expect(sent).toEqual([]);
});

describe("the kill switch", () => {
  test("stays on over a restart, and is taken back only once that is in the ledger", async () => {
    const { act, again, records, sent, run, state } = bench();
    await act.people.kill(true, ada, "drill", start);
    const room = again();
    await room.restore();
    expect(room.status().killed).toBe("the kill switch is on, by ada: drill");
    await room.propose(proposal(), start);
    records.onPut = () => {
      throw new Error("disk full");
    };
    await expect(room.people.kill(false, ada, "", start)).rejects.toThrow();
    records.onPut = () => {};
    await run(20_000, room);
    expect(sent).toEqual([]);
    await room.people.kill(false, ada, "", state.now);
    await run(20_000, room);
    expect(sent).toHaveLength(1);
  });

  test("is on before the ledger has it, and stays on where the ledger fails", async () => {
    const { act, records, sent } = bench();
    records.onPut = () => {
      throw new Error("disk full");
    };
    const thrown = act.people.kill(true, ada, "", start);
    expect(act.status().killed).toContain("ada");
    await expect(thrown).rejects.toThrow();
    records.onPut = () => {};
    await act.propose(proposal(), start);
    expect(sent).toEqual([]);
  });

  test("holds back what an earlier run wrote down as sent but may not have sent", async () => {
    const { act, again, sent, run } = bench();
    await act.propose(proposal(), start);
    sent.length = 0;
    const room = again();
    await room.restore();
    await room.people.kill(true, ada, "", start);
    await run(60_000, room);
    expect(sent).toEqual([]);
    await room.people.kill(false, ada, "", start);
    await run(10_000, room);
    expect(sent.map(({ id }) => id)).toEqual(["action-a-x-1"]);
  });
});
