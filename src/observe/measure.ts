// From raw series to one canonical value at one instant: last values, reset-aware rates, quantiles of new observations.
import { bucketQuantile } from "../math/quantile.ts";
import { quality } from "../model/series.ts";
import { firstAtOrAfter } from "./columns.ts";
import { lastUsable, type StoredSeries } from "./raw-series.ts";

export interface Windows {
  /** Length of time rates and quantiles look back. */
  readonly rateWindowMs: number;
  readonly stepMs: number;
}

/** A value with its quality; written to again and again, never kept. */
export interface Measured {
  value: number;
  quality: number;
}

/** Observations below which a quantile says little. */
const thinBelow = 10;
/** A series that reports less often than this is not waited for. */
const patienceMsMax = 300_000;

/** How long after its last point a series still counts as there: three of its intervals, at least two steps. */
function patienceMs(series: StoredSeries, windows: Windows): number {
  const interval = Number.isNaN(series.intervalMs) ? windows.stepMs : series.intervalMs;
  return Math.min(patienceMsMax, Math.max(3 * interval, 2 * windows.stepMs));
}

/** Index of the point that stands for `at`, or -1 when the series is not there (any more). */
export function currentIndex(series: StoredSeries, at: number, windows: Windows): number {
  const index = lastUsable(series, at);
  if (index < 0) return -1;
  return at - (series.columns.times[index] as number) <= patienceMs(series, windows) ? index : -1;
}

/** Last value of a gauge. */
export function measureLast(series: StoredSeries, at: number, windows: Windows, out: Measured): void {
  const index = currentIndex(series, at, windows);
  const value = index < 0 ? Number.NaN : ((series.columns.values[0] as Float64Array)[index] as number);
  out.value = value;
  out.quality = Number.isNaN(value) ? quality.MISSING : 0;
}

/** Increase a second of one column over the window; otherwise as {@link measureIncrease}. */
export function measureRate(series: StoredSeries, column: number, at: number, windows: Windows, out: Measured): void {
  const lengthMs = measureIncrease(series, column, at, windows, out);
  if (lengthMs <= 0) return;
  out.value = (out.value / lengthMs) * 1000;
  if (!Number.isFinite(out.value)) out.quality = quality.MISSING;
}

/**
 * Increase of one column over the window; returns over how many milliseconds, 0 if there is none. Counts on from zero after
 * a restart, so it is never negative. Blind to what a counter gained between its last report and its restart.
 */
export function measureIncrease(
  series: StoredSeries,
  column: number,
  at: number,
  windows: Windows,
  out: Measured,
): number {
  out.value = Number.NaN;
  out.quality = quality.MISSING;
  const last = currentIndex(series, at, windows);
  const base = last < 0 ? -1 : baseIndex(series, last, at, windows);
  if (base < 0) return 0;
  const { times, flags } = series.columns;
  const values = series.columns.values[column] as Float64Array;
  let increase = 0;
  let restarted = 0;
  let before = values[base] as number;
  for (let i = base + 1; i <= last; i++) {
    const flag = flags[i] as number;
    if ((flag & quality.STALE) !== 0) continue;
    const value = values[i] as number;
    if ((flag & quality.RESET) !== 0 || value < before) {
      restarted = quality.RESET;
      increase += value;
    } else increase += value - before;
    before = value;
  }
  out.value = increase;
  out.quality = restarted;
  return (times[last] as number) - (times[base] as number);
}

/** A gauge's value while its last change lies within the window, else 0: for gauges that keep their last event for ever. */
export function measureChanged(series: StoredSeries, at: number, windows: Windows, out: Measured): void {
  measureLast(series, at, windows, out);
  const last = currentIndex(series, at, windows);
  if (last < 0) return;
  const { times, flags, start } = series.columns;
  const values = series.columns.values[0] as Float64Array;
  for (let i = last - 1; i >= start && (times[i + 1] as number) > at - windows.rateWindowMs; i--) {
    if (((flags[i] as number) & quality.STALE) === 0 && values[i] !== values[last]) return;
  }
  out.value = 0;
}

/**
 * Adds a histogram's new observations over the window to `counts` (one a bucket, not cumulative). Returns whether the
 * series is there at all; `out.value` becomes the increase of the sum.
 */
export function addObservations(
  series: StoredSeries,
  at: number,
  windows: Windows,
  counts: Float64Array,
  out: Measured,
): boolean {
  out.value = 0;
  out.quality = 0;
  const last = currentIndex(series, at, windows);
  const base = last < 0 ? -1 : baseIndex(series, last, at, windows);
  if (base < 0) return false;
  const { values, flags } = series.columns;
  const buckets = values.length - 1;
  const total = values[buckets] as Float64Array;
  const sums = values[0] as Float64Array;
  let before = base;
  for (let i = base + 1; i <= last; i++) {
    if (((flags[i] as number) & quality.STALE) !== 0) continue;
    const restarted = ((flags[i] as number) & quality.RESET) !== 0 || (total[i] as number) < (total[before] as number);
    if (restarted) out.quality |= quality.RESET;
    if (restarted || total[i] !== total[before]) {
      let below = 0;
      for (let bucket = 0; bucket < buckets; bucket++) {
        const column = values[bucket + 1] as Float64Array;
        const grown = (column[i] as number) - (restarted ? 0 : (column[before] as number));
        counts[bucket] = (counts[bucket] as number) + Math.max(0, grown - below);
        below = grown;
      }
      out.value += (sums[i] as number) - (restarted ? 0 : (sums[before] as number));
    }
    before = i;
  }
  return true;
}

/** 95th percentile of the observations counted in `counts`. MISSING without any, THIN with few. */
export function measureP95(bounds: readonly number[], counts: Float64Array, out: Measured): void {
  const total = totalOf(counts, bounds.length + 1);
  out.value = total > 0 ? bucketQuantile(bounds, counts, 0.95) : Number.NaN;
  if (Number.isNaN(out.value)) out.quality = quality.MISSING;
  else if (total < thinBelow) out.quality |= quality.THIN;
}

/** Mean of the observations counted in `counts`, whose sum is `out.value`. */
export function measureMean(counts: Float64Array, buckets: number, out: Measured): void {
  const total = totalOf(counts, buckets);
  out.value = total > 0 ? out.value / total : Number.NaN;
  if (total <= 0) out.quality = quality.MISSING;
  else if (total < thinBelow) out.quality |= quality.THIN;
}

export function totalOf(counts: Float64Array, buckets: number): number {
  let total = 0;
  for (let i = 0; i < buckets; i++) total += counts[i] as number;
  return total;
}

/** The point a window's increase is counted from: the last one at or before its start, unless that is too long ago. */
function baseIndex(series: StoredSeries, last: number, at: number, windows: Windows): number {
  const { columns } = series;
  const from = at - windows.rateWindowMs;
  let index = firstAtOrAfter(columns, from);
  const before = index - 1;
  const exact = index < columns.end && columns.times[index] === from;
  if (!exact && before >= columns.start && (columns.times[before] as number) >= from - windows.rateWindowMs)
    index = before;
  while (index < last && ((columns.flags[index] as number) & quality.STALE) !== 0) index++;
  return index < last ? index : -1;
}
