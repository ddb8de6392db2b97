// What receivers say of what they were asked for: it ends an attempt or begins verification, and never stands in for it.
import { describe, expect, test } from "vitest";
import { verifyChain } from "../../src/act/ledger/verify.ts";
import type { Report } from "../../src/model/ports/act-desk.ts";
import { ada, auto, bench, proposal, start } from "./bench.ts";

const key = "key-x-1";

function report(more: Partial<Report> = {}): Report {
  const from = { signedBy: ["fleet"], signers: ["fleet"], by: undefined };
  return { key, outcome: "succeeded", says: "restarted in 4 s", undo: false, ...from, ...more };
}

/** A room with one repair that is being verified. */
async function room() {
  const one = bench();
  await one.act.propose(proposal(), start);
  await one.run(10_000);
  return one;
}

const refusals = ({ records }: ReturnType<typeof bench>) =>
  records.all.actions.filter(({ state }) => state === "refused");

describe("a receiver that says", () => {
  test("that it failed ends the attempt as a delivery does that failed", async () => {
    const { act, states, state, run, records } = await room();
    expect(await act.reports.take(report({ outcome: "failed", says: "no such unit" }), state.now)).toMatchObject({
      kind: "noted",
    });
    await run(10_000);
    expect(states()).toEqual([
      ...["proposed", "sent", "accepted", "verifying", "reported", "failed"],
      ...["proposed", "held by cooldown"],
    ]);
    expect(records.all.actions.find((one) => one.state === "reported")).toMatchObject({
      by: "fleet",
      reports: "failed",
      reason: "failed: no such unit",
    });
    expect(records.all.actions.find((one) => one.state === "failed")).toMatchObject({
      by: "receiver",
      reason: "fleet says failed: no such unit",
    });
    // It was not the policy's repair that did not help: nothing is demoted.
    expect(records.all.actions.filter((one) => one.state === "demoted")).toEqual([]);
    expect(verifyChain(records.all.actions, { head: act.status().ledger }).intact).toBe(true);
  });

  test("that it succeeded, before delivery heard so, begins verification; delivery's own end changes nothing", async () => {
    const one = bench();
    let deliver: () => void = () => {};
    const later = new Promise<void>((resolve) => (deliver = resolve));
    one.notifier.send = async (message) => {
      one.sent.push(message);
      await later;
      return one.state.answer;
    };
    await one.act.propose(proposal(), start);
    await one.act.reports.take(report(), start);
    await one.run(10_000);
    expect(one.states()).toEqual(["proposed", "sent", "reported", "accepted", "verifying"]);
    deliver();
    one.state.tokens = 100;
    await one.run(60_000);
    expect(one.states().slice(5)).toEqual(["verified"]);
  });

  test("that it succeeded though nothing changed is not believed: the checks decide, from then on, once", async () => {
    const { act, states, state, run, sent } = await room();
    await run(60_000);
    expect(await act.reports.take(report(), state.now)).toMatchObject({ kind: "noted" });
    await run(100_000);
    // Two minutes after it was taken would have been over by now; they count from what it said.
    expect(states().at(-1)).toBe("verifying");
    expect(await act.reports.take(report(), state.now)).toMatchObject({ kind: "known" });
    await run(40_000);
    expect(states()).toContain("failed");
    expect(sent.filter(({ type }) => type === "action.requested")).toHaveLength(1);
  });

  test("that it is at it is noted, a few times at most", async () => {
    const { act, states, state, run } = await room();
    const running = report({ outcome: "running", says: "50 %" });
    expect(await act.reports.take(running, state.now)).toEqual({ kind: "noted", says: "noted" });
    for (let i = 0; i < 20; i++)
      expect(await act.reports.take({ ...running, says: `${i}` }, state.now)).toMatchObject({ kind: "known" });
    state.tokens = 100;
    await run(60_000);
    expect(states().filter((one) => one === "reported")).toHaveLength(1);
    expect(states().at(-1)).toBe("verified");
    expect(await act.reports.take(report(), state.now)).toMatchObject({
      kind: "over",
      says: expect.stringMatching(/over/),
    });
  });

  test("one thing and then the other is not heard the second time", async () => {
    const one = await room();
    await one.act.reports.take(report(), one.state.now);
    expect(await one.act.reports.take(report({ outcome: "failed" }), one.state.now)).toMatchObject({
      kind: "refused",
      why: "conflict",
    });
    expect(refusals(one)).toHaveLength(1);
  });

  test("what became of taking it back is noted, and ends no attempt", async () => {
    const { act, states, state, run } = await room();
    expect(await act.reports.take(report({ outcome: "failed", undo: true }), state.now)).toMatchObject({
      kind: "noted",
    });
    state.tokens = 100;
    await run(60_000);
    expect(states()).toEqual(["proposed", "sent", "accepted", "verifying", "reported", "verified"]);
  });
});

const wrong: [string, Partial<Report>, object][] = [
  ["of an action nobody asked for", { key: "key-y-1" }, { why: "unknown" }],
  ["of an attempt that is still to come", { key: "key-x-2" }, { why: "unknown" }],
  ["of no attempt", { key: "key-x" }, { why: "unknown" }],
  ["of what another receiver was asked for", { signedBy: ["other"] }, { why: "forbidden" }],
  ["without the signature it should have", { signedBy: [], by: "eve" }, { why: "forbidden" }],
];
test.each(wrong)("a word %s is refused, and that is in the ledger", async (_what, more, answer) => {
  const one = await room();
  expect(await one.act.reports.take(report({ outcome: "failed", ...more }), one.state.now)).toMatchObject({
    kind: "refused",
    ...answer,
  });
  await one.run(10_000);
  expect(one.states()).toEqual(["proposed", "sent", "accepted", "verifying"]);
  expect(refusals(one)).toHaveLength(1);
  expect(refusals(one)[0]?.by).toMatch(/fleet|other|eve/);
});

test("without a key at the receiver somebody with a token may say so", async () => {
  const { act, state, run, records } = await room();
  await act.reports.take(report({ signedBy: [], signers: [], by: "robot", outcome: "failed" }), state.now);
  await run(10_000);
  expect(records.all.actions.find((one) => one.state === "failed")).toMatchObject({ by: "receiver" });
});

test("a word about what was not sent is refused", async () => {
  const { act, state } = bench([{ ...auto, mode: "approve" }]);
  await act.propose(proposal(), start);
  expect(await act.reports.take(report(), state.now)).toMatchObject({ kind: "refused", why: "conflict" });
});

test("what was said right before a restart is heard after it, and nothing is sent again", async () => {
  const { act, again, records, state, run, requests } = await room();
  await act.reports.take(report({ outcome: "failed" }), state.now);
  const next = again();
  await next.restore();
  await run(10_000, next);
  expect(records.all.actions.filter((one) => one.state === "failed")).toMatchObject([{ by: "receiver" }]);
  const third = again();
  await third.restore();
  expect(await third.reports.take(report({ outcome: "failed" }), state.now)).toMatchObject({ kind: "over" });
  expect(requests()).toHaveLength(1);
  // The next attempt is under way, and what was said of the last one is not said of it, whoever starts anew.
  await run(330_000, third);
  expect(requests()).toHaveLength(2);
  const last = again();
  await last.restore();
  await run(20_000, last);
  expect(records.all.actions.filter((one) => one.state === "failed")).toHaveLength(1);
});

test("nothing is heard that the ledger does not take", async () => {
  const { act, records, state, run, states } = await room();
  records.onPut = () => {
    throw new Error("disk full");
  };
  await expect(act.reports.take(report({ outcome: "failed" }), state.now)).rejects.toThrow("disk full");
  records.onPut = () => {};
  await run(10_000);
  expect(states()).not.toContain("failed");
});

describe("what changes the fleet may go", () => {
  const change = { action: "a-x-1", target: "replica:vllm-0" };
  const ttl = auto.approval.ttl;

  test("while its attempt is on, and no longer than its policy lets it count", async () => {
    const { act, state } = await room();
    expect(act.clearance(change, 0, state.now)).toEqual({ kind: "go" });
    expect(act.clearance(change, ttl, state.now)).toEqual({ kind: "go" });
    expect(act.clearance(change, ttl + 1, state.now)).toMatchObject({ kind: "never" });
    expect(act.clearance({ ...change, action: "a-x-2" }, 0, state.now)).toMatchObject({ kind: "never" });
    expect(act.clearance({ ...change, action: "b-1" }, 0, state.now)).toMatchObject({ kind: "never" });
    await act.reports.take(report({ outcome: "failed" }), state.now);
    await act.step(state.now);
    expect(act.clearance(change, 0, state.now)).toMatchObject({
      kind: "never",
      reason: expect.stringContaining("is over"),
    });
    // What takes it back is about an attempt that is over.
    expect(act.clearance({ ...change, undo: true }, 0, state.now)).toEqual({ kind: "go" });
    expect(act.clearance({ ...change, undo: true }, ttl + 1, state.now)).toMatchObject({ kind: "never" });
  });

  test("not while the kill switch is on, another service acts, or a freeze is open", async () => {
    const { act, state } = await room();
    await act.people.kill(true, ada, "drill", state.now);
    for (const one of [change, { ...change, undo: true } as const])
      expect(act.clearance(one, 0, state.now)).toMatchObject({ kind: "wait", reason: expect.stringMatching(/ada/) });
    await act.people.kill(false, ada, "", state.now);
    expect(act.clearance(change, 0, state.now)).toEqual({ kind: "go" });
    state.elsewhere = "another acts";
    expect(act.clearance(change, 0, state.now)).toMatchObject({ kind: "wait", reason: "executor: another acts" });
  });
});
