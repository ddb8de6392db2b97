// Who asks what and when: a renewal process of arrivals with lengths drawn by quantiles.
import type { Random } from "./random.ts";
import { createRandom } from "./random.ts";
import type { Lengths, Workload } from "./scenario.ts";

export interface Arrivals {
  /** Virtual milliseconds of the next arrival. */
  readonly nextAt: number;
  /** Takes it and draws the one after. */
  take(): { readonly promptTokens: number; readonly outputTokens: number };
}

const dayMs = 86_400_000;
/** z-scores of p50, p90 and p99; that of p10 is the negative of p90's. */
const z90 = 1.2815515655446004;
const z99 = 2.3263478740408408;

/**
 * Gamma renewal process thinned to nothing: the mean gap follows the rate of the hour.
 * Source of the shape: per-client renewal processes of production traces (CV a little over 1).
 * Blind to: correlation between prompt and answer, sessions, single clients.
 */
export function createArrivals(workload: Workload, replicas: number, seed: number): Arrivals {
  const gaps = createRandom(seed, "arrivals");
  const lengths = createRandom(seed, "lengths");
  const shape = 1 / (workload.cv * workload.cv);
  const meanMs = 1000 / (workload.ratePerReplica * replicas);
  let nextAt = gaps.gamma(shape, meanMs);
  return {
    get nextAt() {
      return nextAt;
    },
    take() {
      const factor = 1 + workload.diurnal * Math.sin((2 * Math.PI * nextAt) / dayMs);
      nextAt += gaps.gamma(shape, meanMs / factor);
      return { promptTokens: drawLength(workload.prompt, lengths), outputTokens: drawLength(workload.output, lengths) };
    },
  };
}

/** A length whose logarithm runs linearly in the normal quantile between the given quantiles, at least 1. */
export function drawLength(lengths: Lengths, random: Random): number {
  return lengthAt(lengths, random.normal());
}

/** The length at a standard normal quantile. */
export function lengthAt(lengths: Lengths, z: number): number {
  const median = Math.log(lengths.p50);
  const p90 = Math.log(lengths.p90);
  let log: number;
  if (z <= 0) log = median + (z * (median - Math.log(lengths.p10))) / z90;
  else if (z <= z90) log = median + (z * (p90 - median)) / z90;
  else log = p90 + ((z - z90) * (Math.log(lengths.p99) - p90)) / (z99 - z90);
  return Math.max(1, Math.min(lengths.max, Math.round(Math.exp(log))));
}
