// A list of made-up series as steps, for tests of the detection over all series.
import { normal, seededRandom } from "../../src/math/random.ts";
import type { SeriesFacts, SeriesSteps } from "../../src/model/ports/series-steps.ts";
import { quality } from "../../src/model/series.ts";
import { createSeriesSlots } from "../../src/observe/series-slots.ts";

export const stepMs = 10_000;
export const start = 1_800_000_000_000;

/** Value of a series at a step; NaN = nothing came. */
export type Course = (series: number, step: number, noise: () => number) => number;

export function factsOf(series: number, more: Partial<SeriesFacts> = {}): SeriesFacts {
  const replica = `replica:r${Math.floor(series / 10)}`;
  return {
    key: `k${series}`,
    entity: replica,
    parent: "deployment:d",
    reading: "value",
    harm: "either",
    unit: "",
    labels: () => ({ __name__: `queue_${series % 10}`, entity: replica }),
    ...more,
  };
}

export interface MadeSteps extends SeriesSteps {
  /** The step that is measured next. */
  at(step: number): number;
}

/** `order` says in which order the series are given their slots. */
export function madeSteps(
  count: number,
  course: Course,
  options: {
    readonly seed?: number;
    readonly facts?: (series: number) => SeriesFacts;
    readonly order?: (series: number) => number;
  } = {},
): MadeSteps {
  const { seed = 1, facts = (series) => factsOf(series), order = (series) => series } = options;
  const slots = createSeriesSlots({ maxSlots: 2 * count, keepAbsentMs: 3_600_000 });
  const seriesAt = new Map<number, number>();
  let entered = false;
  return {
    slots: slots.size,
    changes(given, freed) {
      if (!entered) for (let i = 0; i < count; i++) seriesAt.set(slots.enter(facts(order(i))), order(i));
      entered = true;
      slots.changes(given, freed);
    },
    reserve: slots.reserve,
    measure(at, out) {
      const step = (at - start) / stepMs;
      for (let slot = 0; slot < slots.size(); slot++) {
        const series = seriesAt.get(slot);
        const random = seededRandom(seed * 1_000_003 + step * 7919 + (series ?? 0));
        const value = series === undefined ? Number.NaN : course(series, step, () => normal(random));
        out.values[slot] = value;
        out.quality[slot] = Number.isNaN(value) ? quality.MISSING : 0;
      }
    },
    at: (step) => start + step * stepMs,
  };
}
