// The canonical signals of one replica: which raw series feed them, and their value at an instant.
import type { Entity } from "../model/entity.ts";
import { type Labels, labelsKey, METRIC_NAME } from "../model/labels.ts";
import { quality } from "../model/series.ts";
import { type Signal, signals } from "../model/signal.ts";
import { type Columns, createColumns, dropBefore, place } from "./columns.ts";
import type { SignalSource } from "./mapping.ts";
import {
  addObservations,
  currentIndex,
  type Measured,
  measureLast,
  measureMean,
  measureP95,
  measureRate,
  totalOf,
  type Windows,
} from "./measure.ts";
import type { StoredSeries } from "./raw-series.ts";
import type { Target } from "./resolver.ts";

export interface EntityState {
  entity: Entity;
  readonly slot: number;
  /** Event times of the first and newest point of any series that feeds a signal. */
  firstAt: number;
  lastAt: number;
  /** For every signal its sources, best first. */
  readonly sources: SourceState[][];
  /** For every signal the canonical series as it was judged, for queries. */
  readonly history: History[];
}

/** One canonical series, and those of earlier releases (other labels) that are still in memory. */
export interface History {
  labels: Labels | undefined;
  columns: Columns;
  ended: { readonly labels: Labels; readonly columns: Columns }[];
}

interface SourceState {
  readonly rank: number;
  readonly source: SignalSource;
  /** Series with equal attributes: of those, only the one that reports now counts (a new release is a new series). */
  readonly groups: Map<string, StoredSeries[]>;
  readonly counts: Map<
    string,
    { readonly bounds: readonly number[]; readonly counts: Float64Array; sum: number; quality: number }
  >;
}

export function createEntityState(entity: Entity, slot: number): EntityState {
  return {
    entity,
    slot,
    firstAt: Number.POSITIVE_INFINITY,
    lastAt: Number.NEGATIVE_INFINITY,
    sources: signals.map(() => []),
    history: signals.map(() => ({ labels: undefined, columns: createColumns(1), ended: [] })),
  };
}

/** Lets `series` feed the signal from now on. */
export function attach(state: EntityState, target: Target, series: StoredSeries): void {
  const sources = state.sources[target.signal] as SourceState[];
  let source = sources.find((known) => known.source === target.source);
  if (source === undefined) {
    source = { rank: target.rank, source: target.source, groups: new Map(), counts: new Map() };
    sources.push(source);
    sources.sort((a, b) => a.rank - b.rank);
  }
  const key = labelsKey(series.definition.attributes);
  const group = source.groups.get(key);
  if (group === undefined) source.groups.set(key, [series]);
  else group.push(series);
}

/** Lets go of a series; returns whether any series is left that feeds the entity. */
export function detach(state: EntityState, series: StoredSeries): boolean {
  let left = false;
  for (const sources of state.sources) {
    for (const source of sources) {
      for (const [key, group] of source.groups) {
        const rest = group.filter((member) => member !== series);
        if (rest.length === 0) source.groups.delete(key);
        else {
          left = true;
          if (rest.length < group.length) source.groups.set(key, rest);
        }
      }
    }
  }
  return left;
}

/** Value and quality of a signal at `at`: of its best source that has one. */
export function measureSignal(state: EntityState, signal: number, at: number, windows: Windows, out: Measured): void {
  out.value = Number.NaN;
  out.quality = quality.MISSING;
  for (const source of state.sources[signal] as SourceState[]) {
    measureSource(source, at, windows, out);
    if ((out.quality & quality.MISSING) !== 0) continue;
    const { scale, invert } = source.source;
    out.value = (invert ? 1 / out.value : out.value) * scale;
    const { min, max } = (signals[signal] as Signal).range;
    if (!(out.value >= min && out.value <= max) || out.value === Number.POSITIVE_INFINITY)
      out.quality |= quality.OUT_OF_RANGE;
    return;
  }
}

/** Writes down a judged value under its canonical name; a gap gets one stale marker, so that queries see the end. */
export function remember(state: EntityState, signal: number, at: number, measured: Measured, keepFrom: number): void {
  const history = state.history[signal] as History;
  const { columns } = history;
  dropBefore(columns, keepFrom);
  history.ended = history.ended.filter((old) => (old.columns.times[old.columns.end - 1] ?? 0) >= keepFrom);
  const missing = (measured.quality & quality.MISSING) !== 0;
  const last = columns.end - 1;
  const wasThere = last >= columns.start && ((columns.flags[last] as number) & quality.STALE) === 0;
  if (missing && !wasThere) return;
  if (missing) {
    append(columns, at, Number.NaN, quality.MISSING | quality.STALE);
    return;
  }
  const labels = canonicalLabels(state.entity, signal, history.labels);
  if (labels !== history.labels && history.labels !== undefined) {
    if (wasThere) append(columns, at, Number.NaN, quality.MISSING | quality.STALE);
    history.ended.push({ labels: history.labels, columns });
    history.columns = createColumns(1);
  }
  history.labels = labels;
  append(history.columns, at, measured.value, measured.quality);
}

function append(columns: Columns, at: number, value: number, flags: number): void {
  const index = place(columns, at, Number.POSITIVE_INFINITY);
  if (index < 0) return;
  (columns.values[0] as Float64Array)[index] = value;
  columns.flags[index] = flags;
}

function canonicalLabels(entity: Entity, signal: number, known: Labels | undefined): Labels {
  const unchanged =
    known !== undefined && Object.keys(entity.labels).every((name) => known[name] === entity.labels[name]);
  if (unchanged) return known;
  const labels: Record<string, string> = { ...entity.labels, entity: entity.id };
  if (entity.parent !== undefined) labels["parent"] = entity.parent;
  labels[METRIC_NAME] = (signals[signal] as Signal).metric;
  return labels;
}

function measureSource(state: SourceState, at: number, windows: Windows, out: Measured): void {
  const { read, combine } = state.source;
  if (read === "p95" || read === "mean") {
    measureObservations(state, at, windows, out);
    return;
  }
  let value = Number.NaN;
  let flags = 0;
  let members = 0;
  for (const group of state.groups.values()) {
    const series = reporting(group, at, windows);
    if (series === undefined) continue;
    if (read === "last") measureLast(series, at, windows, out);
    else measureRate(series, read === "rate_of_count" ? series.columns.values.length - 1 : 0, at, windows, out);
    if ((out.quality & quality.MISSING) !== 0) continue;
    flags |= out.quality;
    members++;
    if (members === 1) value = out.value;
    else value = combine === "max" ? Math.max(value, out.value) : value + out.value;
  }
  out.value = combine === "mean" && members > 0 ? value / members : value;
  out.quality = members > 0 ? flags : quality.MISSING;
}

/** Histograms of equal bounds are added up; of several ladders the one with most observations speaks. */
function measureObservations(state: SourceState, at: number, windows: Windows, out: Measured): void {
  for (const ladder of state.counts.values()) {
    ladder.counts.fill(0);
    ladder.sum = 0;
    ladder.quality = 0;
  }
  for (const group of state.groups.values()) {
    const series = reporting(group, at, windows);
    if (series === undefined) continue;
    const { bounds } = series.definition;
    const key = bounds.join(",");
    let ladder = state.counts.get(key);
    if (ladder === undefined) {
      ladder = { bounds, counts: new Float64Array(bounds.length + 1), sum: 0, quality: 0 };
      state.counts.set(key, ladder);
    }
    addObservations(series, at, windows, ladder.counts, out);
    ladder.sum += out.value;
    ladder.quality |= out.quality;
  }
  out.value = Number.NaN;
  out.quality = quality.MISSING;
  let most = 0;
  for (const { bounds, counts, sum, quality: flags } of state.counts.values()) {
    const total = totalOf(counts, bounds.length + 1);
    if (total <= most) continue;
    most = total;
    out.value = sum;
    out.quality = flags;
    if (state.source.read === "mean") measureMean(counts, bounds.length + 1, out);
    else measureP95(bounds, counts, out);
  }
}

function reporting(group: readonly StoredSeries[], at: number, windows: Windows): StoredSeries | undefined {
  let newest: StoredSeries | undefined;
  let newestAt = Number.NEGATIVE_INFINITY;
  for (const series of group) {
    const index = currentIndex(series, at, windows);
    if (index < 0) continue;
    const time = series.columns.times[index] as number;
    if (time <= newestAt) continue;
    newest = series;
    newestAt = time;
  }
  return newest;
}
