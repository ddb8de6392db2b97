// One raw series in memory: what arrived, with resets marked, deltas added up and the reporting interval learned.
import type { RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";
import { quality } from "../model/series.ts";
import { type Columns, createColumns, place } from "./columns.ts";

/** How values behave: `gauge` = now, `counter` = adds up, `histogram` = adds up in every bucket. */
export type Behaviour = "gauge" | "counter" | "histogram";

export interface StoredSeries {
  readonly definition: RawSeries;
  readonly behaviour: Behaviour;
  /**
   * Gauge and counter: one column. Histogram: the sum, then cumulative counts for every bound, then for +Inf (the count).
   */
  readonly columns: Columns;
  /** Start times of the points, only kept in step for the newest. */
  lastStart: number;
  /** Typical distance of points; NaN before the second. */
  intervalMs: number;
}

export type Stored = "stored" | "duplicate" | "malformed";

export function createStoredSeries(definition: RawSeries): StoredSeries {
  const behaviour = behaviourOf(definition);
  const width = behaviour === "histogram" ? definition.bounds.length + 2 : 1;
  return { definition, behaviour, columns: createColumns(width), lastStart: 0, intervalMs: Number.NaN };
}

/**
 * Stores a point; `flags` are quality bits to set on it. A delta is added to what came before, so that all sums and
 * histograms read as cumulative from here on.
 */
export function storePoint(series: StoredSeries, point: RawPoint, flags: number, limit: number): Stored {
  const { definition, columns, behaviour } = series;
  const stale = (point.flags & 1) !== 0;
  if (behaviour === "histogram" && !stale && point.buckets.length !== definition.bounds.length + 1) return "malformed";
  const delta = behaviour !== "gauge" && !definition.cumulative;
  // A delta says what happened since its start: without a zero there, the first one would count for nothing.
  if (delta && !stale && columns.start === columns.end && point.start > 0 && point.start < point.at) {
    const zero = place(columns, point.start, limit);
    for (const column of columns.values) column[zero] = 0;
    columns.flags[zero] = flags;
  }
  const newest = columns.end > columns.start ? (columns.times[columns.end - 1] as number) : Number.NEGATIVE_INFINITY;
  const index = place(columns, point.at, limit);
  if (index < 0) return definition.additive && !stale ? addTo(series, point) : "duplicate";
  columns.flags[index] = flags | (stale ? quality.STALE : 0);
  if (stale) {
    for (const column of columns.values) column[index] = Number.NaN;
    return "stored";
  }
  write(series, point, index);
  if (delta) addUp(columns, index);
  else if (behaviour !== "gauge") markReset(series, point, index, newest);
  if (point.at > newest) {
    if (newest > Number.NEGATIVE_INFINITY) learnInterval(series, point.at - newest);
    series.lastStart = point.start;
  }
  return "stored";
}

/** Index of the newest point at or before `time` that is not a stale marker's predecessor; -1 if none or if the series had ended. */
export function lastUsable(series: StoredSeries, time: number): number {
  const { columns } = series;
  let index = columns.end - 1;
  while (index >= columns.start && (columns.times[index] as number) > time) index--;
  if (index < columns.start) return -1;
  return ((columns.flags[index] as number) & quality.STALE) === 0 ? index : -1;
}

function behaviourOf(definition: RawSeries): Behaviour {
  if (definition.kind === "histogram") return "histogram";
  // Sums that may fall (queue lengths, memory) are levels, unless they come as changes that have to be added up.
  return definition.kind === "sum" && (definition.monotonic || !definition.cumulative) ? "counter" : "gauge";
}

function write(series: StoredSeries, point: RawPoint, index: number): void {
  const { values } = series.columns;
  (values[0] as Float64Array)[index] = point.value;
  if (series.behaviour !== "histogram") return;
  let cumulative = 0;
  for (let bucket = 0; bucket < point.buckets.length; bucket++) {
    cumulative += point.buckets[bucket] as number;
    (values[bucket + 1] as Float64Array)[index] = cumulative;
  }
}

function addUp(columns: Columns, index: number): void {
  let before = index - 1;
  while (before >= columns.start && ((columns.flags[before] as number) & quality.STALE) !== 0) before--;
  for (const column of columns.values) {
    const change = column[index] as number;
    column[index] = change + (before >= columns.start ? (column[before] as number) : 0);
    // What came late is part of everything after it.
    for (let i = index + 1; i < columns.end; i++) column[i] = (column[i] as number) + change;
  }
}

/** Adds a count to the one that is there at its time, and to all that came after. */
function addTo({ columns }: StoredSeries, point: RawPoint): Stored {
  const { values, start, end, times } = columns;
  let from = end - 1;
  while (from >= start && times[from] !== point.at) from--;
  let cumulative = 0;
  for (const [i, column] of values.entries()) {
    if (i > 0) cumulative += point.buckets[i - 1] as number;
    const change = i > 0 ? cumulative : point.value;
    for (let at = from; at < end; at++) column[at] = (column[at] as number) + change;
  }
  return "stored";
}

function markReset(series: StoredSeries, point: RawPoint, index: number, newest: number): void {
  // A true restart starts after the last point of the life before. Exporters that work out their start time anew at
  // every report jitter by less than that.
  const restarted =
    series.lastStart > 0 && point.start > series.lastStart && point.start >= newest && point.at > newest;
  if (restarted) series.columns.flags[index] = (series.columns.flags[index] as number) | quality.RESET;
}

function learnInterval(series: StoredSeries, distanceMs: number): void {
  const known = series.intervalMs;
  if (Number.isNaN(known)) series.intervalMs = distanceMs;
  // A gap is not an interval, but many in a row are: let it grow slowly.
  else series.intervalMs = distanceMs > 3 * known ? known * 1.2 : known + 0.2 * (distanceMs - known);
}
