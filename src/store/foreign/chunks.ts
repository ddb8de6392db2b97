// Stretches of somebody else's history, cut into slices of event time: what a player hands on one after the other.
import type { PointColumns, RawPoint, RawSeries } from "../../model/ports/telemetry-reader.ts";
import type { DurationMs, TimeRange } from "../../model/time.ts";

export interface Chunk {
  /** Identities that were not in an earlier chunk. */
  readonly series: readonly RawSeries[];
  /** One for each `sliceMs` of the range, oldest first; the points of one are in no order of time. */
  readonly slices: readonly PointColumns[];
  readonly points: number;
}

export interface ChunkReader {
  /** All points from `range.from` to `range.to` (exclusive). Rejects with a StoreError as the source does. */
  read(range: TimeRange, sliceMs: DurationMs): Promise<Chunk>;
  /** Series there was no room to remember, so that none of their points were given: most of any one read. */
  left(): number;
}

export interface SliceBuilder {
  /** `low` and `high`: halves of the series' hash. Points outside the range are left out. */
  add(low: number, high: number, point: Omit<RawPoint, "hash">): void;
  finish(): { readonly slices: readonly PointColumns[]; readonly points: number };
}

type Growing = { -readonly [K in keyof PointColumns]: PointColumns[K] };

const rowsFirst = 256;

export function createSliceBuilder({ from, to }: TimeRange, sliceMs: DurationMs): SliceBuilder {
  const slices = Array.from({ length: Math.max(1, Math.ceil((to - from) / sliceMs)) }, empty);
  let points = 0;

  return {
    add(low, high, point) {
      if (point.at < from || point.at >= to) return;
      const slice = slices[Math.floor((point.at - from) / sliceMs)] as Growing;
      const { rows } = slice;
      if (rows >= slice.times.length) grow(slice, Math.max(rowsFirst, 2 * rows));
      const ends = rows === 0 ? 0 : (slice.bucketEnds[rows - 1] as number);
      const end = ends + point.buckets.length;
      if (end > slice.buckets.length) slice.buckets = larger(slice.buckets, Math.max(rowsFirst, 2 * end));
      slice.hashes[2 * rows] = low;
      slice.hashes[2 * rows + 1] = high;
      slice.times[rows] = point.at;
      slice.starts[rows] = point.start;
      slice.values[rows] = point.value;
      slice.counts[rows] = point.count;
      slice.flags[rows] = point.flags;
      slice.bucketEnds[rows] = end;
      slice.buckets.set(point.buckets, ends);
      slice.rows = rows + 1;
      points++;
    },
    finish: () => ({ slices, points }),
  };
}

function empty(): Growing {
  return {
    rows: 0,
    hashPrefix: "",
    hashes: new Uint32Array(0),
    times: new Float64Array(0),
    starts: new Float64Array(0),
    values: new Float64Array(0),
    counts: new Float64Array(0),
    bucketEnds: new Uint32Array(0),
    buckets: new Float64Array(0),
    flags: new Uint32Array(0),
  };
}

function grow(slice: Growing, rows: number): void {
  const hashes = new Uint32Array(2 * rows);
  hashes.set(slice.hashes);
  const ends = new Uint32Array(rows);
  ends.set(slice.bucketEnds);
  const flags = new Uint32Array(rows);
  flags.set(slice.flags);
  slice.hashes = hashes;
  slice.bucketEnds = ends;
  slice.flags = flags;
  for (const name of ["times", "starts", "values", "counts"] as const) slice[name] = larger(slice[name], rows);
}

function larger(array: Float64Array, length: number): Float64Array {
  const copy = new Float64Array(length);
  copy.set(array);
  return copy;
}
