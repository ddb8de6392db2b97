// A robust straight line: a third of the points may be anything.
import { quantileOf } from "../../math/quantile.ts";

export interface Line {
  /** Per step. */
  readonly slope: number;
  /** Value at the last index given. */
  readonly level: number;
}

/** Points that enter the pairs: more would cost their square and tell little more. */
const pointsMax = 32;

/**
 * Theil (1950), Sen (1968): the median slope of all pairs, through the median of what is left. NaN is left out.
 * Undefined with fewer than four points. Blind to curvature.
 */
export function theilSen(values: Float64Array, from: number, to: number): Line | undefined {
  const stride = Math.max(1, Math.ceil((to - from) / pointsMax));
  let count = 0;
  // From the end on, so that the newest point is always in.
  for (let i = to - 1; i >= from; i -= stride) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    at[count] = i - to + 1;
    of[count++] = value;
  }
  if (count < 4) return undefined;
  let pairs = 0;
  for (let i = 0; i < count; i++)
    for (let j = i + 1; j < count; j++) slopes[pairs++] = (of[i]! - of[j]!) / (at[i]! - at[j]!);
  const slope = quantileOf(slopes, pairs, 0.5);
  for (let i = 0; i < count; i++) slopes[i] = of[i]! - slope * at[i]!;
  return { slope, level: quantileOf(slopes, count, 0.5) };
}

const at = new Float64Array(pointsMax);
const of = new Float64Array(pointsMax);
const slopes = new Float64Array((at.length * (at.length - 1)) / 2);
