// Detection over every series, as the service runs it: in threads, remembered over restarts.
import { availableParallelism } from "node:os";
import { createSeriesDetection, type SeriesDetection } from "../detect/series/series-detection.ts";
import type { Exclusions } from "../model/ports/exclusions.ts";
import type { SeriesSteps } from "../model/ports/series-steps.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Config } from "./config-schema.ts";
import type { State } from "./state.ts";

const name = "series";
/**
 * One budget of false incidents: this part of it may be spent on series no catalogue knows, which make none by themselves, the
 * rest on the judged signals of the replicas, which do.
 */
export const seriesShare = 0.5;
const threadsMax = 4;

export async function openSeries(
  config: Config,
  deps: {
    readonly steps: SeriesSteps;
    readonly exclusions: Exclusions;
    readonly telemetry: Telemetry;
    readonly state: State;
  },
): Promise<{ readonly detection: SeriesDetection; readonly remember: () => Promise<void> }> {
  const { steps, exclusions, telemetry, state } = deps;
  const snapshot = await state.load(name);
  const detection = await createSeriesDetection(
    {
      stepMs: config.observe.step,
      falseEpisodesPerWeek: config.detect.falseEpisodesPerWeek * seriesShare,
      threads: Math.min(threadsMax, Math.max(1, availableParallelism() - 1)),
      ...(snapshot === undefined ? {} : { snapshot }),
    },
    { steps, exclusions, telemetry, saved: () => state.load(name) },
  );
  const remember = async (): Promise<void> => {
    const bytes = await detection.snapshot();
    // Part of it out of reach: what was saved last is better.
    if (bytes !== undefined) await state.save(name, bytes);
  };
  return { detection, remember };
}
