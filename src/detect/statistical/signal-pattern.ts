// Detector, the full tier on canonical signals: on each one's scale, in the direction that harms.
import type { DetectorKind } from "../../model/detector.ts";
import { relativeNature as natureOf } from "./natures.ts";
import { createSeriesPattern, oddScore } from "./series-pattern.ts";

/** 120 MB at most, in memory and in a snapshot. */
const slotsMax = 10_000;
const memoryBinSeconds = 300;

/** Of a series that is odd from here on about one point in 30,000 is, and above it tails fall with the third power. */
const scoreAtOdd = 4.5;
const scorePerLogarithm = 1.26;

/**
 * Slots as for `robust-level`, values less those of the siblings: load moves all of them, and a shared morning is no shift.
 * Scores are brought to the scale of the others, whose tails fall like an exponential, for pools have little to be
 * calibrated by at first. See `series-pattern.ts` for how it works and what it is blind to.
 */
export const signalPattern: DetectorKind<"point"> = {
  kind: "signal-pattern",
  summary:
    "Oddness of a signal beside its siblings: of where it just was, its time of day, its shifts, how often it is odd.",
  input: "point",
  create(snapshot, stepMs = 60_000) {
    const patterns = createSeriesPattern(
      { stepSeconds: stepMs / 1000, behindPoints: 0, natureOf, memoryBinSeconds, slotsMax },
      snapshot,
    );
    return {
      ...patterns,
      score(batch, now, out) {
        patterns.score(batch, now, out);
        for (let row = 0; row < batch.rows; row++) {
          const times = out[row]! / oddScore;
          out[row] = scoreAtOdd * Math.min(1, times) + scorePerLogarithm * Math.log(Math.max(1, times));
        }
      },
    };
  },
};
