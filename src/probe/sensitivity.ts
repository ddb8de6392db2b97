// The smallest shift a probe can see in a day: what a passed probe does not rule out.
import { binomialUpper } from "../math/tails.ts";
import type { DurationMs } from "../model/time.ts";

export interface Sensitivity {
  readonly runsPerDay: number;
  /**
   * Share of failing answers that a day's runs of one target tell from `failing`, at a tail of 0.01 and with a power of 0.9;
   * NaN where no share would be told: too few runs.
   */
  readonly failureShare: number;
}

const dayMs = 86_400_000;
const alpha = 0.01;
const power = 0.9;

/** `failing`: share of answers that fail when all is well. Exact binomial tails; takes runs for independent. */
export function sensitivityOf(everyMs: DurationMs, casesPerRun: number, failing = 0.001): Sensitivity {
  const runsPerDay = Math.max(1, Math.floor((dayMs / everyMs) * casesPerRun));
  return { runsPerDay, failureShare: smallestShare(runsPerDay, failing) };
}

function smallestShare(n: number, failing: number): number {
  let critical = 1;
  while (critical <= n && binomialUpper(critical, n, failing) > alpha) critical++;
  if (critical > n) return Number.NaN;
  let low = failing;
  let high = 1;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (binomialUpper(critical, n, middle) >= power) high = middle;
    else low = middle;
  }
  return high;
}
