// How much memory judging a series takes, all told: the process before and after, with nothing else in it.
import { createSeriesDetection } from "../../src/detect/series/series-detection.ts";
import type { SeriesFacts, SeriesSteps } from "../../src/model/ports/series-steps.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";

/** Resident bytes a series, once everything that is kept of it is there. `threads` 0: all of it is this process'. */
export async function judgeBytesPerSeries(series: number, stepMs: number): Promise<number> {
  const facts = Array.from(
    { length: series },
    (_, slot): SeriesFacts => ({
      key: String(slot),
      entity: `replica:r${slot % 1000}`,
      parent: "deployment:fleet",
      reading: slot % 2 === 0 ? "value" : "rate",
      harm: "either",
      unit: "",
      labels: () => ({ __name__: `m${slot % 100}` }),
    }),
  );
  let told = false;
  const steps: SeriesSteps = {
    slots: () => series,
    changes(given) {
      if (told) return;
      told = true;
      for (const [slot, one] of facts.entries()) given(slot, one);
    },
    measure(at, out) {
      for (let slot = 0; slot < series; slot++)
        out.values[slot] = 50 + ((slot * 7919 + (at / stepMs) * 104_729) % 1000) / 100;
      out.quality.fill(0, 0, series);
    },
    reserve() {},
  };
  const before = resident();
  await using detection = await createSeriesDetection(
    { stepMs, falseEpisodesPerWeek: 0.5, threads: 0 },
    { steps, exclusions: { current: () => [] }, telemetry: silentTelemetry },
  );
  for (let step = 1; step <= 150; step++) await detection.step(step * stepMs);
  return (resident() - before) / series;
}

function resident(): number {
  global.gc?.();
  return process.memoryUsage().rss;
}
