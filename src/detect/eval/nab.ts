// Score of the Numenta Anomaly Benchmark: early detections inside windows earn, detections outside cost.
import type { Segment } from "./segments.ts";

export interface NabProfile {
  readonly truePositive: number;
  readonly falsePositive: number;
  readonly falseNegative: number;
}

export const nabStandard: NabProfile = { truePositive: 1, falsePositive: 0.11, falseNegative: 1 };
export const nabLowFalsePositives: NabProfile = { truePositive: 1, falsePositive: 0.22, falseNegative: 1 };

export interface NabFile {
  readonly flags: ArrayLike<number>;
  readonly windows: readonly Segment[];
}

/**
 * 100 for every window found at its start and no false alarm, 0 for silence. NaN without any window.
 * Source: Lavin and Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms" (2015). The first 15 % of a file, at most
 * 750 rows, are not judged. Every flagged row outside a window costs, so repeats of an alert are not free.
 */
export function nabScore(files: readonly NabFile[], profile: NabProfile): number {
  let raw = 0;
  let windowCount = 0;
  for (const { flags, windows } of files) {
    windowCount += windows.length;
    raw += fileScore(flags, windows, profile);
  }
  const { truePositive, falseNegative } = profile;
  return (100 * (raw + falseNegative * windowCount)) / ((truePositive + falseNegative) * windowCount);
}

/** Rows at the head of a file of `length` rows that are not judged. */
export function probationOf(length: number): number {
  return Math.min(Math.floor(0.15 * length), 750);
}

function fileScore(flags: ArrayLike<number>, windows: readonly Segment[], profile: NabProfile): number {
  const best = windows.map(() => Number.NaN);
  let cost = 0;
  let past = -1;
  for (let i = 0; i < flags.length; i++) {
    while (past + 1 < windows.length && windows[past + 1]!.end < i) past++;
    if (flags[i] === 0 || i < probationOf(flags.length)) continue;
    const current = windows[past + 1];
    if (current !== undefined && i >= current.start) {
      const place = -(current.end - i + 1) / (current.end - current.start + 1);
      const value = sigmoid(place) / sigmoid(-1);
      if (!(best[past + 1]! >= value)) best[past + 1] = value;
    } else if (past < 0) cost -= 1;
    else {
      const before = windows[past]!;
      cost += sigmoid((i - before.end) / (before.end - before.start));
    }
  }
  let gain = 0;
  for (const value of best) gain += Number.isNaN(value) ? -profile.falseNegative : profile.truePositive * value;
  return gain + profile.falsePositive * cost;
}

function sigmoid(place: number): number {
  return place > 3 ? -1 : 2 / (1 + Math.exp(5 * place)) - 1;
}
