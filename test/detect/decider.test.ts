// The decider's memory of episodes: over restarts, and no longer than it is of use.
import { expect, test } from "vitest";
import { createCalibrator } from "../../src/detect/calibrator.ts";
import { createDecider } from "../../src/detect/decider.ts";

const lastSeen = 1_800_000_000_000;
const saved = [
  {
    lane: "signals",
    slot: 3,
    anomaly: {
      id: "a",
      entity: "replica:gone",
      signal: "ttft",
      onset: lastSeen - 60_000,
      lastSeen,
      tail: 1e-6,
      direction: "up",
      shape: "level-shift",
      observed: 3,
      // As JSON has a band without a lower end.
      expected: { low: null, high: 1 },
      detector: "robust-level",
      evidence: [],
    },
  },
];

test("an episode from before a restart, whose entity never comes back, is let go of like any other", () => {
  const decider = createDecider(
    { falseEpisodesPerWeek: 1, stepMs: 5000, shadeMs: 86_400_000, knownMs: () => 0 },
    createCalibrator(),
  );
  expect(decider.restore(saved)).toBe(true);
  expect([...decider.open()][0]?.anomaly.expected).toEqual({ low: Number.NaN, high: 1 });
  decider.forget(lastSeen);
  expect([...decider.open()].map(({ slot }) => slot)).toEqual([3]);
  decider.forget(lastSeen + 1);
  expect([...decider.open()]).toEqual([]);
  expect(decider.snapshot()).toEqual([]);
});

test.each([
  ["a text", "episodes"],
  ["a list of other things", [1, null]],
  ["a slot beyond all", [{ ...saved[0], slot: 2 ** 40 }]],
  ["a slot that is no number", [{ ...saved[0], slot: "3" }]],
  ["an anomaly without a time", [{ ...saved[0], anomaly: { ...saved[0]?.anomaly, onset: null } }]],
  ["an anomaly of a signal that is none", [{ ...saved[0], anomaly: { ...saved[0]?.anomaly, signal: "mood" } }]],
  ["one good episode beside a bad one", [saved[0], { lane: "signals" }]],
])("%s is no snapshot: refused, and nothing is taken of it", (_what, wrong) => {
  const decider = createDecider(
    { falseEpisodesPerWeek: 1, stepMs: 5000, shadeMs: 86_400_000, knownMs: () => 0 },
    createCalibrator(),
  );
  expect(decider.restore(wrong)).toBe(false);
  expect([...decider.open()]).toEqual([]);
});
