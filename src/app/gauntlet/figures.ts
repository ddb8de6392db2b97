// Scores of many scenarios in a few figures, with the uncertainty that so few runs leave.
import type { Score } from "./score.ts";

export interface Run {
  readonly scenario: string;
  readonly mode: string;
  readonly virtualMs: number;
  readonly score: Score;
  readonly baseline: Score;
}

const weekMs = 7 * 24 * 3_600_000;

/** Shares are of the fault runs; false incidents are those of the runs without fault. NaN where there is nothing to divide by. */
export function figuresOf(runs: readonly Run[]): Record<string, number> {
  const faults = runs.filter(({ score }) => score.isFault);
  const healthy = runs.filter(({ score }) => !score.isFault);
  const weeks = healthy.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / weekMs;
  return {
    scenarios: runs.length,
    faults: faults.length,
    ...of(faults.map(({ score }) => score)),
    ...falseIncidents(
      healthy.map(({ score }) => score),
      weeks,
    ),
    ...prefixed("baseline_", {
      ...of(faults.map(({ baseline }) => baseline)),
      ...falseIncidents(
        healthy.map(({ baseline }) => baseline),
        weeks,
      ),
    }),
  };
}

function of(scores: readonly Score[]): Record<string, number> {
  const share = (test: (score: Score) => boolean | undefined): { share: number; lower: number } => {
    const known = scores.map(test).filter((one) => one !== undefined);
    const hits = known.filter(Boolean).length;
    return { share: hits / known.length, lower: wilsonLower(hits, known.length) };
  };
  const detected = share((one) => one.detected);
  const top1 = share((one) => one.top1);
  const top3 = share((one) => one.top3);
  const location = share((one) => one.location);
  const path = share((one) => one.path);
  const delays = scores.flatMap(({ ttdMs }) => ttdMs ?? []).sort((a, b) => a - b);
  return {
    detected_share: detected.share,
    detected_share_lower95: detected.lower,
    ttd_median_s: (delays[Math.floor(delays.length / 2)] ?? Number.NaN) / 1000,
    ttd_p95_s: (delays[Math.min(delays.length - 1, Math.floor(delays.length * 0.95))] ?? Number.NaN) / 1000,
    top1_share: top1.share,
    top1_share_lower95: top1.lower,
    top3_share: top3.share,
    top3_share_lower95: top3.lower,
    location_share: location.share,
    path_share: path.share,
  };
}

function falseIncidents(scores: readonly Score[], weeks: number): Record<string, number> {
  const count = scores.reduce((sum, one) => sum + one.falseIncidents, 0);
  return {
    false_incidents_per_week: count / weeks,
    false_incidents_per_week_upper95: poissonUpper(count) / weeks,
  };
}

/** Lower end of the 95 % interval of a share. Source: Wilson (1927). */
export function wilsonLower(hits: number, n: number): number {
  if (n === 0) return Number.NaN;
  const z = 1.96;
  const p = hits / n;
  const centre = p + (z * z) / (2 * n);
  const margin = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return (centre - margin) / (1 + (z * z) / n);
}

/** Upper 95 % bound (one-sided) of a Poisson mean of which `count` were seen, by bisection of its distribution function. */
export function poissonUpper(count: number): number {
  let low = count;
  let high = count * 2 + 10;
  for (let i = 0; i < 60; i++) {
    const mean = (low + high) / 2;
    let term = Math.exp(-mean);
    let sum = term;
    for (let k = 1; k <= count; k++) sum += term *= mean / k;
    if (sum > 0.05) low = mean;
    else high = mean;
  }
  return high;
}

function prefixed(prefix: string, figures: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [prefix + name, value]));
}
