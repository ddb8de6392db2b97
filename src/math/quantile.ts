// Order statistics: exact quantiles of small samples, and quantiles of bucketed counts.

/**
 * The `q`-quantile (0..1) of `values[0..length)`, linear between neighbours (Hyndman and Fan 1996, type 7).
 * Reorders `values`. NaN for an empty sample; NaN inside the sample is not allowed.
 * Selection is Hoare's (1961): linear time on average.
 */
export function quantileOf(values: Float64Array | Float32Array, length: number, q: number): number {
  if (length === 0) return Number.NaN;
  const rank = q * (length - 1);
  const below = Math.floor(rank);
  const low = select(values, length, below);
  if (rank === below) return low;
  // All right of `below` are at least `low`: the next order statistic is their minimum.
  let high = Number.POSITIVE_INFINITY;
  for (let i = below + 1; i < length; i++) high = Math.min(high, values[i] as number);
  return low + (rank - below) * (high - low);
}

/**
 * The `q`-quantile of observations counted in buckets: `counts[i]` observations in (`bounds[i-1]`, `bounds[i]`], the last
 * above all bounds. Linear inside the bucket, and from zero in the first one if its bound is positive; what lies above
 * the last bound is reported as that bound, as Prometheus does. NaN without observations.
 * Blind to where inside a bucket the observations lie: the error is up to a bucket's width.
 */
export function bucketQuantile(bounds: readonly number[], counts: Float64Array, q: number): number {
  let total = 0;
  for (let i = 0; i <= bounds.length; i++) total += counts[i] as number;
  if (total <= 0 || bounds.length === 0) return Number.NaN;
  const rank = q * total;
  let seen = 0;
  for (let i = 0; i < bounds.length; i++) {
    const inBucket = counts[i] as number;
    if (seen + inBucket >= rank && inBucket > 0) {
      const upper = bounds[i] as number;
      const lower = i > 0 ? (bounds[i - 1] as number) : Math.min(0, upper);
      return lower + (upper - lower) * ((rank - seen) / inBucket);
    }
    seen += inBucket;
  }
  return bounds[bounds.length - 1] as number;
}

function select(values: Float64Array | Float32Array, length: number, k: number): number {
  let left = 0;
  let right = length - 1;
  while (left < right) {
    const pivot = values[(left + right) >> 1] as number;
    let i = left;
    let j = right;
    while (i <= j) {
      while ((values[i] as number) < pivot) i++;
      while ((values[j] as number) > pivot) j--;
      if (i <= j) {
        const swap = values[i] as number;
        values[i] = values[j] as number;
        values[j] = swap;
        i++;
        j--;
      }
    }
    if (k <= j) right = j;
    else if (k >= i) left = i;
    else break;
  }
  return values[k] as number;
}
