// All raw series in memory, and the replicas they feed: takes pages in, lets go of what ended, counts what it refused.
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { ColumnPage, RawPage, RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";
import { quality } from "../model/series.ts";
import { decimalOf } from "../model/series-hash.ts";
import { catalogue, type Signal } from "../model/signal.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";
import { attach, detach, type EntityState, spoil } from "./canonical.ts";
import { dropBefore } from "./columns.ts";
import type { CoverageBook } from "./coverage.ts";
import { createEntityBook } from "./entities.ts";
import { entityKindOf, isMade } from "./entity-kind.ts";
import { createEntityStates } from "./entity-states.ts";
import { createFamilies } from "./families.ts";
import type { GpuNames } from "./gpu-names.ts";
import { createGpuSeats } from "./gpu-seats.ts";
import { createDefinitions, futureToleranceMs, isCreatedSeries, refusePoint } from "./intake.ts";
import type { SignalMapping } from "./mapping.ts";
import { createNumbered, eachPoint } from "./point-columns.ts";
import { createStoredSeries, type StoredSeries, storePoint } from "./raw-series.ts";
import { createResolver, type Target } from "./resolver.ts";
import { quantileSelectables, type Selectable, selectablesOf } from "./selection.ts";
import { createSeriesIndex, type SeriesIndex } from "./series-index.ts";
import type { SeriesMeasures } from "./series-measures.ts";
import { createSkewBook, type Turned } from "./skew.ts";
import { createIntakeTally } from "./tally.ts";

/** Where time stands while a page is taken in. */
export interface PageTimes {
  readonly now: Instant;
  /** Last step judged: points at or before it come late. */
  readonly judgedTo: Instant;
  readonly keepFrom: Instant;
}

export interface SeriesBook {
  readonly index: SeriesIndex;
  /** Takes a page in; returns the newest event time it brought. */
  take(page: RawPage | ColumnPage, times: PageTimes): Instant | undefined;
  /** Lets go of points before `keepFrom`, then of series and replicas without any. */
  forget(keepFrom: Instant): void;
  entityStates(): readonly EntityState[];
  /** Oldest event time of any replica, or of what is no replica's. */
  earliestAt(): Instant | undefined;
  /** First and newest event time of series that feed no signal. */
  unmapped(): TimeRange;
}

interface LiveSeries {
  readonly stored: StoredSeries;
  readonly selectables: readonly Selectable[];
  readonly targets: readonly Target[];
  readonly states: readonly EntityState[];
  /** Key of the series of one metric of one entity. */
  readonly family: string;
  /** Whose clock its times are of. */
  readonly producer: string;
  /** Its place among those found by the halves of their hash; -1 before it was. */
  number: number;
}

/** Series one metric of one entity may always have. */
const familyLeast = 500;
/** Distance in event time of sweeps for ended series. */
const sweepMs = 30_000;

export function createSeriesBook(
  options: {
    readonly windowMs: DurationMs;
    readonly maxSeries: number;
    readonly mappings: readonly SignalMapping[];
    /** What is judged of the series; absent where nothing is. */
    readonly measures?: SeriesMeasures;
    /** Whether points come as they are made, so that a clock that is off shows. Default true. */
    readonly judgesClocks?: boolean;
    /** Where GPUs sit, which the series tell. */
    readonly gpus: GpuNames;
  },
  { coverageBook, telemetry }: { readonly coverageBook: CoverageBook; readonly telemetry: Telemetry },
): SeriesBook {
  // Four points a second for the whole window: more is not telemetry, it is a loop.
  const pointsMax = Math.max(1024, Math.ceil(options.windowMs / 250));
  const { judgesClocks = true } = options;
  const resolver = createResolver(options.mappings);
  const definitions = createDefinitions(options.maxSeries * 4);
  const identities = createEntityBook(options.gpus);
  const seats = createGpuSeats(options.gpus);
  const index = createSeriesIndex();
  const live = new Map<string, LiveSeries>();
  const states = createEntityStates(identities);
  const tally = createIntakeTally(telemetry);
  const { refuse, repaired } = tally;
  const skews = createSkewBook();
  const numbered = createNumbered<LiveSeries>();
  /** What the page being taken in brought so far. */
  const taken = { newest: Number.NEGATIVE_INFINITY, late: 0, stored: 0 };
  const horizon = { from: 0, to: 0 };
  const unmapped = { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  const families = createFamilies(Math.max(familyLeast, Math.floor(options.maxSeries / 20)));
  let sweptAt = Number.NEGATIVE_INFINITY;

  return { index, take, forget, entityStates: states.list, earliestAt, unmapped: () => unmapped };

  function take(page: RawPage | ColumnPage, times: PageTimes): Instant | undefined {
    for (const series of page.series) definitions.add(series);
    taken.newest = Number.NEGATIVE_INFINITY;
    taken.late = 0;
    taken.stored = 0;
    horizon.from = times.keepFrom;
    horizon.to = times.now + futureToleranceMs;
    if ("points" in page) {
      for (const point of page.points)
        takePoint(live.get(point.hash) ?? admit(definitions.get(point.hash), point.at), point, times);
    } else {
      for (const columns of page.columns)
        eachPoint(columns, (point, low, high) => {
          const series =
            numbered.find(columns.hashPrefix, low, high) ?? number(columns.hashPrefix, low, high, point.at);
          takePoint(series, point, times);
        });
    }
    if (judgesClocks) for (const turned of skews.settle(times.now)) setRight(turned, times.now);
    report();
    return taken.newest === Number.NEGATIVE_INFINITY ? undefined : taken.newest;
  }

  function takePoint(series: LiveSeries | undefined, arrived: RawPoint, { judgedTo }: PageTimes): void {
    if (series === undefined) return;
    // Before it may be refused for its time: a clock that is far off is what makes it so.
    if (judgesClocks && !isMade(series.stored.definition)) skews.note(series.producer, arrived.at);
    const point = inOurTime(arrived, series);
    const refusal = refusePoint(series.stored.definition, point, horizon);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    const { columns } = series.stored;
    if (columns.end - columns.start >= pointsMax) refuse("points-limit");
    const isLate = point.at <= judgedTo;
    const outcome = storePoint(series.stored, point, isLate ? quality.LATE : 0, pointsMax);
    if (outcome !== "stored") {
      refuse(outcome);
      return;
    }
    taken.stored++;
    if (series.states.length === 0) {
      unmapped.from = Math.min(unmapped.from, point.at);
      unmapped.to = Math.max(unmapped.to, point.at);
    }
    if (isLate) taken.late++;
    if (point.at > taken.newest) taken.newest = point.at;
    if ((point.flags & 1) !== 0) return;
    for (const state of series.states) {
      if (point.at < state.firstAt) state.firstAt = point.at;
      if (point.at > state.lastAt) state.lastAt = point.at;
    }
  }

  /** A series whose points come in columns is found by its hash's halves from its first point on. */
  function number(prefix: string, low: number, high: number, at: Instant): LiveSeries | undefined {
    const hash = prefix + decimalOf(low, high);
    const series = live.get(hash) ?? admit(definitions.get(hash), at);
    if (series !== undefined) numbered.add(prefix, low, high, series);
    return series;
  }

  /** The point as it would be if its producer's clock were right. */
  function inOurTime(point: RawPoint, { producer }: LiveSeries): RawPoint {
    const correction = skews.correction(producer);
    if (correction === 0) return point;
    repaired("clock-skew");
    return { ...point, at: point.at + correction, start: point.start > 0 ? point.start + correction : 0 };
  }

  /** A producer's clock was found to be off, or right again: what it said before lies at the wrong times and goes. */
  function setRight({ producer, aheadMs }: Turned, now: Instant): void {
    telemetry.log.warn("a clock is off: the points of this producer are moved by the difference", {
      producer,
      aheadMs,
    });
    for (const series of live.values()) {
      if (series.producer !== producer) continue;
      series.stored.columns.start = series.stored.columns.end;
      for (const state of series.states) state.lastAt = Math.min(state.lastAt, now);
    }
  }

  function admit(definition: RawSeries | undefined, at: Instant): LiveSeries | undefined {
    if (definition === undefined) return refuse("series-without-definition");
    if (isCreatedSeries(definition)) return refuse("created-series");
    if (live.size >= options.maxSeries) return refuse("series-limit");
    const series = enter(createStoredSeries(definition), at);
    if (series !== undefined) noteMetric(definition.metric, series.targets);
    return series;
  }

  /** Finds out whom the series is about, and lets it speak for that. Undefined where there are too many like it. */
  function enter(stored: StoredSeries, at: Instant): LiveSeries | undefined {
    const { definition } = stored;
    const targets = resolver.resolve(definition, stored.behaviour);
    const kind = entityKindOf(definition, targets);
    if (kind === "gpu") for (const hash of seats.note(definition)) placeAnew(hash, at);
    const identity = identities.identify(definition, kind);
    const family = `${identity.id} ${definition.metric}`;
    if (!families.enter(family)) {
      for (const target of targets) spoil(states.of(definition, target), target, at + options.windowMs);
      seats.forget(definition.hash);
      return refuse("label-explosion");
    }
    const fed = targets.map((target) => {
      const state = states.of(definition, target);
      const unit = attach(state, target, stored);
      if (unit === "converted") repaired("unit");
      else if (unit === "suspect") telemetry.count("homeostat.observe.quarantined", 1, { reason: "unit" });
      return state;
    });
    const restless = resolver.restlessOf(definition.metric);
    if (restless !== undefined) states.restless(identities.identify(definition, restless).id).add(stored);
    const aliases = targets.flatMap((target) => quantileSelectables(stored, identity, target));
    const producer = identities.identify(definition, "replica").id;
    const selectables = [...selectablesOf(stored, identity), ...aliases];
    const labels = selectables[0]?.labels ?? {};
    options.measures?.enter({ stored, labels, entity: identity.id, parent: identity.parent }, targets, fed);
    const distinct = [...new Set(fed)];
    const series: LiveSeries = { stored, selectables, targets, states: distinct, family, producer, number: -1 };
    live.set(definition.hash, series);
    index.add(series.selectables);
    return series;
  }

  /** It is known by now whom the series is about: it goes over with its points. */
  function placeAnew(hash: string, at: Instant): void {
    const series = live.get(hash);
    if (series === undefined) return;
    const { stored } = series;
    letGo(hash, series, at);
    const { times, start, end } = stored.columns;
    for (const state of enter(stored, at)?.states ?? []) {
      if (start < end) state.firstAt = Math.min(state.firstAt, times[start] as number);
      if (start < end) state.lastAt = Math.max(state.lastAt, times[end - 1] as number);
    }
  }

  function forget(keepFrom: Instant): void {
    if (keepFrom < sweptAt + sweepMs) return;
    sweptAt = keepFrom;
    for (const [hash, series] of live) {
      const { columns } = series.stored;
      dropBefore(columns, keepFrom);
      if (columns.start < columns.end) continue;
      seats.forget(hash);
      letGo(hash, series, keepFrom);
    }
    options.measures?.sweep(keepFrom);
    states.sweep();
    skews.keepOnly(new Set([...live.values()].map(({ producer }) => producer)));
  }

  /** Nothing of the series is found any more, nor of entities that only it told of. */
  function letGo(hash: string, series: LiveSeries, at: Instant): void {
    live.delete(hash);
    numbered.remove(series);
    options.measures?.leave(series.stored, at);
    index.remove(series.selectables);
    for (const state of series.states) {
      if (detach(state, series.stored)) continue;
      states.drop(state.entity.id);
      options.measures?.leaveEntity(state, at);
    }
    states.leave(series.stored);
    families.leave(series.family);
  }

  function noteMetric(metric: string, targets: readonly Target[]): void {
    const engine = targets[0]?.mapping.engine ?? resolver.engineOf(metric) ?? "";
    const ids = targets.map((target) => (catalogue[target.signal] as Signal<string>).id);
    coverageBook.note(engine, metric, ids, resolver.reasonFor(metric));
  }

  function earliestAt(): Instant | undefined {
    let earliest = unmapped.from;
    for (const state of states.list()) earliest = Math.min(earliest, state.firstAt);
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest;
  }

  function report(): void {
    tally.report(taken.stored, taken.late);
    telemetry.gauge("homeostat.observe.series", live.size);
    telemetry.gauge("homeostat.observe.entities", states.list().length);
  }
}
