// How odd a series must be: the budget of false episodes, shared by all series, as scores to compare with.
import type { DurationMs } from "../../model/time.ts";
import { binCount, binWidth, type Calibrator } from "../calibrator.ts";
import { lookMs, openTailOf } from "../episodes.ts";
import { pools } from "./profile.ts";
import { noBin } from "./step-ring.ts";

export interface PoolLimits {
  /** By pool, twice: direction of harm known, and not. */
  readonly openScore: Float64Array;
  readonly tails: readonly { readonly openTail: number; readonly calmTail: number }[];
}

export interface SeriesLimits {
  /** With so many series looked at. The object is reused. */
  now(series: number): PoolLimits;
  /** Teaches the calibrator the scores of a step. */
  calibrate(bins: Uint16Array, slots: number, poolOf: (slot: number) => number): void;
}

/** Both directions are looked at, and neither is known to harm. */
const strictness = 0.1;
/** All series of a step together teach as much as so many: they move together, and the memory should span days. */
const seriesWorth = 14;
/** Weights are multiples of it, so that their sums are exact in whatever order they are added. */
const grain = 2 ** -24;
/** Scores a pool must have seen, in weights, before it opens anything. */
const seenMin = 5;

export function createSeriesLimits(
  options: { readonly stepMs: DurationMs; readonly falseEpisodesPerWeek: number },
  calibrator: Calibrator,
): SeriesLimits {
  const openScore = new Float64Array(2 * pools.length).fill(Number.POSITIVE_INFINITY);
  const tails = Array.from(openScore, () => ({ openTail: 0, calmTail: 0 }));
  const counts = pools.map(() => new Float64Array(binCount));
  const stepWeight = Math.min(1, options.stepMs / lookMs);

  return {
    now(series) {
      const open = openTailOf(options.falseEpisodesPerWeek, series);
      for (let i = 0; i < openScore.length; i++) {
        const limit = i % 2 === 0 ? open : open * strictness;
        const one = tails[i] as { openTail: number; calmTail: number };
        one.openTail = limit;
        one.calmTail = Math.sqrt(limit);
        openScore[i] = scoreOf(pools[i >> 1] as string, limit);
      }
      return { openScore, tails };
    },
    calibrate(bins, slots, poolOf) {
      let seen = 0;
      for (const column of counts) column.fill(0);
      for (let slot = 0; slot < slots; slot++) {
        const bin = bins[slot] as number;
        if (bin === noBin) continue;
        const column = counts[poolOf(slot)] as Float64Array;
        column[bin] = (column[bin] as number) + 1;
        seen++;
      }
      const each = (stepWeight * Math.min(seen, seriesWorth)) / Math.max(1, seen);
      const weight = Math.max(grain, Math.round(each / grain) * grain);
      for (const [pool, column] of counts.entries())
        for (let bin = 0; bin < binCount; bin++) {
          const count = column[bin] as number;
          if (count > 0) calibrator.learn(pools[pool] as string, (bin + 0.5) * binWidth, count * weight);
        }
    },
  };

  /** The lowest score whose tail is within the limit; infinite where none is, or too little was seen. */
  function scoreOf(pool: string, limit: number): number {
    // Without any score seen a pool believes its prior alone.
    if (calibrator.seen(pool) < seenMin) return Number.POSITIVE_INFINITY;
    let low = 0;
    let high = binCount * binWidth;
    if (calibrator.tail(pool, high) > limit) return Number.POSITIVE_INFINITY;
    for (let i = 0; i < 30; i++) {
      const middle = (low + high) / 2;
      if (calibrator.tail(pool, middle) > limit) low = middle;
      else high = middle;
    }
    return high;
  }
}
