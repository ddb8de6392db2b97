// What is normal for each of many series: centre and spread to either side, over a sliding window of learned values.
import { quantileOf } from "../../math/quantile.ts";
import { createRecords } from "./records.ts";

/** Level of one series, on its scale. */
export interface Level {
  center: number;
  /** Spread below and above the centre, as one standard deviation of a normal distribution. */
  low: number;
  high: number;
}

export interface Levels {
  /** Points learned of a slot, up to the window. */
  count(slot: number): number;
  /** Folds a value in. */
  learn(slot: number, value: number): void;
  /** Writes the level; false while nothing is known. */
  read(slot: number, out: Level): boolean;
  /** Takes what is known for as high by `distance` as it is, spread and all. */
  shift(slot: number, distance: number): void;
  snapshot(): Uint8Array;
}

/** Distance of the 95th percentile from the median of a normal distribution, in standard deviations. */
const sigmasTo95 = 1.645;
/** A window is sorted anew after so many points, once it is long less often: a point in hundreds moves it little. */
const refreshEvery = 6;
const refreshEveryWhenLong = 18;
const longPoints = 180;
/** Places in a record; the window's values follow. */
const count = 0;
const next = 1;
const sinceRefresh = 2;
const center = 3;
const low = 4;
const high = 5;
const head = 6;

/**
 * Windowed median with the 5th and 95th percentile as spread, recomputed every few points: up to 45 % of the window may be
 * outliers before the centre moves to them, and skewed noise (queues, latencies) keeps its two sides apart.
 * Source: order statistics of a sliding window, as in Hampel's filter (1974), with percentiles in place of the MAD, which is
 * zero for series that mostly rest. Blind to anything slower than the window (drift), and to the time of day.
 * State: 4 bytes a point of the window, and 24.
 */
export function createLevels(windowPoints: number, snapshot?: Uint8Array): Levels {
  const records = createRecords("levels", head + windowPoints, snapshot);
  const scratch = new Float32Array(windowPoints);

  return {
    count: (slot) => records.find(slot)?.[records.offset(slot) + count] ?? 0,
    learn(slot, value) {
      const all = records.make(slot);
      const at = records.offset(slot);
      const place = all[at + next] as number;
      all[at + head + place] = value;
      all[at + next] = place + 1 === windowPoints ? 0 : place + 1;
      const known = Math.min(windowPoints, (all[at + count] as number) + 1);
      all[at + count] = known;
      const since = (all[at + sinceRefresh] as number) + 1;
      all[at + sinceRefresh] = since;
      if (known <= refreshEvery || since >= (known > longPoints ? refreshEveryWhenLong : refreshEvery))
        refresh(all, at);
    },
    read(slot, out) {
      const all = records.find(slot);
      const at = records.offset(slot);
      if (all === undefined || all[at + count] === 0) return false;
      out.center = all[at + center] as number;
      out.low = all[at + low] as number;
      out.high = all[at + high] as number;
      return true;
    },
    shift(slot, distance) {
      const all = records.find(slot);
      const at = records.offset(slot);
      if (all === undefined) return;
      for (let i = 0; i < all[at + count]!; i++) all[at + head + i]! += distance;
      all[at + center]! += distance;
    },
    snapshot: records.snapshot,
  };

  function refresh(all: Float32Array, at: number): void {
    const known = all[at + count] as number;
    for (let i = 0; i < known; i++) scratch[i] = all[at + head + i] as number;
    const median = quantileOf(scratch, known, 0.5);
    all[at + center] = median;
    // Selection has put the lower half to the left of the middle: each tail is looked for in its half only.
    const middle = Math.floor(0.5 * (known - 1));
    const below = middle === 0 ? median : quantileOf(scratch, middle + 1, (0.05 * (known - 1)) / middle);
    const upper = scratch.subarray(middle, known);
    const above =
      known - 1 === middle
        ? median
        : quantileOf(upper, upper.length, (0.95 * (known - 1) - middle) / (known - 1 - middle));
    all[at + low] = Math.max(0, (median - below) / sigmasTo95);
    all[at + high] = Math.max(0, (above - median) / sigmasTo95);
    all[at + sinceRefresh] = 0;
  }
}
