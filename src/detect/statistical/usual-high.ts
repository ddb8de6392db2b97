// A high that a statistic of a slot reaches now and then while nothing is wrong, so that scores are in units of it.

/** Share of the points at which a statistic lies above its usual high, and the normal score of that share. */
const highShare = 0.01;
const scoreAtHigh = 2.326;
/** How far, as a factor's logarithm, one point moves the high. */
const stride = 0.3;

/** Moves the logarithm of the high kept in `data[at]`. Source: Robbins and Monro (1951). `least` is the lowest it goes. */
export function followHigh(data: Float64Array, at: number, statistic: number, least: number): void {
  const high = Math.max(data[at]!, Math.log(least));
  const above = Math.log(Math.max(statistic, Number.MIN_VALUE)) > high ? 1 : 0;
  data[at] = Math.max(Math.log(least), high + stride * (above - highShare));
}

/** A log-likelihood ratio as a normal score: its tail falls like the square of that. */
export function scoreOfLikelihood(data: Float64Array, at: number, statistic: number, least: number): number {
  return scoreAtHigh * Math.sqrt(statistic / Math.exp(Math.max(data[at]!, Math.log(least))));
}

/** A statistic that is in proportion to a normal score. */
export function scoreOfRatio(data: Float64Array, at: number, statistic: number, least: number): number {
  return (scoreAtHigh * statistic) / Math.exp(Math.max(data[at]!, Math.log(least)));
}
