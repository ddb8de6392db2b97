// One stretch of the past in memory: points as they are read, canonical signals measured over them, and selection.
import type { LabelMatcher } from "../model/ports/series-source.ts";
import { silentTelemetry, type Telemetry } from "../model/ports/telemetry.ts";
import type { RawPage } from "../model/ports/telemetry-reader.ts";
import { quality, type SeriesView } from "../model/series.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";
import { measureSignal, remember } from "./canonical.ts";
import { createCoverageBook } from "./coverage.ts";
import type { GpuNames } from "./gpu-names.ts";
import type { SignalMapping } from "./mapping.ts";
import type { Measured, Windows } from "./measure.ts";
import { createSeriesBook } from "./series-book.ts";
import { selectFrom } from "./series-index.ts";

export interface Stretch {
  take(page: RawPage): void;
  /** Measures the canonical signals asked for at every step of the range, going on where the last call stopped. */
  measure(range: TimeRange): void;
  forget(before: Instant): void;
  select(matchers: readonly LabelMatcher[], range: TimeRange): readonly SeriesView[];
  /** Points taken in. */
  points(): number;
}

export function createStretch(
  options: Windows & {
    readonly mappings: readonly SignalMapping[];
    readonly windowMs: DurationMs;
    readonly seriesMax: number;
    /** Indices of the canonical signals to measure. */
    readonly measures: readonly number[];
    readonly gpus: GpuNames;
  },
  telemetry: Telemetry,
): Stretch {
  // What is read again is no arrival: the Head has counted it.
  const quiet: Telemetry = { ...silentTelemetry, log: telemetry.log };
  const book = createSeriesBook(
    {
      windowMs: options.windowMs,
      maxSeries: options.seriesMax,
      mappings: options.mappings,
      judgesClocks: false,
      // Where a GPU sat long ago is no news.
      gpus: { ...options.gpus, learn: () => false },
    },
    { coverageBook: createCoverageBook(), telemetry: quiet },
  );
  const out: Measured = { value: Number.NaN, quality: quality.MISSING };
  const past = {
    now: Number.POSITIVE_INFINITY,
    judgedTo: Number.NEGATIVE_INFINITY,
    keepFrom: Number.NEGATIVE_INFINITY,
  };
  let points = 0;
  let measuredTo = Number.NEGATIVE_INFINITY;

  return {
    take(page) {
      points += page.points.length;
      book.take(page, past);
    },
    measure({ from, to }) {
      if (options.measures.length === 0) return;
      const { stepMs } = options;
      const begin = Math.max(Math.ceil(from / stepMs) * stepMs, measuredTo + stepMs);
      for (let at = begin; at < to; at += stepMs) {
        for (const state of book.entityStates()) {
          if (at < state.firstAt) continue;
          for (const signal of options.measures) {
            measureSignal(state, signal, at, options, out);
            remember(state, signal, at, out, Number.NEGATIVE_INFINITY);
          }
        }
        measuredTo = at;
      }
    },
    forget: (before) => book.forget(before),
    select: (matchers, range) => selectFrom(book.index, book.entityStates(), matchers, range),
    points: () => points,
  };
}
