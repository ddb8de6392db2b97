// Functions that sum up a range: *_over_time.
import type { FunctionName } from "../functions.ts";
import { kahanAdd, meanAdd, meanOf, scratch } from "./kahan.ts";
import type { RangeFunction } from "./rates.ts";
import type { Window } from "./select.ts";

export const overTimeFunctions: Partial<Record<FunctionName, RangeFunction>> = {
  sum_over_time: ({ values, lo, hi }) => {
    scratch[0] = 0;
    scratch[1] = 0;
    for (let i = lo; i < hi; i++) kahanAdd(scratch, 0, values[i]!);
    return scratch[0]! + scratch[1]!;
  },
  avg_over_time: ({ values, lo, hi }) => {
    let incremental = false;
    for (let i = lo; i < hi; i++) incremental = meanAdd(scratch, 0, values[i]!, i - lo + 1, incremental);
    return meanOf(scratch, 0, hi - lo, incremental);
  },
  count_over_time: ({ lo, hi }) => hi - lo,
  present_over_time: () => 1,
  last_over_time: ({ values, hi }) => values[hi - 1]!,
  min_over_time: ({ values, lo, hi }) => {
    let least = values[lo]!;
    for (let i = lo + 1; i < hi; i++) if (values[i]! < least || Number.isNaN(least)) least = values[i]!;
    return least;
  },
  max_over_time: ({ values, lo, hi }) => {
    let most = values[lo]!;
    for (let i = lo + 1; i < hi; i++) if (values[i]! > most || Number.isNaN(most)) most = values[i]!;
    return most;
  },
  stddev_over_time: (window) => Math.sqrt(variance(window)),
  stdvar_over_time: variance,
  quantile_over_time: ({ values, lo, hi }, quantile) => quantileOf(values.slice(lo, hi), quantile),
};

/** Welford 1962, with compensated sums. */
function variance({ values, lo, hi }: Window): number {
  scratch.fill(0, 0, 4);
  for (let i = lo; i < hi; i++) {
    const value = values[i]!;
    const delta = value - (scratch[0]! + scratch[1]!);
    kahanAdd(scratch, 0, delta / (i - lo + 1));
    kahanAdd(scratch, 2, delta * (value - (scratch[0]! + scratch[1]!)));
  }
  return (scratch[2]! + scratch[3]!) / (hi - lo);
}

/** Linear between neighbours; NaN counts as smallest. Sorts `values`. */
export function quantileOf(values: Float64Array, quantile: number): number {
  if (values.length === 0 || Number.isNaN(quantile)) return Number.NaN;
  if (quantile < 0) return Number.NEGATIVE_INFINITY;
  if (quantile > 1) return Number.POSITIVE_INFINITY;
  // Typed arrays sort NaN to the end; it belongs at the front.
  const sorted = values.sort();
  let nans = 0;
  while (nans < sorted.length && Number.isNaN(sorted[sorted.length - 1 - nans]!)) nans++;
  const rank = quantile * (sorted.length - 1);
  const at = (i: number): number => (i < nans ? Number.NaN : sorted[i - nans]!);
  const lower = Math.max(0, Math.floor(rank));
  const upper = Math.min(sorted.length - 1, lower + 1);
  const weight = rank - Math.floor(rank);
  return at(lower) * (1 - weight) + at(upper) * weight;
}
