// The 95th percentile an engine's latency histogram would show after a minute, without drawing every latency.
import type { Random } from "./random.ts";

/** Latencies of a minute: `shift` for all, and for all but the share `plain` a lognormal part on top. Seconds. Reused. */
export interface Quantile95 {
  shift: number;
  plain: number;
  median: number;
  sigma: number;
  /** Observations. */
  count: number;
}

/**
 * Linear within the bucket, as a quantile of a histogram is, with the sampling error of `count` observations
 * (a binomial share, as a normal). Seconds.
 */
export function quantile95(of: Quantile95, bounds: readonly number[], random: Random): number {
  const share = Math.min(0.9999, Math.max(0.02, 0.95 + Math.sqrt((0.95 * 0.05) / of.count) * random.normal()));
  let below = 0;
  let lower = 0;
  for (const upper of bounds) {
    const upTo = shareBelow(of, upper);
    if (upTo >= share) return lower + ((upper - lower) * (share - below)) / Math.max(1e-12, upTo - below);
    below = upTo;
    lower = upper;
  }
  return lower;
}

function shareBelow({ shift, plain, median, sigma }: Quantile95, x: number): number {
  if (x <= shift) return 0;
  return plain + (1 - plain) * normalBelow(Math.log((x - shift) / median) / sigma);
}

/** Standard normal distribution function. Source: Abramowitz and Stegun 26.2.17; error below 1e-7. */
function normalBelow(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    0.39894228 *
    Math.exp(-0.5 * z * z) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z > 0 ? 1 - tail : tail;
}
