// What holds an action back, what lets it go, and how its effect is judged.
import { describe, expect, test } from "vitest";
import { loadConnectors } from "../../src/act/connectors.ts";
import { stages } from "../../src/act/stages.ts";
import type { Action } from "../../src/model/action.ts";
import { ada, auto, bench, connectors, mistakes, proposal, start, wordOn } from "./bench.ts";

describe("an action is held", () => {
  const cases: [string, Partial<Action>, Partial<typeof auto> | undefined, string][] = [
    ["when nothing is configured", {}, undefined, "mode"],
    ["when the policy is to observe", {}, { mode: "observe" }, "mode"],
    ["when the policy is to propose", {}, { mode: "propose" }, "mode"],
    ["when the policy asks for approval", {}, { mode: "approve" }, "mode"],
    ["when the policy is for other targets", {}, { target: "replica:other*" }, "mode"],
    ["when it is unlikely to be right", { probability: 0.6 }, {}, "evidence"],
    ["when its probability is not a number", { probability: Number.NaN }, {}, "evidence"],
    ["when nothing would verify it", { verify: [] }, {}, "evidence"],
    ["when it is for people to do", { safety: "N" }, {}, "safety"],
    ["when its class needs approval", { safety: "C" }, {}, "safety"],
    ["when no telemetry names its target", { target: "replica:nobody" }, {}, "known-target"],
    ["when no connector serves it", { kind: "scale-out" }, {}, "connector"],
    ["when a parameter is not declared", { parameters: { command: "rm" } }, {}, "parameters"],
    ["when a parameter has a strange name", { parameters: { constructor: "x" } }, {}, "parameters"],
    [
      "when a parameter's value is not one of those allowed",
      { kind: "shed-load", parameters: { share: "0.2; reboot", seconds: "60" } },
      {},
      "parameters",
    ],
  ];
  test.each(cases)("%s", async (_what, action, policy, by) => {
    const { act, states, sent, run } = bench(policy === undefined ? [] : [{ ...auto, ...policy }]);
    await act.propose(proposal(action), start);
    await run(60_000);
    expect(states()).toEqual(["proposed", `held by ${by}`]);
    expect(sent).toEqual([]);
  });

  test("when its telemetry is old, until it is fresh again", async () => {
    const { act, states, state, run, requests } = bench();
    state.tokens = undefined;
    await run(90_000);
    await act.propose(proposal(), state.now);
    expect(states()).toEqual(["proposed", "held by freshness"]);
    state.tokens = 0;
    await run(20_000);
    expect(requests()).toHaveLength(1);
  });

  test("while another action is under way in the same deployment", async () => {
    const { act, states, run, state } = bench();
    await act.propose(proposal(), start);
    await act.propose(proposal({ target: "replica:vllm-1" }), start);
    expect(states()).toEqual(["proposed", "sent", "proposed", "held by lock"]);
    state.tokens = 100;
    await run(120_000);
    expect(states().filter((one) => one === "held by blast-radius")).toHaveLength(1);
  });

  test("while the kill switch is on, also when it is thrown at the last moment", async () => {
    const { act, states, records, sent, run, state } = bench();
    await act.people.kill(true, ada, "drill", start);
    await act.propose(proposal(), start);
    await run(30_000);
    expect(states()).toEqual(["proposed", "held by kill-switch"]);
    records.onPut = (_kind, [entry]) => {
      if ((entry as { state: string }).state === "sent") void act.people.kill(true, ada, "", start);
    };
    await act.people.kill(false, ada, "", start);
    await run(10_000);
    expect(states().slice(2)).toEqual(["sent", "held by kill-switch"]);
    expect(sent).toEqual([]);
    records.onPut = () => {};
    await act.people.kill(false, ada, "", start);
    state.tokens = 5;
    await run(60_000);
    expect(sent).toHaveLength(1);
  });

  test("when the ledger cannot be written", async () => {
    const { act, records, sent, run } = bench();
    records.onPut = () => {
      throw new Error("disk full");
    };
    await act.propose(proposal(), start);
    await run(60_000);
    expect(sent).toEqual([]);
    records.onPut = () => {};
    await run(20_000);
    expect(sent).toHaveLength(1);
  });
});

test("every stage that can hold has a name of its own", () => {
  expect(new Set(stages.map(({ name }) => name)).size).toBe(stages.length);
});

test("an allowed action is written down, sent, and verified once its checks hold without a break", async () => {
  const { act, states, state, run, requests, records } = bench();
  await act.propose(proposal(), start);
  expect(requests()[0]).toEqual({
    id: "action-a-x-1",
    receiver: "fleet",
    type: "action.requested",
    lane: "incident-i1",
    change: { action: "a-x-1", target: "replica:vllm-0" },
    data: {
      action: "restart-replica",
      target: "replica:vllm-0",
      parameters: {},
      incident: "i1",
      failureMode: "stuck-engine",
      idempotencyKey: "key-x-1",
      why: "It hangs.",
      proposedAt: start,
    },
  });
  await run(10_000);
  expect(states()).toEqual(["proposed", "sent", "accepted", "verifying"]);
  state.tokens = 100;
  await run(20_000);
  state.tokens = 0;
  await run(10_000);
  state.tokens = 100;
  await run(30_000);
  expect(states()).toHaveLength(4);
  await run(10_000);
  expect(records.all.actions.at(-1)).toMatchObject({
    state: "verified",
    reason: expect.stringContaining("tokens flow for 30s; not compared"),
  });
  await act.propose(proposal(), state.now);
  await run(600_000);
  expect(requests()).toHaveLength(1);
});

test("a repair that does not help is tried again after the pause, if somebody approves it, then people are told", async () => {
  const { act, states, run, state, sent, requests, records } = bench();
  await act.propose(proposal(), start);
  await run(600_000);
  // It was automatic, and did not help: from now on the same policy asks on this target.
  expect(states().at(-1)).toBe("held by mode");
  expect(records.all.actions.filter((one) => one.state === "demoted")).toMatchObject([
    { by: "verification", concerns: { policy: "all", target: "replica:vllm-0" } },
  ]);
  await act.people.approve(wordOn(act, "a-x-2"), state.now);
  await run(600_000);
  const once = ["proposed", "sent", "accepted", "verifying", "failed"];
  const again = ["proposed", "held by cooldown", "held by mode", "approved"];
  expect(states()).toEqual([...once, ...again, ...once.slice(1)]);
  expect(requests().map(({ data }) => data["idempotencyKey"])).toEqual(["key-x-1", "key-x-2"]);
  expect(sent.at(-1)).toMatchObject({ id: "escalated-a-x-2", type: "action.escalated" });
});

test("a verdict that the ledger does not take is given again when it does", async () => {
  const { act, states, state, run, records } = bench();
  await act.propose(proposal(), start);
  state.tokens = 100;
  await run(20_000);
  records.onPut = () => {
    throw new Error("disk full");
  };
  await run(40_000);
  expect(states().at(-1)).toBe("verifying");
  records.onPut = () => {};
  await run(20_000);
  expect(states().at(-1)).toBe("verified");
  expect(act.status().open).toEqual([]);
});

test("a second attempt is not made when all is well by then", async () => {
  const { act, states, state, run, requests } = bench();
  await act.propose(proposal(), start);
  await run(150_000);
  state.tokens = 100;
  await run(600_000);
  expect(states().at(-1)).toBe("held by recovered");
  expect(requests()).toHaveLength(1);
});

test("what the receiver can take back is taken back when it did not help", async () => {
  const { act, states, run, sent } = bench([{ ...auto, attempts: 1 }]);
  await act.propose(proposal({ kind: "shed-load", parameters: { share: "0.2", seconds: "120" } }), start);
  await run(200_000);
  expect(states().slice(-2)).toEqual(["failed", "undone"]);
  expect(sent.map(({ type }) => type)).toEqual(["action.requested", "action.undo", "action.escalated"]);
});

test("without telemetry the outcome is inconclusive: nothing is undone or repeated, people are told", async () => {
  const { act, run, sent, state, records } = bench();
  await act.propose(proposal({ kind: "shed-load", parameters: { share: "0.2", seconds: "120" } }), start);
  state.tokens = undefined;
  await run(900_000);
  expect(records.all.actions.at(-1)).toMatchObject({
    state: "failed",
    reason: expect.stringContaining("inconclusive"),
  });
  expect(sent.map(({ type }) => type)).toEqual(["action.requested", "action.escalated"]);
});

test("a request that cannot be delivered is a failed attempt", async () => {
  const { act, run, records, state } = bench([{ ...auto, attempts: 1 }]);
  state.answer = { kind: "failed", reason: "receiver refused it (409)", attempts: 1 };
  await act.propose(proposal(), start);
  await run(20_000);
  expect(records.all.actions.at(-1)).toMatchObject({
    state: "failed",
    by: "delivery",
    reason: "receiver refused it (409)",
  });
});

test("a restart goes on where the ledger ends: same message id, no second attempt, verification to the end", async () => {
  const { act, again, run, sent, state, requests, states } = bench();
  await act.propose(proposal(), start);
  const room = again();
  await room.restore();
  expect(new Set(sent.map(({ id }) => id)).size).toBe(1);
  await room.propose(proposal(), start);
  state.tokens = 100;
  await run(60_000, room);
  expect(states().at(-1)).toBe("verified");
  const third = again();
  await third.restore();
  await third.propose(proposal(), state.now);
  await run(60_000, third);
  expect(requests().every(({ id }) => id === "action-a-x-1")).toBe(true);
});

describe("connectors", () => {
  test("the one that ships is sound", () => {
    expect(mistakes).toEqual([]);
    expect(connectors.map(({ id, receiver }) => [id, receiver])).toEqual([["webhook", "fleet"]]);
  });

  test("mistakes are told with their place", () => {
    const text =
      "id: x\nkind: shell\nreceiver: fleet\ntype: action.requested\nserves: { format-disk: {} }\nfields: [action]\nrun: rm\n";
    const loaded = loadConnectors([{ name: "x.yaml", text }]);
    expect(loaded.connectors).toEqual([]);
    expect(loaded.mistakes.map(({ line }) => line)).toEqual(expect.arrayContaining([2, 5, 7]));
  });
});
