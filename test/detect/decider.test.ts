// The decider's memory of episodes: over restarts, and no longer than it is of use.
import { expect, test } from "vitest";
import { createCalibrator } from "../../src/detect/calibrator.ts";
import { createDecider } from "../../src/detect/decider.ts";

const lastSeen = 1_800_000_000_000;
const saved = [
  {
    lane: "signals",
    slot: 3,
    anomaly: { id: "a", entity: "replica:gone", onset: lastSeen - 60_000, lastSeen, tail: 1e-6 },
  },
];

test("an episode from before a restart, whose entity never comes back, is let go of like any other", () => {
  const decider = createDecider({ falseEpisodesPerWeek: 1, stepMs: 5000, shadeMs: 86_400_000 }, createCalibrator());
  decider.restore(saved);
  decider.forget(lastSeen);
  expect([...decider.open()].map(({ slot }) => slot)).toEqual([3]);
  decider.forget(lastSeen + 1);
  expect([...decider.open()]).toEqual([]);
  expect(decider.snapshot()).toEqual([]);
});
