// Whether a stretch of values repeats itself, and after how many points; and the stretch without what repeats.
import { quantileOf } from "../../math/quantile.ts";

export interface PeriodFinder {
  /** Points after which `values[0..count)` repeats, as seen at least five times; 0 where it does not. */
  find(values: Float64Array, count: number): number;
  /** Takes from `values[0..count)` what each phase of `period` usually adds to the mean of the period around it. */
  remove(values: Float64Array, count: number, period: number): void;
}

const periodMin = 4;
const periodsSeenMin = 5;
/** Autocorrelation wanted at one, two and three periods: of the values less their line, and of their differences. */
const levelMin = 0.3;
const differenceMin = 0.4;
/** It must rise so far above the troughs before and after it. */
const prominence = 0.3;
/** Months are not all as long as each other: multiples of a period are looked for so far around, as a share. */
const jitter = 0.07;
/** A longer period must be so much plainer than a shorter one. */
const preferShort = 1.1;

/**
 * A period is a lag where the autocorrelation peaks, and peaks again at twice and three times the lag: of the values less
 * their straight line, or of their differences (a season on a wandering level). What repeats is the median of each phase
 * after a centred moving average, as in classical decomposition (Macaulay 1931), with medians for robustness.
 * Blind to periods seen fewer than five times, to two periods at once, and to a season whose size grows with the level.
 */
export function createPeriodFinder(capacity: number): PeriodFinder {
  const work = new Float64Array(capacity);
  const correlation = new Float64Array(capacity);
  const phase = new Float64Array(Math.ceil(capacity / periodMin));

  return { find, remove };

  function find(values: Float64Array, count: number): number {
    const lagMax = Math.floor(count / periodsSeenMin);
    if (lagMax < periodMin) return 0;
    lessLine(values, count);
    correlate(count, 3 * lagMax + 2);
    const byLevel = strongest(lagMax, levelMin);
    for (let i = 1; i < count; i++) work[i - 1] = values[i]! - values[i - 1]!;
    const slope = (values[count - 1]! - values[0]!) / (count - 1);
    for (let i = 0; i < count - 1; i++) work[i]! -= slope;
    correlate(count - 1, 3 * lagMax + 2);
    const byDifference = strongest(lagMax, differenceMin);
    return byDifference.strength > preferShort * byLevel.strength ? byDifference.lag : byLevel.lag;
  }

  function remove(values: Float64Array, count: number, period: number): void {
    const half = Math.floor(period / 2);
    const even = period % 2 === 0;
    let sum = 0;
    for (let i = 0; i < 2 * half; i++) sum += values[i]!;
    for (let i = half; i + half < count; i++) {
      sum += values[i + half]!;
      const ends = even ? (values[i - half]! + values[i + half]!) / 2 : 0;
      work[i] = values[i]! - (sum - ends) / period;
      sum -= values[i - half]!;
    }
    for (let p = 0; p < period; p++) {
      let seen = 0;
      for (let i = p; i < count - half; i += period) if (i >= half) phase[seen++] = work[i]!;
      const usual = quantileOf(phase, seen, 0.5);
      for (let i = p; i < count; i += period) values[i]! -= usual;
    }
  }

  function lessLine(values: Float64Array, count: number): void {
    const middle = (count - 1) / 2;
    let mean = 0;
    let tilt = 0;
    for (let i = 0; i < count; i++) {
      mean += values[i]! / count;
      tilt += (i - middle) * values[i]!;
    }
    const slope = tilt / ((count * (count * count - 1)) / 12);
    for (let i = 0; i < count; i++) work[i] = values[i]! - mean - slope * (i - middle);
  }

  /** Autocorrelation of `work[0..count)` at lags 0..`lags`, into `correlation`. */
  function correlate(count: number, lags: number): void {
    let variance = 0;
    for (let i = 0; i < count; i++) variance += work[i]! ** 2;
    for (let lag = 0; lag <= lags; lag++) {
      let sum = 0;
      for (let i = lag; i < count; i++) sum += work[i]! * work[i - lag]!;
      correlation[lag] = variance > 0 && lag < count ? (sum / variance) * (count / (count - lag)) : 0;
    }
  }

  function strongest(lagMax: number, least: number): { readonly lag: number; readonly strength: number } {
    let lag = 0;
    let strength = 0;
    for (let candidate = periodMin; candidate <= lagMax; candidate++) {
      const here = correlation[candidate]!;
      if (here < correlation[candidate - 1]! || here < correlation[candidate + 1]!) continue;
      const twice = highestAround(2 * candidate);
      if (here - lowest(1, candidate) < prominence) continue;
      if (Math.min(here, twice) - lowest(candidate, 2 * candidate) < prominence) continue;
      const weakest = Math.min(here, twice, highestAround(3 * candidate));
      if (weakest < least || weakest <= preferShort * strength) continue;
      lag = candidate;
      strength = weakest;
    }
    return { lag: sharpened(lag), strength };
  }

  /** Of the lags around a noisy peak the one that fits two and three periods as well. */
  function sharpened(lag: number): number {
    const slack = Math.round(jitter * lag);
    let best = lag;
    let most = Number.NEGATIVE_INFINITY;
    for (let at = lag - slack; at <= lag + slack; at++) {
      const sum = (correlation[at] ?? 0) + (correlation[2 * at] ?? 0) + (correlation[3 * at] ?? 0);
      if (sum <= most) continue;
      most = sum;
      best = at;
    }
    return best;
  }

  function highestAround(lag: number): number {
    const slack = Math.round(jitter * lag);
    let highest = -1;
    for (let i = lag - slack; i <= lag + slack; i++) highest = Math.max(highest, correlation[i] ?? -1);
    return highest;
  }

  function lowest(from: number, to: number): number {
    let low = 1;
    for (let i = from; i < to; i++) low = Math.min(low, correlation[i]!);
    return low;
  }
}
