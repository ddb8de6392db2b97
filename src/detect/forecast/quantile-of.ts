// A quantile in place.

/** Of the first `count` values, which are sorted by it; the higher of two neighbours. NaN of none. */
export function quantileOf(values: Float64Array, count: number, q: number): number {
  if (count === 0) return Number.NaN;
  values.subarray(0, count).sort();
  return values[Math.min(count - 1, Math.floor(q * count))]!;
}
