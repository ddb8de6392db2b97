// All raw series in memory, and the replicas they feed: takes pages in, lets go of what ended, counts what it refused.
import type { EntityId } from "../model/entity.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { ColumnPage, RawPage, RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";
import { quality } from "../model/series.ts";
import { decimalOf } from "../model/series-hash.ts";
import { catalogue, type Signal, signals } from "../model/signal.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";
import { attach, createEntityState, detach, type EntityState, spoil } from "./canonical.ts";
import { dropBefore } from "./columns.ts";
import type { CoverageBook } from "./coverage.ts";
import { createEntityBook, entityLabels, placeOf, withFacts } from "./entities.ts";
import { entityKindOf, isMade, kindOf } from "./entity-kind.ts";
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
  },
  { coverageBook, telemetry }: { readonly coverageBook: CoverageBook; readonly telemetry: Telemetry },
): SeriesBook {
  // Four points a second for the whole window: more is not telemetry, it is a loop.
  const pointsMax = Math.max(1024, Math.ceil(options.windowMs / 250));
  const { judgesClocks = true } = options;
  const resolver = createResolver(options.mappings);
  const definitions = createDefinitions(options.maxSeries * 4);
  const identities = createEntityBook();
  const index = createSeriesIndex();
  const live = new Map<string, LiveSeries>();
  const states = new Map<EntityId, EntityState>();
  const slots = new Map<EntityId, number>();
  const tally = createIntakeTally(telemetry);
  const { refuse, repaired } = tally;
  /** Series of one metric of one entity; beyond the limit a label has taken values without end. */
  const families = new Map<string, number>();
  const restlessOf = new Map<EntityId, Set<StoredSeries>>();
  const skews = createSkewBook();
  const numbered = createNumbered<LiveSeries>();
  /** What the page being taken in brought so far. */
  const taken = { newest: Number.NEGATIVE_INFINITY, late: 0, stored: 0 };
  const horizon = { from: 0, to: 0 };
  const unmapped = { from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY };
  const familyMax = Math.max(familyLeast, Math.floor(options.maxSeries / 20));
  let stateList: readonly EntityState[] = [];
  let sweptAt = Number.NEGATIVE_INFINITY;

  return { index, take, forget, entityStates: () => stateList, earliestAt, unmapped: () => unmapped };

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
    const point = inOurTime(arrived, series);
    const refusal = refusePoint(series.stored.definition, point, horizon);
    if (refusal !== undefined) {
      refuse(refusal);
      return;
    }
    if (judgesClocks && !isMade(series.stored.definition)) skews.note(series.producer, arrived.at);
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

  function restlessBy(id: EntityId): Set<StoredSeries> {
    let found = restlessOf.get(id);
    if (found === undefined) {
      found = new Set();
      restlessOf.set(id, found);
    }
    return found;
  }

  function admit(definition: RawSeries | undefined, at: Instant): LiveSeries | undefined {
    if (definition === undefined) return refuse("series-without-definition");
    if (isCreatedSeries(definition)) return refuse("created-series");
    if (live.size >= options.maxSeries) return refuse("series-limit");
    const stored = createStoredSeries(definition);
    const targets = resolver.resolve(definition, stored.behaviour);
    const identity = identities.identify(definition, entityKindOf(definition, targets));
    const family = `${identity.id} ${definition.metric}`;
    if ((families.get(family) ?? 0) >= familyMax) {
      for (const target of targets) spoil(stateFor(definition, target), target, at + options.windowMs);
      return refuse("label-explosion");
    }
    families.set(family, (families.get(family) ?? 0) + 1);
    const states = targets.map((target) => {
      const state = stateFor(definition, target);
      const unit = attach(state, target, stored);
      if (unit === "converted") repaired("unit");
      else if (unit === "suspect") telemetry.count("homeostat.observe.quarantined", 1, { reason: "unit" });
      return state;
    });
    const restless = resolver.restlessOf(definition.metric);
    if (restless !== undefined) restlessBy(identities.identify(definition, restless).id).add(stored);
    noteMetric(definition.metric, targets);
    const aliases = targets.flatMap((target) => quantileSelectables(stored, identity, target));
    const producer = identities.identify(definition, "replica").id;
    const selectables = [...selectablesOf(stored, identity), ...aliases];
    const labels = selectables[0]?.labels ?? {};
    options.measures?.enter({ stored, labels, entity: identity.id, parent: identity.parent }, targets, states);
    const series: LiveSeries = { stored, selectables, states: [...new Set(states)], family, producer, number: -1 };
    live.set(definition.hash, series);
    index.add(series.selectables);
    return series;
  }

  function stateFor(definition: RawSeries, target: Target): EntityState {
    const { mapping } = target;
    const identity = identities.identify(definition, kindOf(target));
    // An application calls many models: none of them is what it is.
    const models = identity.kind === "service" ? [] : mapping.model;
    const labels = entityLabels(definition, mapping.engine, models, mapping.version);
    const place = placeOf(definition);
    const known = states.get(identity.id);
    if (known !== undefined) {
      // Several exporters may tell of one entity: what judged signals come from is its engine.
      const { engine: _, ...facts } = labels;
      const tells = target.signal < signals.length || !known.judged;
      known.entity = withFacts(known.entity, tells ? labels : facts, place);
      return known;
    }
    // Slots live as long as the process: an entity that comes back finds its own again.
    const slot = slots.get(identity.id) ?? slots.size;
    slots.set(identity.id, slot);
    const state = createEntityState({ ...identity, labels, place }, slot, restlessBy(identity.id));
    states.set(identity.id, state);
    stateList = [...states.values()];
    return state;
  }

  function forget(keepFrom: Instant): void {
    if (keepFrom < sweptAt + sweepMs) return;
    sweptAt = keepFrom;
    for (const [hash, series] of live) {
      const { columns } = series.stored;
      dropBefore(columns, keepFrom);
      if (columns.start < columns.end) continue;
      live.delete(hash);
      numbered.remove(series);
      options.measures?.leave(series.stored, keepFrom);
      index.remove(series.selectables);
      for (const state of series.states) {
        if (detach(state, series.stored)) continue;
        states.delete(state.entity.id);
        options.measures?.leaveEntity(state, keepFrom);
      }
      for (const members of restlessOf.values()) members.delete(series.stored);
      const left = (families.get(series.family) ?? 1) - 1;
      if (left > 0) families.set(series.family, left);
      else families.delete(series.family);
    }
    options.measures?.sweep(keepFrom);
    stateList = [...states.values()];
    for (const [id, members] of restlessOf) if (members.size === 0 && !states.has(id)) restlessOf.delete(id);
    skews.keepOnly(new Set([...live.values()].map(({ producer }) => producer)));
  }

  function noteMetric(metric: string, targets: readonly Target[]): void {
    const engine = targets[0]?.mapping.engine ?? resolver.engineOf(metric) ?? "";
    const ids = targets.map((target) => (catalogue[target.signal] as Signal<string>).id);
    coverageBook.note(engine, metric, ids, resolver.reasonFor(metric));
  }

  function earliestAt(): Instant | undefined {
    let earliest = unmapped.from;
    for (const state of stateList) earliest = Math.min(earliest, state.firstAt);
    return earliest === Number.POSITIVE_INFINITY ? undefined : earliest;
  }

  function report(): void {
    tally.report(taken.stored, taken.late);
    telemetry.gauge("homeostat.observe.series", live.size);
    telemetry.gauge("homeostat.observe.entities", states.size);
  }
}
