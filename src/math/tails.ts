// Tail probabilities of counts and of the normal distribution, exact for small counts; and the normal score of a tail.
import { betaLower, gammaLower, gammaUpper } from "./gamma.ts";

/** Above this variance a count's exact tail costs too much and its deviance says the same to a part in a thousand. */
const exactVarianceMax = 1e5;
/** Scores of all tails below this are one and the same. */
const tailMin = 1e-300;

/** P(X >= k) of X ~ Poisson(mean). `k` may lie between whole numbers, as counts divided by an overdispersion do. */
export function poissonUpper(k: number, mean: number): number {
  if (k <= 0) return 1;
  if (!(mean > 0)) return 0;
  return Math.max(k, mean) > exactVarianceMax ? normalUpper(poissonDeviance(k, mean)) : gammaLower(k, mean);
}

/** P(X <= k) of X ~ Poisson(mean). */
export function poissonLower(k: number, mean: number): number {
  if (k < 0) return 0;
  if (!(mean > 0)) return 1;
  return Math.max(k, mean) > exactVarianceMax ? normalUpper(-poissonDeviance(k, mean)) : gammaUpper(k + 1, mean);
}

/** P(X >= k) of X ~ Binomial(n, p). */
export function binomialUpper(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n || !(p > 0)) return 0;
  if (p >= 1) return 1;
  return n * p * (1 - p) > exactVarianceMax ? normalUpper(binomialDeviance(k, n, p)) : betaLower(k, n - k + 1, p);
}

/** P(X <= k) of X ~ Binomial(n, p). */
export function binomialLower(k: number, n: number, p: number): number {
  return binomialUpper(n - k, n, 1 - p);
}

/**
 * P(X >= k) of a count in exposure `now`, when `seen` events in exposure `past` are all that is known of its rate: the
 * gamma-Poisson (negative binomial) prediction under Jeffreys' prior. So few events make no rate to be sure of.
 */
export function predictedUpper(k: number, now: number, seen: number, past: number): number {
  if (k <= 0) return 1;
  if (!(now > 0) || !(past > 0)) return 1;
  return betaLower(k, seen + 0.5, now / (now + past));
}

/** P(X <= k) of the same. */
export function predictedLower(k: number, now: number, seen: number, past: number): number {
  if (k < 0) return 0;
  if (!(now > 0) || !(past > 0)) return 1;
  return betaLower(seen + 0.5, k + 1, past / (now + past));
}

/** P(X >= x) of a chi-squared variable. */
export function chiSquaredUpper(x: number, degrees: number): number {
  return !(x > 0) || degrees < 1 ? 1 : gammaUpper(degrees / 2, x / 2);
}

/** P(X >= z) of a standard normal variable, accurate in both tails. */
export function normalUpper(z: number): number {
  const half = gammaUpper(0.5, (z * z) / 2) / 2;
  return z >= 0 ? half : 1 - half;
}

/** The z with `normalUpper(z)` = `tail`: a tail as a robust z reads. At least 0; 37 at most. Newton on the logarithm. */
export function normalScore(tail: number): number {
  if (!(tail < 0.5)) return 0;
  const target = Math.log(Math.max(tail, tailMin));
  let z = Math.sqrt(Math.max(0, -2 * (target + Math.LN2)));
  for (let i = 0; i < 8; i++) {
    const upper = normalUpper(z);
    const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    const stride = ((Math.log(upper) - target) * upper) / density;
    z += stride;
    if (Math.abs(stride) < 1e-9) break;
  }
  return Math.max(0, z);
}

/** Signed root of twice the log-likelihood ratio, nearly standard normal for large counts. Source: McCullagh and Nelder 1989. */
function poissonDeviance(k: number, mean: number): number {
  const deviance = k > 0 ? k * Math.log(k / mean) - (k - mean) : mean;
  return Math.sign(k - mean) * Math.sqrt(2 * Math.max(0, deviance));
}

function binomialDeviance(k: number, n: number, p: number): number {
  const part = (seen: number, expected: number): number => (seen > 0 ? seen * Math.log(seen / expected) : 0);
  const deviance = part(k, n * p) + part(n - k, n * (1 - p));
  return Math.sign(k - n * p) * Math.sqrt(2 * Math.max(0, deviance));
}
