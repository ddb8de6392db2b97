// Scores of many scenarios in a few figures, with the uncertainty that so few runs leave.
import { poissonUpper95, wilsonLower95 } from "../../math/bounds.ts";
import { actFigures } from "./acting/act-figures.ts";
import type { ActScore } from "./acting/act-score.ts";
import type { Score } from "./score.ts";

export interface Run {
  readonly scenario: string;
  readonly mode: string;
  readonly virtualMs: number;
  readonly score: Score;
  readonly baseline: Score;
  readonly acted?: ActScore;
}

const weekMs = 7 * 24 * 3_600_000;

/** Shares are of the fault runs; false incidents are those of the runs without fault. NaN where there is nothing to divide by. */
export function figuresOf(runs: readonly Run[]): Record<string, number> {
  const acted = runs.flatMap((run) => run.acted ?? []);
  const faults = runs.filter(({ score }) => score.isFault);
  const healthy = runs.filter(({ score }) => !score.isFault);
  const weeks = healthy.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / weekMs;
  return {
    scenarios: runs.length,
    faults: faults.length,
    ...(acted.length === 0 ? {} : actFigures(acted)),
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
    return { share: hits / known.length, lower: wilsonLower95(hits, known.length) };
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
    false_incidents_per_week_upper95: poissonUpper95(count) / weeks,
  };
}

function prefixed(prefix: string, figures: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [prefix + name, value]));
}
