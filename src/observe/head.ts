// The Head: the last half hour of all series in columnar memory. Takes raw points in, gives frames and query results out.
import type { Entity } from "../model/entity.ts";
import type { Frame } from "../model/frame.ts";
import type { MadeSample, SeriesSink } from "../model/ports/series-sink.ts";
import type { LabelMatcher, SeriesSource } from "../model/ports/series-source.ts";
import type { SeriesSteps } from "../model/ports/series-steps.ts";
import type { SpanReader } from "../model/ports/span-reader.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import {
  type ColumnPage,
  pagePointsDefault,
  type RawPage,
  type TelemetryReader,
} from "../model/ports/telemetry-reader.ts";
import { quality, type SeriesView } from "../model/series.ts";
import { signals } from "../model/signal.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";
import { type EntityState, measureSignal, remember } from "./canonical.ts";
import { createCoverageBook, type EngineCoverage } from "./coverage.ts";
import { isFrozen } from "./frozen.ts";
import { createGpuNames, type GpuNames } from "./gpu-names.ts";
import { pageOf } from "./made-series.ts";
import type { SignalMapping } from "./mapping.ts";
import type { Measured } from "./measure.ts";
import { pointsIn } from "./point-columns.ts";
import { createSeriesBook } from "./series-book.ts";
import { selectFrom } from "./series-index.ts";
import { createSeriesMeasures } from "./series-measures.ts";
import { createSpanSeries } from "./span-series.ts";
import { createWatermark } from "./watermark.ts";

export interface HeadOptions {
  /** Event time kept in memory. */
  readonly windowMs: DurationMs;
  /** Distance of frames. */
  readonly stepMs: DurationMs;
  /** How far rates and quantiles look back. */
  readonly rateWindowMs: DurationMs;
  /** How long to wait for points of a step before it is judged. */
  readonly latenessMs: DurationMs;
  /** Silence of all telemetry after which time is taken to go on without it. */
  readonly idleMs: DurationMs;
  /** Raw series kept at once. */
  readonly maxSeries: number;
  readonly mappings: readonly SignalMapping[];
  /** A replica that stopped sending stays in frames, all MISSING, for this long. Default 10 minutes. */
  readonly leaveAfterMs?: DurationMs;
  /** How far before `now` the first reading begins. Default: the window. */
  readonly historyMs?: DurationMs;
  /** How long a series that is gone keeps its place, and so what was learned of it. Default 6 hours. */
  readonly keepAbsentMs?: DurationMs;
  /** A page of this many points or more is taken to have another behind it. Default: what readers aim at. */
  readonly pagePoints?: number;
  /** Where GPUs sit, learned from the series. Default: nothing is known of it at first. */
  readonly gpus?: GpuNames;
}

export interface HeadDependencies {
  readonly reader: TelemetryReader;
  /** Without it spans are not looked at. */
  readonly spans?: SpanReader;
  readonly telemetry: Telemetry;
}

export interface Head extends SeriesSource, SeriesSink {
  /** Every series at the step of the frame that is being judged. */
  readonly steps: SeriesSteps;
  /**
   * Takes in one page of what arrived since the last call. `more`: call again, after taking the frames, to catch up.
   * Rejects when the reader does; nothing is lost then, the next call reads from the same place.
   */
  refresh(now: Instant): Promise<{ readonly more: boolean }>;
  /**
   * All steps complete since the last call, oldest first, each made when it is asked for: until then memory keeps what there
   * is to know of its past, however long a catch-up. What comes later for a step is kept for queries only.
   */
  frames(now: Instant): Iterable<Frame>;
  /**
   * Raw series under Prometheus-style names, canonical ones under their `llm:…` metric. `range.to` is exclusive. A series
   * that ended has a NaN point with the STALE bit. The views are windows into the memory itself: use them before the next refresh.
   */
  select(matchers: readonly LabelMatcher[], range: TimeRange): readonly SeriesView[];
  /** Replicas and all else telemetry tells of that is in memory, in the order they were first seen. */
  entities(): readonly Entity[];
  coverage(): readonly EngineCoverage[];
  /** Newest event time seen. */
  newestAt(): Instant | undefined;
  /** Event time from which on everything stored is in memory, up to the newest frame; undefined before the first page. */
  completeSince(): Instant | undefined;
  /** The same of everything read: what was stored before the first page may be missing. */
  heldSince(): Instant | undefined;
}

const leaveAfterMsDefault = 600_000;
const keepAbsentMsDefault = 6 * 3_600_000;
/** A histogram is judged twice, and those that are gone keep their places for a while. */
const slotsPerSeries = 1.25;
/** A page this far behind the clock is part of a catch-up. */
const behindMs = 60_000;

export function createHead(options: HeadOptions, { reader, spans, telemetry }: HeadDependencies): Head {
  const { windowMs, stepMs, latenessMs, idleMs, mappings } = options;
  const leaveAfterMs = options.leaveAfterMs ?? leaveAfterMsDefault;
  const watermark = createWatermark(latenessMs, idleMs);
  const coverageBook = createCoverageBook();
  const { maxSeries, rateWindowMs, keepAbsentMs = keepAbsentMsDefault } = options;
  const maxSlots = Math.ceil(maxSeries * slotsPerSeries);
  const measures = createSeriesMeasures({ maxSlots, keepAbsentMs, stepMs, rateWindowMs }, telemetry);
  const gpus = options.gpus ?? createGpuNames(telemetry);
  const book = createSeriesBook({ ...options, measures, gpus }, { coverageBook, telemetry });
  const signalIds = signals.map((signal) => signal.id);
  const measured: Measured = { value: Number.NaN, quality: quality.MISSING };
  const spanSeries = createSpanSeries(stepMs, telemetry);
  let cursor = "";
  let spanCursor = "";
  let begun = false;
  let begunFrom = Number.NEGATIVE_INFINITY;
  let nextStep: Instant | undefined;
  /** Newest event time put in that lies far ahead of what was read: time goes there once there is no more to read before it. */
  let putTo: Instant | undefined;

  return {
    steps: measures,
    refresh,
    put,
    frames,
    select: (matchers, range) => selectFrom(book.index, book.entityStates(), matchers, range),
    entities: () => book.entityStates().map((state) => state.entity),
    coverage: () => coverageBook.coverage(mappings, book.entityStates()),
    newestAt: watermark.newestAt,
    heldSince: () => (begun ? keepFrom() : undefined),
    completeSince: () => (begun ? Math.max(keepFrom(), begunFrom) : undefined),
  };

  async function refresh(now: Instant): Promise<{ readonly more: boolean }> {
    const newest = watermark.newestAt();
    // At first only the near past is of use; from then on whatever arrives, even if it tells of long ago.
    const oldest = begun ? 0 : now - (options.historyMs ?? windowMs);
    const notBefore = newest === undefined ? oldest : newest - windowMs;
    const page = reader.columnsAfter
      ? await reader.columnsAfter(cursor, notBefore)
      : await reader.metricsAfter(cursor, notBefore);
    const arrived = pointsIn(page);
    const newestInPage = take(page, now);
    if (!begun) begunFrom = notBefore;
    begun = true;
    const advanced = page.cursor !== cursor;
    cursor = page.cursor;
    if (newestInPage !== undefined) watermark.arrived(newestInPage, now);
    const behind = newestInPage === undefined ? arrived > 0 : newestInPage < now - behindMs;
    const pagePoints = options.pagePoints ?? pagePointsDefault;
    const more = advanced && (behind || arrived >= pagePoints);
    if (more) return { more };
    if (putTo !== undefined) watermark.arrived(putTo, now);
    putTo = undefined;
    // Spans are counted by one query for all that came, not by one a page while the past is caught up with.
    await refreshSpans(now, notBefore);
    return { more };
  }

  async function refreshSpans(now: Instant, notBefore: Instant): Promise<void> {
    if (spans === undefined) return;
    const page = await spans.spansAfter(spanCursor, notBefore, stepMs);
    spanCursor = page.cursor;
    if (page.truncated) telemetry.count("homeostat.observe.dropped", 1, { reason: "span-groups" });
    const newestGroup = page.groups.reduce((newest, { at }) => Math.max(newest, at - stepMs), Number.NEGATIVE_INFINITY);
    const upTo = Math.min(now, Math.max(newestGroup, watermark.newestAt() ?? Number.NEGATIVE_INFINITY));
    const newestAt = take(pageOf(spanSeries.samplesOf(page.groups, upTo), stepMs), now);
    // A span that ended within a step says nothing about the rest of it.
    if (newestAt !== undefined && page.groups.length > 0) watermark.arrived(newestGroup, now);
  }

  function put(samples: readonly MadeSample[], now: Instant): void {
    const newestAt = take(pageOf(samples, stepMs), now);
    if (newestAt === undefined) return;
    if (newestAt <= (watermark.newestAt() ?? Number.NEGATIVE_INFINITY) + behindMs) watermark.arrived(newestAt, now);
    else putTo = Math.max(putTo ?? newestAt, newestAt);
  }

  function take(page: RawPage | ColumnPage, now: Instant): Instant | undefined {
    const judgedTo = nextStep === undefined ? Number.NEGATIVE_INFINITY : nextStep - stepMs;
    return book.take(page, { now, judgedTo, keepFrom: keepFrom() });
  }

  function* frames(now: Instant): Iterable<Frame> {
    const complete = watermark.at(now, slowest());
    const earliest = book.earliestAt();
    if (earliest === undefined || complete === Number.NEGATIVE_INFINITY) return;
    nextStep ??= Math.ceil(earliest / stepMs) * stepMs;
    while (nextStep <= complete) {
      const present = statesAt(nextStep);
      if (present.length > 0 || unmappedAt(nextStep)) {
        const frame = frameAt(nextStep, present);
        nextStep += stepMs;
        yield frame;
      } else nextStep = afterGap(nextStep, complete);
    }
    book.forget(keepFrom());
  }

  /** Newest event time of the replica furthest behind, of those that still send. */
  function slowest(): Instant | undefined {
    const newest = watermark.newestAt() ?? Number.NEGATIVE_INFINITY;
    const sending = book.entityStates().filter((state) => newest - state.lastAt <= leaveAfterMs);
    return sending.length === 0 ? undefined : Math.min(...sending.map((state) => state.lastAt));
  }

  function statesAt(at: Instant): readonly EntityState[] {
    return book.entityStates().filter((state) => state.firstAt <= at && at - state.lastAt <= leaveAfterMs);
  }

  /** Series that feed no signal keep time going too: rules and detection judge them. */
  function unmappedAt(at: Instant): boolean {
    const { from, to } = book.unmapped();
    return from <= at && at - to <= leaveAfterMs;
  }

  /** With nobody there, time goes on to where somebody is, or to where it is complete. */
  function afterGap(step: Instant, complete: Instant): Instant {
    const { from, to } = book.unmapped();
    const next = [...book.entityStates(), { firstAt: from, lastAt: to }].reduce(
      (soonest, state) => (state.lastAt >= step ? Math.min(soonest, Math.max(state.firstAt, step + 1)) : soonest),
      complete + 1,
    );
    return Math.max(step + stepMs, Math.ceil(next / stepMs) * stepMs);
  }

  function frameAt(at: Instant, states: readonly EntityState[]): Frame {
    const framed = states.filter((state) => state.judged);
    const width = signals.length;
    const values = new Float64Array(framed.length * width);
    const flags = new Uint8Array(framed.length * width).fill(quality.MISSING);
    values.fill(Number.NaN);
    let row = 0;
    for (const state of states) {
      const frozen = state.restless.size > 0 && isFrozen([...state.restless], at) ? quality.FROZEN : 0;
      if (frozen !== 0) telemetry.count("homeostat.observe.quarantined", 1, { reason: "frozen-exporter" });
      for (const signal of state.tracked.keys()) {
        measureSignal(state, signal, at, options, measured);
        measured.quality |= frozen;
        remember(state, signal, at, measured, at - windowMs);
        if (!state.judged || signal >= width) continue;
        values[row * width + signal] = measured.value;
        flags[row * width + signal] = measured.quality;
      }
      if (state.judged) row++;
    }
    return {
      at,
      stepMs,
      entities: framed.map((state) => state.entity),
      slots: Int32Array.from(framed, (state) => state.slot),
      signals: signalIds,
      values,
      quality: flags,
    };
  }

  /** Oldest event time of use: a page may span more than the window, and its steps are judged before they are forgotten. */
  function keepFrom(): Instant {
    const newest = watermark.newestAt();
    if (newest === undefined || nextStep === undefined) return Number.NEGATIVE_INFINITY;
    return Math.min(newest, nextStep) - windowMs;
  }
}
