// A high that a statistic of a slot reaches now and then while nothing is wrong, so that scores are in units of it.

/** Share of the points at which a statistic lies above its usual high, and the normal score of that share. */
const highShare = 0.01;
const scoreAtHigh = 2.326;
/** How far, as a factor's logarithm, one point moves the high. */
const stride = 0.3;

/** What a high is taken for before it was seen: noise that remembers reaches many times what independent noise does. */
const startFactor = 30;

/**
 * Moves the high kept in `data[at]`, as the logarithm of how many times `least` it is; 0 = nothing learned yet. It falls
 * slowly from its start and jumps at what exceeds it. `least` is the lowest it goes. Source: Robbins and Monro (1951).
 */
export function followHigh(data: Float64Array, at: number, statistic: number, least: number): void {
  const high = logHighOf(data, at);
  const above = statistic > least * Math.exp(high) ? 1 : 0;
  data[at] = Math.max(Number.MIN_VALUE, high + stride * (above - highShare));
}

/** A log-likelihood ratio as a normal score: its tail falls like the square of that. */
export function scoreOfLikelihood(data: Float64Array, at: number, statistic: number, least: number): number {
  return scoreAtHigh * Math.sqrt(statistic / (least * Math.exp(logHighOf(data, at))));
}

/** A statistic that is in proportion to a normal score. */
export function scoreOfRatio(data: Float64Array, at: number, statistic: number, least: number): number {
  return (scoreAtHigh * statistic) / (least * Math.exp(logHighOf(data, at)));
}

function logHighOf(data: Float64Array, at: number): number {
  return data[at] === 0 ? Math.log(startFactor) : data[at]!;
}
