// What tests of the detection over all series share: sixty series, and one of them that shifts.
import {
  createSeriesDetection,
  type SeriesDetection,
  type SeriesDetectionDependencies,
  type SeriesDetectionOptions,
} from "../../src/detect/series/series-detection.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Course, type MadeSteps, stepMs } from "./series.ts";

export const minute = 60_000 / stepMs;
export const count = 60;
export const broken = 17;
export const faultAt = 60 * minute;

export const healthy: Course = (series, _step, noise) => (series % 10 === 0 ? 42 : 10 + series + noise());
export const shifted: Course = (series, step, noise) =>
  healthy(series, step, noise) + (series === broken && step >= faultAt ? 60 : 0);

export function create(
  steps: MadeSteps,
  more: Partial<SeriesDetectionOptions> = {},
  deps: Partial<SeriesDetectionDependencies> = {},
): Promise<SeriesDetection> {
  return createSeriesDetection(
    { stepMs, falseEpisodesPerWeek: 1, threads: 0, ...more },
    { steps, exclusions: { current: () => [] }, telemetry: silentTelemetry, ...deps },
  );
}

export async function run(detection: SeriesDetection, steps: MadeSteps, from: number, to: number): Promise<Anomaly[]> {
  const told: Anomaly[] = [];
  for (let step = from; step < to; step++) told.push(...(await detection.step(steps.at(step))));
  return told;
}
