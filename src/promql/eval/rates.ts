// Functions over the change of a series: rate and its kin, and linear regression. All as Prometheus computes them.
import type { FunctionName } from "../functions.ts";
import { kahanAdd } from "./kahan.ts";
import type { Window } from "./select.ts";

/** A value from one range, or undefined = too few samples to say. */
export type RangeFunction = (window: Window, parameter: number) => number | undefined;

export const rateFunctions: Partial<Record<FunctionName, RangeFunction>> = {
  rate: (window) => extrapolated(window, true, true),
  increase: (window) => extrapolated(window, true, false),
  delta: (window) => extrapolated(window, false, false),
  irate: (window) => lastChange(window, true),
  idelta: (window) => lastChange(window, false),
  deriv: (window) => {
    // Time is counted from a sample nearby, so that the squares stay small enough to be exact.
    return window.hi - window.lo < 2 ? undefined : regression(window, window.times[window.lo]!).slope;
  },
  predict_linear: (window, seconds) => {
    if (window.hi - window.lo < 2) return undefined;
    const { slope, intercept } = regression(window, window.at);
    return slope * seconds + intercept;
  },
  changes: ({ values, lo, hi }) => {
    let changes = 0;
    for (let i = lo + 1; i < hi; i++) {
      const now = values[i]!;
      const before = values[i - 1]!;
      if (now !== before && !(Number.isNaN(now) && Number.isNaN(before))) changes++;
    }
    return changes;
  },
  resets: ({ values, lo, hi }) => {
    let resets = 0;
    for (let i = lo + 1; i < hi; i++) if (values[i]! < values[i - 1]!) resets++;
    return resets;
  },
};

/**
 * The change over the range, extended to its edges: all the way where the samples reach near them (1.1 times their mean
 * distance), else by half that distance, and for a counter never to before it was zero.
 */
function extrapolated(
  { times, values, lo, hi, rangeStart, rangeEnd }: Window,
  counter: boolean,
  perSecond: boolean,
): number | undefined {
  if (hi - lo < 2) return undefined;
  const first = values[lo]!;
  let change = values[hi - 1]! - first;
  if (counter) {
    for (let i = lo + 1; i < hi; i++) if (values[i]! < values[i - 1]!) change += values[i - 1]!;
  }
  const sampled = (times[hi - 1]! - times[lo]!) / 1000;
  const between = sampled / (hi - lo - 1);
  const threshold = between * 1.1;
  let toStart = (times[lo]! - rangeStart) / 1000;
  let toEnd = (rangeEnd - times[hi - 1]!) / 1000;
  if (toStart >= threshold) toStart = between / 2;
  if (counter && change > 0 && first >= 0) toStart = Math.min(toStart, sampled * (first / change));
  if (toEnd >= threshold) toEnd = between / 2;
  let factor = (sampled + toStart + toEnd) / sampled;
  if (perSecond) factor /= (rangeEnd - rangeStart) / 1000;
  return change * factor;
}

function lastChange({ times, values, lo, hi }: Window, counterPerSecond: boolean): number | undefined {
  if (hi - lo < 2) return undefined;
  const last = values[hi - 1]!;
  const before = values[hi - 2]!;
  if (!counterPerSecond) return last - before;
  const seconds = (times[hi - 1]! - times[hi - 2]!) / 1000;
  if (seconds === 0) return undefined;
  return (last < before ? last : last - before) / seconds;
}

const sums = new Float64Array(8);

/** Least squares; the intercept is the value at `origin`. */
function regression({ times, values, lo, hi }: Window, origin: number): { slope: number; intercept: number } {
  const first = values[lo]!;
  let constant = true;
  sums.fill(0);
  for (let i = lo; i < hi; i++) {
    const x = (times[i]! - origin) / 1000;
    const y = values[i]!;
    if (y !== first) constant = false;
    kahanAdd(sums, 0, x);
    kahanAdd(sums, 2, y);
    kahanAdd(sums, 4, x * y);
    kahanAdd(sums, 6, x * x);
  }
  if (constant) {
    return Number.isFinite(first) ? { slope: 0, intercept: first } : { slope: Number.NaN, intercept: Number.NaN };
  }
  const n = hi - lo;
  const x = sums[0]! + sums[1]!;
  const y = sums[2]! + sums[3]!;
  const slope = (sums[4]! + sums[5]! - (x * y) / n) / (sums[6]! + sums[7]! - (x * x) / n);
  return { slope, intercept: y / n - (slope * x) / n };
}
