// The canonical signals of one entity: which raw series feed them, and their value at an instant.
import type { Entity } from "../model/entity.ts";
import { type Labels, METRIC_NAME } from "../model/labels.ts";
import { quality } from "../model/series.ts";
import { catalogue, type Signal, signals } from "../model/signal.ts";
import { type Columns, createColumns, dropBefore, place } from "./columns.ts";
import type { Measured, Windows } from "./measure.ts";
import type { StoredSeries } from "./raw-series.ts";
import type { Target } from "./resolver.ts";
import { addMember, createSourceState, measureSource, removeMember, type SourceState } from "./sources.ts";

export interface EntityState {
  entity: Entity;
  readonly slot: number;
  /** Event times of the first and newest point of any series that feeds a signal. */
  firstAt: number;
  lastAt: number;
  /** Signals it has (had) a source for, by their index in `catalogue`. */
  readonly tracked: Map<number, Tracked>;
  /** Whether any of them is one that detectors judge. */
  judged: boolean;
  /** Series of it that cannot stand still. */
  readonly restless: ReadonlySet<StoredSeries>;
}

export interface Tracked {
  /** Best first. */
  readonly sources: SourceState[];
  /** The canonical series as it was judged, for queries. */
  readonly history: History;
}

/** One canonical series, and those of earlier releases (other labels) that are still in memory. */
export interface History {
  labels: Labels | undefined;
  columns: Columns;
  ended: { readonly labels: Labels; readonly columns: Columns }[];
}

export function createEntityState(entity: Entity, slot: number, restless: ReadonlySet<StoredSeries>): EntityState {
  return {
    entity,
    slot,
    firstAt: Number.POSITIVE_INFINITY,
    lastAt: Number.NEGATIVE_INFINITY,
    tracked: new Map(),
    judged: false,
    restless,
  };
}

/** Lets `series` feed the signal from now on. Says what became of its unit. */
export function attach(state: EntityState, target: Target, series: StoredSeries): ReturnType<typeof addMember> {
  return addMember(sourceOf(state, target), target, series);
}

/** Part of the target's series had to be refused: its values are not to be trusted before `until`. */
export function spoil(state: EntityState, target: Target, until: number): void {
  const source = sourceOf(state, target);
  source.spoiledUntil = Math.max(source.spoiledUntil, until);
}

/** Lets go of a series; returns whether any series is left that feeds the entity. */
export function detach(state: EntityState, series: StoredSeries): boolean {
  let left = false;
  for (const { sources } of state.tracked.values()) {
    for (const source of sources) left = removeMember(source, series) || left;
  }
  return left;
}

/** Value and quality of a signal at `at`: of its best source that has one. */
export function measureSignal(state: EntityState, signal: number, at: number, windows: Windows, out: Measured): void {
  out.value = Number.NaN;
  out.quality = quality.MISSING;
  for (const source of state.tracked.get(signal)?.sources ?? []) {
    measureSource(source, at, windows, out);
    if ((out.quality & quality.MISSING) !== 0) continue;
    const { range, kind } = catalogue[signal] as Signal<string>;
    if (kind === "ratio") out.value = withoutRounding(out.value);
    if (!(out.value >= range.min && out.value <= range.max) || out.value === Number.POSITIVE_INFINITY)
      out.quality |= quality.OUT_OF_RANGE;
    return;
  }
  out.value = Number.NaN;
  out.quality = quality.MISSING;
}

/** Writes down a judged value under its canonical name; a gap gets one stale marker, so that queries see the end. */
export function remember(state: EntityState, signal: number, at: number, measured: Measured, keepFrom: number): void {
  const history = state.tracked.get(signal)?.history;
  if (history === undefined) return;
  const { columns } = history;
  dropBefore(columns, keepFrom);
  if (history.ended.length > 0)
    history.ended = history.ended.filter((old) => (old.columns.times[old.columns.end - 1] ?? 0) >= keepFrom);
  const missing = (measured.quality & quality.MISSING) !== 0;
  const wasThere = isThere(history);
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

/** Whether the newest word on a canonical series is a value. */
export function isThere({ columns }: History): boolean {
  const last = columns.end - 1;
  return last >= columns.start && ((columns.flags[last] as number) & quality.STALE) === 0;
}

function sourceOf(state: EntityState, target: Target): SourceState {
  let tracked = state.tracked.get(target.signal);
  if (tracked === undefined) {
    tracked = { sources: [], history: { labels: undefined, columns: createColumns(1), ended: [] } };
    state.tracked.set(target.signal, tracked);
    if (target.signal < signals.length) state.judged = true;
  }
  let source = tracked.sources.find((known) => known.source === target.source);
  if (source === undefined) {
    source = createSourceState(target);
    tracked.sources.push(source);
    tracked.sources.sort((a, b) => a.rank - b.rank);
  }
  return source;
}

/** One minus a sum of parts may come out a hair outside 0..1. */
function withoutRounding(ratio: number): number {
  if (ratio < 0 && ratio > -1e-9) return 0;
  return ratio > 1 && ratio < 1 + 1e-9 ? 1 : ratio;
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
  labels[METRIC_NAME] = (catalogue[signal] as Signal<string>).metric;
  return labels;
}
