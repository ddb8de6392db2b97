// Quantiles and fractions of classic histograms: cumulative bucket counts under upper bounds in the label `le`.
import { projection } from "../ast.ts";
import type { Metric } from "../metric.ts";
import { project } from "../metric.ts";
import { parseNumber } from "../syntax/literals.ts";
import type { Vector } from "./vector.ts";

export interface Bucket {
  upper: number;
  count: number;
}

export interface Histogram {
  /** With its name, without `le`. */
  readonly metric: Metric;
  readonly buckets: Bucket[];
}

const withoutLe = projection(false, ["le"]);

/** The histograms in a vector, in order of appearance; what has no readable `le` goes to `malformed`. */
export function collectHistograms(vector: Vector, malformed: (metric: Metric, le: string) => void): Histogram[] {
  const histograms = new Map<string, Histogram>();
  for (let i = 0; i < vector.length; i++) {
    const metric = vector.metrics[i]!;
    const le = metric.labels["le"] ?? "";
    const upper = parseBound(le);
    if (upper === undefined) {
      malformed(metric, le);
      continue;
    }
    const own = project(metric, withoutLe);
    let histogram = histograms.get(own.key);
    if (histogram === undefined) {
      histogram = { metric: own, buckets: [] };
      histograms.set(own.key, histogram);
    }
    histogram.buckets.push({ upper, count: vector.values[i]! });
  }
  return [...histograms.values()];
}

function parseBound(text: string): number | undefined {
  const sign = text.startsWith("-") ? -1 : 1;
  const size = text.replace(/^[+-]/, "");
  if (/^(inf|infinity)$/i.test(size)) return sign * Number.POSITIVE_INFINITY;
  if (!/^[\d.]/.test(size) || /[a-df-z_]/i.test(size)) return undefined;
  const value = parseNumber(size);
  return value === undefined ? undefined : sign * value;
}

/**
 * The value below which a share of observations lies, linear inside a bucket. Blind to how observations lie inside it: the
 * answer is off by up to its width. NaN without observations or without a +Inf bucket.
 * `forced`: counts fell from one bucket to the next by more than rounding, and were lifted. Changes `buckets`.
 */
export function bucketQuantile(quantile: number, buckets: Bucket[]): { value: number; forced: boolean } {
  if (Number.isNaN(quantile)) return { value: Number.NaN, forced: false };
  if (quantile < 0) return { value: Number.NEGATIVE_INFINITY, forced: false };
  if (quantile > 1) return { value: Number.POSITIVE_INFINITY, forced: false };
  const merged = sortAndMerge(buckets);
  if (merged === undefined) return { value: Number.NaN, forced: false };
  const forced = liftFalls(merged);
  const last = merged.length - 1;
  const observations = merged[last]!.count;
  if (merged.length < 2 || observations === 0) return { value: Number.NaN, forced: false };
  let rank = quantile * observations;
  let b = 0;
  while (b < last && !(merged[b]!.count >= rank)) b++;
  if (b === last) return { value: merged[last - 1]!.upper, forced };
  const { upper, count } = merged[b]!;
  if (b === 0 && upper <= 0) return { value: upper, forced };
  const below = b === 0 ? { upper: 0, count: 0 } : merged[b - 1]!;
  rank -= below.count;
  return { value: below.upper + (upper - below.upper) * (rank / (count - below.count)), forced };
}

/** The share of observations between two values, linear inside a bucket. Changes `buckets`. */
export function bucketFraction(lower: number, upper: number, buckets: Bucket[]): number {
  const merged = sortAndMerge(buckets);
  if (merged === undefined) return Number.NaN;
  const total = merged.at(-1)!.count;
  if (total === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  return (rankOf(upper, merged, total) - rankOf(lower, merged, total)) / total;
}

/** How many observations lie below a value. */
function rankOf(value: number, buckets: readonly Bucket[], total: number): number {
  let below = 0;
  let from = Number.NEGATIVE_INFINITY;
  for (const [i, bucket] of buckets.entries()) {
    // Without a bound at or below zero, nothing negative is thought to be in the first bucket.
    if (i === 0 && bucket.upper > 0) from = 0;
    if (from >= value) return Math.min(below, total);
    if (bucket.upper > value) {
      // A bucket without a lower end has no width to interpolate in.
      if (from === Number.NEGATIVE_INFINITY) return Math.min(bucket.count, total);
      const rank = below + ((bucket.count - below) * (value - from)) / (bucket.upper - from);
      return Math.min(rank, total);
    }
    below = bucket.count;
    from = bucket.upper;
  }
  return total;
}

/** Sorted by bound, equal bounds added up; undefined without a +Inf bucket. */
function sortAndMerge(buckets: Bucket[]): Bucket[] | undefined {
  buckets.sort((a, b) => (a.upper === b.upper ? 0 : a.upper < b.upper ? -1 : 1));
  if (buckets.at(-1)?.upper !== Number.POSITIVE_INFINITY) return undefined;
  const merged: Bucket[] = [];
  for (const bucket of buckets) {
    const last = merged.at(-1);
    if (last !== undefined && last.upper === bucket.upper) last.count += bucket.count;
    else merged.push({ ...bucket });
  }
  return merged;
}

/** Relative difference that is rounding, not data. */
const tolerance = 1e-12;

/** Makes counts rise; true if a fall was more than rounding. */
function liftFalls(buckets: Bucket[]): boolean {
  let forced = false;
  let before = buckets[0]!.count;
  for (let i = 1; i < buckets.length; i++) {
    const { count } = buckets[i]!;
    if (count === before) continue;
    const same = Math.abs(count - before) / Math.min(Math.abs(count) + Math.abs(before), Number.MAX_VALUE) < tolerance;
    if (same || count < before) {
      if (!same) forced = true;
      buckets[i]!.count = before;
    } else before = count;
  }
  return forced;
}
