// What each group's rate would be, had the odds of all groups grown by one and the same factor.

/**
 * Rates `p` with `p / (1 - p) = k * q / (1 - q)` for the rates `q` before, with the `k` that makes them add up to `total` events
 * over groups of `sizes`: indirect standardization (Breslow, Day, Statistical Methods in Cancer Research II, 2.3) on the scale
 * of odds, which stays true where nearly all have the event. 0 < q < 1; `total` is between 0 and the sum of `sizes`.
 */
export function commonOdds(q: Float64Array, sizes: Float64Array, total: number): Float64Array {
  const rates = new Float64Array(q.length);
  let low = -40;
  let high = 40;
  for (let round = 0; round < 60; round++) {
    const logK = (low + high) / 2;
    const k = Math.exp(logK);
    let sum = 0;
    for (let i = 0; i < q.length; i++) {
      const odds = (k * q[i]!) / (1 - q[i]!);
      rates[i] = odds / (1 + odds);
      sum += rates[i]! * sizes[i]!;
    }
    if (sum < total) low = logK;
    else high = logK;
  }
  return rates;
}
