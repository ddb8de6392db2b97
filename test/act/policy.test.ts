// Which policy is for an action, what it asks for, and when nothing runs at all.
import { describe, expect, test } from "vitest";
import type { Policy } from "../../src/act/policy.ts";
import { isOpen, type Window } from "../../src/act/windows.ts";
import { ada, auto, bench, proposal, start, wordOn } from "./bench.ts";

const always: Window["when"] = { from: start - 1, to: start + 3_600_000 };
const frozen: Window = { id: "xmas", kind: "freeze", target: "*", reason: "no changes", when: always };

function once(policy: Partial<Policy>, windows: readonly Window[] = []) {
  return bench([{ ...auto, ...policy }], { windows });
}

describe("an action is held", () => {
  const cases: [string, Partial<Policy>, readonly Window[], string][] = [
    ["when the policy is for other diagnoses", { failureMode: "kv-cache*" }, [], "mode"],
    ["when too few kinds of evidence speak for it", { minEvidence: 3 }, [], "evidence"],
    ["in a change freeze", {}, [frozen], "freeze"],
    [
      "outside its maintenance window",
      { onlyIn: ["night"] },
      [{ ...frozen, id: "night", kind: "maintenance", when: { from: 0, to: 1 } }],
      "freeze",
    ],
    ["when too few siblings would be healthy", { blastRadius: { minHealthy: { count: 3 } } }, [], "min-healthy"],
    [
      "when too small a share of siblings would be healthy",
      { blastRadius: { minHealthy: { percent: 70 } } },
      [],
      "min-healthy",
    ],
  ];
  test.each(cases)("%s", async (_what, policy, windows, by) => {
    const { act, states, sent, run } = once(policy, windows);
    await act.propose(proposal(), start);
    await run(60_000);
    expect(states()).toEqual(["proposed", `held by ${by}`]);
    expect(sent).toEqual([]);
  });

  const passes: [string, Partial<Policy>, readonly Window[]][] = [
    ["its diagnosis is the policy's", { failureMode: "stuck-*" }, []],
    ["two kinds of evidence speak for it", { minEvidence: 2 }, []],
    ["the freeze is for others", {}, [{ ...frozen, target: "deployment:other*" }]],
    ["its maintenance window is open", { onlyIn: ["night"] }, [{ ...frozen, id: "night", kind: "maintenance" }]],
    ["enough siblings are healthy", { blastRadius: { minHealthy: { count: 2, percent: 66 } } }, []],
  ];
  test.each(passes)("but not when %s", async (_what, policy, windows) => {
    const { act, sent } = once(policy, windows);
    await act.propose(proposal(), start);
    expect(sent).toHaveLength(1);
  });

  test("in a freeze although somebody approved it, until the freeze ends", async () => {
    const { act, sent, run } = once({ mode: "approve" }, [
      { ...frozen, when: { from: start - 1, to: start + 300_000 } },
    ]);
    await act.propose(proposal(), start);
    await act.people.approve(wordOn(act, "a-x-1"), start);
    await run(290_000);
    expect(sent).toEqual([]);
    await run(60_000);
    expect(sent).toHaveLength(1);
  });

  test("also what an earlier run wrote down as sent, and an undo; people are told all the same", async () => {
    const shed = { kind: "shed-load", parameters: { share: "0.2", seconds: "120" } } as const;
    const { act, again, sent, run } = bench([{ ...auto, attempts: 1 }], {
      windows: [{ ...frozen, when: { from: start + 1, to: start + 3_600_000 } }],
    });
    await act.propose(proposal(shed), start);
    expect(sent.splice(0)).toHaveLength(1);
    const room = again();
    await room.restore();
    await run(600_000, room);
    expect(sent).toEqual([]);
    await run(600_000);
    expect(sent.map(({ type }) => type)).toEqual(["action.escalated"]);
  });

  test("while a sibling it would leave alone is in trouble itself", async () => {
    const policy = { mode: "propose", blastRadius: { maxConcurrent: 9, minHealthy: { count: 2 } } } as const;
    const { act, states } = bench([
      { ...auto, ...policy, target: "replica:vllm-1" },
      { ...auto, ...policy, mode: "auto" },
    ]);
    await act.propose(proposal({ target: "replica:vllm-1" }), start);
    await act.propose(proposal(), start);
    expect(states().at(-1)).toBe("held by min-healthy");
  });

  test.each(["node", "zone"] as const)("when enough was done on one %s within the hour", async (area) => {
    const limit = area === "node" ? { maxPerNode: 1 } : { maxPerZone: 1 };
    const { act, state, states, run, requests } = bench([
      { ...auto, blastRadius: { maxShare: 1, maxConcurrent: 9, ...limit } },
    ]);
    state.places = {
      "replica:vllm-0": { [area]: "a" },
      "replica:vllm-1": { [area]: "a" },
      "replica:vllm-2": { [area]: "b" },
    };
    await act.propose(proposal(), start);
    state.tokens = 100;
    await run(100_000);
    await act.propose(proposal({ target: "replica:vllm-1" }), state.now);
    expect(states().at(-1)).toBe("held by blast-radius");
    await act.propose(proposal({ target: "replica:vllm-2" }), state.now);
    expect(requests().map(({ data }) => data["target"])).toEqual(["replica:vllm-0", "replica:vllm-2"]);
  });

  test("while many incidents are open, and until it has been calm; a person may say otherwise", async () => {
    const { act, state, states, run, sent, requests } = bench();
    state.incidents = 6;
    await act.propose(proposal(), start);
    expect(states().at(-1)).toBe("held by storm");
    state.incidents = 1;
    await run(500_000);
    expect(sent).toEqual([]);
    await run(200_000);
    expect(requests()).toHaveLength(1);
    const asked = bench([{ ...auto, mode: "approve" }]);
    asked.state.incidents = 6;
    await asked.act.propose(proposal(), start);
    await asked.act.people.approve(wordOn(asked.act, "a-x-1"), start);
    expect(asked.sent).toHaveLength(1);
  });

  test.each(["stopped", "elsewhere"] as const)("while it is %s, also at the last moment", async (what) => {
    const { act, records, state, sent, states, run } = bench();
    records.onPut = (_kind, [entry]) => {
      if ((entry as { state: string }).state === "sent") state[what] = "for a reason";
    };
    await act.propose(proposal(), start);
    await run(60_000);
    expect(states()).toEqual(["proposed", "sent", `held by ${what === "stopped" ? "kill-switch" : "executor"}`]);
    expect(sent).toEqual([]);
    records.onPut = () => {};
    state[what] = undefined;
    await run(20_000);
    expect(sent).toHaveLength(1);
  });
});

test("the kill switch of the configuration cannot be taken back by the API", async () => {
  const { act, state, sent } = bench();
  state.stopped = "act.killSwitch";
  await act.people.kill(false, ada, "", start);
  await act.propose(proposal(), start);
  expect(act.status().killed).toBe("act.killSwitch");
  expect(sent).toEqual([]);
});

describe("a window", () => {
  const weekly = (days: number[], at: string, hours: number, timeZone: string): Window => {
    const [h = 0, m = 0] = at.split(":").map(Number);
    return { ...frozen, when: { days, atMinute: h * 60 + m, lasts: hours * 3_600_000, timeZone } };
  };
  const cases: [string, Window, string, boolean][] = [
    ["once, at its beginning", { ...frozen, when: { from: 1000, to: 2000 } }, "1970-01-01T00:00:01Z", true],
    ["once, at its end", { ...frozen, when: { from: 1000, to: 2000 } }, "1970-01-01T00:00:02Z", false],
    ["Friday evening in Berlin, in winter", weekly([5], "18:00", 62, "Europe/Berlin"), "2026-01-09T16:59:59Z", false],
    [
      "Friday evening in Berlin, in winter, begun",
      weekly([5], "18:00", 62, "Europe/Berlin"),
      "2026-01-09T17:00:00Z",
      true,
    ],
    [
      "Friday evening in Berlin, in summer, begun",
      weekly([5], "18:00", 62, "Europe/Berlin"),
      "2026-07-10T16:00:00Z",
      true,
    ],
    ["its Monday, before the end", weekly([5], "18:00", 62, "Europe/Berlin"), "2026-01-12T06:59:59Z", true],
    ["its Monday, at the end", weekly([5], "18:00", 62, "Europe/Berlin"), "2026-01-12T07:00:00Z", false],
    ["over midnight", weekly([3], "23:00", 2, "UTC"), "2026-01-15T00:30:00Z", true],
    [
      "far east, where it is tomorrow already",
      weekly([4], "00:00", 1, "Pacific/Kiritimati"),
      "2026-01-14T10:30:00Z",
      true,
    ],
    [
      "far west, where it is still yesterday",
      weekly([2], "23:00", 1, "Pacific/Pago_Pago"),
      "2026-01-14T10:30:00Z",
      true,
    ],
    ["a time that the clock skips", weekly([0], "02:30", 1, "Europe/Berlin"), "2026-03-29T01:30:00Z", true],
    ["two weeks long", weekly([1], "00:00", 336, "UTC"), "2026-01-18T23:59:59Z", true],
  ];
  test.each(cases)("%s", (_what, window, at, open) => {
    expect(isOpen(window, Date.parse(at))).toBe(open);
  });
});
