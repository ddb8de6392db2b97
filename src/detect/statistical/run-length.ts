// Detectors of runs: something that stood still, or was gone, for longer than it ever does.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { pack, unpack } from "../packing.ts";
import { usable } from "./natures.ts";

/** Points before it says anything. */
const pointsMin = 40;
/** Steps added to the longest run known, so that a series without any run is not odd at its first. */
const slackSteps = 3;
/** Score of a run as long as the longest known plus slack: within the normal range of a robust z. */
const scoreAtLongest = 4;
/** The longest run fades with this half-life, in points. */
const halfLifePoints = 5000;
/** Below this share of points that change, standing still is what the series does. */
const changingShareMin = 0.15;

/** Longer than any run can be that was counted step by step. */
const stepsMax = 1e9;
const fade = 0.5 ** (1 / halfLifePoints);

/** Values are steps since the gauges of an entity last changed, while it had work. Slots are entities. */
export const flatLine: DetectorKind<"point"> = {
  kind: "flat-line",
  summary: "All gauges of a replica with requests running repeat their last value for longer than they ever did.",
  input: "point",
  create: (snapshot) => createRunLength(changingShareMin, snapshot),
};

/** Values are steps since an entity last sent any signal. Slots are entities. */
export const dropout: DetectorKind<"point"> = {
  kind: "dropout",
  summary: "A replica sends nothing for longer than it ever did.",
  input: "point",
  create: (snapshot) => createRunLength(0, snapshot),
};

/** Values are steps for which an entity alone of its siblings has sent nothing, unexplained. Slots are entities. */
export const absence: DetectorKind<"point"> = {
  kind: "absence",
  summary: "A replica sends nothing for longer than it ever did, while its siblings do and no change explains it.",
  input: "point",
  create: (snapshot) => createRunLength(0, snapshot),
};

interface Runs {
  count: number;
  longest: number;
  /** Recent share of points that were no run. */
  changing: number;
}

/**
 * Compares the run at hand with the longest one learned. Own construction; the longest run is the plain upper bound of an
 * empirical distribution. Blind to runs no longer than those in its history.
 */
function createRunLength(shareMin: number, snapshot?: Uint8Array): Detector<"point"> {
  const bySlot = new Map<number, Runs>();
  if (snapshot !== undefined) restore(snapshot);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++)
        if (countable(batch, row)) fold(batch.slots[row] as number, batch.values[row] as number);
    },
    explain(batch, row) {
      const runs = bySlot.get(batch.slots[row] as number);
      return { expected: { low: 0, high: (runs?.longest ?? Number.NaN) + slackSteps }, evidence: [] };
    },
    snapshot() {
      const rows = [...bySlot].map(([slot, runs]) => Float64Array.of(slot, runs.count, runs.longest, runs.changing));
      return pack({ kind: "run-length" }, rows);
    },
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const runs = bySlot.get(batch.slots[row] as number);
    if (!countable(batch, row) || runs === undefined || runs.count < pointsMin || runs.changing < shareMin)
      return Number.NaN;
    return (scoreAtLongest * (batch.values[row] as number)) / (runs.longest + slackSteps);
  }

  function fold(slot: number, steps: number): void {
    let runs = bySlot.get(slot);
    if (runs === undefined) {
      runs = { count: 0, longest: 0, changing: 1 };
      bySlot.set(slot, runs);
    }
    runs.count++;
    runs.longest = Math.max(runs.longest * fade, steps);
    runs.changing += ((steps === 0 ? 1 : 0) - runs.changing) / Math.min(runs.count, 200);
  }

  function restore(bytes: Uint8Array): void {
    for (const column of unpack(bytes)?.columns ?? []) {
      if (column.length !== 4) continue;
      const [slot, count, longest, changing] = column as unknown as [number, number, number, number];
      bySlot.set(slot, { count, longest, changing });
    }
  }
}

/** Steps are counted from 0; what is no count is passed over. */
function countable(batch: PointBatch, row: number): boolean {
  const steps = batch.values[row] as number;
  return usable(batch, row) && steps >= 0 && steps <= stepsMax;
}
