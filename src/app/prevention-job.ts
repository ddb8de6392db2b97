// Forecasts on the clock: opens what earlier runs left, learns the past, and looks once a minute.
import { createForecastWatch } from "../detect/forecast/watch.ts";
import type { Clock } from "../model/clock.ts";
import type { FailureMode } from "../model/failure-mode.ts";
import type { Records } from "../model/ports/records.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { Config } from "./config-schema.ts";
import { createPrevention, type Open, type PreventionMeans } from "./prevention.ts";

interface Means extends Pick<PreventionMeans, "entities" | "act" | "keeper" | "feed" | "telemetry"> {
  /** What is new, and what was stored before this run. */
  readonly source: SeriesSource;
  readonly past: SeriesSource;
  readonly records: Pick<Records, "list">;
  readonly clock: Clock;
}

export interface PreventionJob {
  /** All open incidents: those that were found, and those that are foreseen. */
  beside(found: Snapshots): Snapshots;
  stop(): Promise<void>;
}

interface Snapshots {
  snapshot(): { readonly open: readonly (Pick<Open, "incident"> & Partial<Open>)[] };
}

const newestMax = 1000;

/** Rejects if incidents cannot be read. A past that cannot be read is told in the log, and grows anew. */
export async function openPrevention(
  { prevent }: Pick<Config, "prevent">,
  modes: readonly FailureMode[],
  means: Means,
): Promise<PreventionJob> {
  const { source, past, records, clock, telemetry } = means;
  if (!prevent.enabled) return { beside: (found) => found, stop: () => Promise.resolve() };
  const { horizon: horizonMs, certificates: certificatesMs, coverage, queueLimit } = prevent;
  const watch = createForecastWatch({ horizonMs, certificatesMs, coverage, queueLimit }, { source, telemetry });
  const prevention = createPrevention({ ...means, watch, coverage, modes });
  prevention.adopt(await records.list("incidents", { limit: newestMax }));
  let remembered = false;
  const job = clock.every("50 * * * * *", "prevention", async (now) => {
    if (!remembered) {
      remembered = true;
      await watch.remember(past, now - 60_000).catch((error: unknown) => {
        telemetry.log.warn("forecasts start without a past: it cannot be read", { error: String(error) });
      });
    }
    await prevention.step(now);
  });
  return {
    beside: (found) => ({ snapshot: () => ({ open: [...found.snapshot().open, ...prevention.open()] }) }),
    stop: () => job.stop(),
  };
}
