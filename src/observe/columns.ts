// Points of one series in columns, oldest first, in a stretch of memory that slides: no wrap-around, so that any part of it can be handed out as a view.

/** Live points are `start` (inclusive) to `end` (exclusive) of every array. The arrays are replaced as they grow. */
export interface Columns {
  start: number;
  end: number;
  times: Float64Array;
  values: Float64Array[];
  /** Bits of `quality`. */
  flags: Uint8Array;
  /** The stretch last asked for, until a point comes or goes: rules ask for the same one again and again. */
  window: ColumnWindow | undefined;
}

/** Points `lo` to `hi` (exclusive) of the arrays, which hold the times from `from` to `to` (exclusive). */
export interface ColumnWindow {
  readonly from: number;
  readonly to: number;
  readonly lo: number;
  readonly hi: number;
  readonly times: Float64Array;
  readonly flags: Uint8Array;
  /** One a column, made when first asked for. */
  readonly values: (Float64Array | undefined)[];
}

const capacityFirst = 32;

/** Empty columns, `width` values a point. */
export function createColumns(width: number): Columns {
  return {
    start: 0,
    end: 0,
    times: new Float64Array(capacityFirst),
    values: Array.from({ length: width }, () => new Float64Array(capacityFirst)),
    flags: new Uint8Array(capacityFirst),
    window: undefined,
  };
}

/** The points in the range, without copying; undefined if there are none. The same object while nothing changed. */
export function windowOf(columns: Columns, from: number, to: number): ColumnWindow | undefined {
  const known = columns.window;
  if (known !== undefined && known.from === from && known.to === to) return known;
  const lo = firstAtOrAfter(columns, from);
  const hi = firstAtOrAfter(columns, to);
  if (hi <= lo) return undefined;
  const flags = columns.flags.subarray(lo, hi);
  columns.window = { from, to, lo, hi, times: columns.times.subarray(lo, hi), flags, values: [] };
  return columns.window;
}

/** Index of the first live point at or after `time`; `end` if there is none. */
export function firstAtOrAfter(columns: Columns, time: number): number {
  const { times, end } = columns;
  // Most callers ask about the newest points.
  if (end === columns.start || (times[end - 1] as number) < time) return end;
  let low = columns.start;
  let high = end;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Makes room for a point at `time` and returns the index to write its values and flags to, or -1 if there is a point at
 * that time already. Times stay strictly rising; a late point shifts the newer ones. Holding `limit` points, the oldest goes.
 */
export function place(columns: Columns, time: number, limit: number): number {
  const at = firstAtOrAfter(columns, time);
  if (at < columns.end && columns.times[at] === time) return -1;
  columns.window = undefined;
  const newerPoints = columns.end - at;
  if (columns.end - columns.start >= limit) columns.start++;
  if (columns.end === columns.times.length) makeRoom(columns);
  const index = Math.max(columns.start, columns.end - newerPoints);
  if (index < columns.end) {
    columns.times.copyWithin(index + 1, index, columns.end);
    for (const column of columns.values) column.copyWithin(index + 1, index, columns.end);
    columns.flags.copyWithin(index + 1, index, columns.end);
  }
  columns.times[index] = time;
  columns.end++;
  return index;
}

/** Lets go of the points before `time`. */
export function dropBefore(columns: Columns, time: number): void {
  columns.window = undefined;
  while (columns.start < columns.end && (columns.times[columns.start] as number) < time) columns.start++;
}

function makeRoom(columns: Columns): void {
  const { start, end } = columns;
  const live = end - start;
  const capacity = columns.times.length;
  // Half empty: slide to the front. Otherwise double, so that a point costs constant time on average.
  if (live <= capacity / 2) {
    columns.times.copyWithin(0, start, end);
    for (const column of columns.values) column.copyWithin(0, start, end);
    columns.flags.copyWithin(0, start, end);
  } else {
    columns.times = grown(columns.times, start, end, capacity * 2);
    columns.values = columns.values.map((column) => grown(column, start, end, capacity * 2));
    const flags = new Uint8Array(capacity * 2);
    flags.set(columns.flags.subarray(start, end));
    columns.flags = flags;
  }
  columns.start = 0;
  columns.end = live;
}

function grown(column: Float64Array, start: number, end: number, capacity: number): Float64Array {
  const larger = new Float64Array(capacity);
  larger.set(column.subarray(start, end));
  return larger;
}
