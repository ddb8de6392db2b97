// Metric points as the engine answers them in the Native format: as columns for the Head, or as objects.
import type { PointColumns, RawPoint } from "../../model/ports/telemetry-reader.ts";
import { decimalOf } from "../../model/series-hash.ts";
import type { NativeBlock, NativeColumn } from "./native-columns.ts";

/** Columns of a block: batch, hash, time, start, value, count, buckets, flags. Throws if they are others. */
export function pointColumns({ rows, columns }: NativeBlock, hashPrefix: string): PointColumns {
  const buckets = columnOf(columns, 6, "arrays");
  return {
    rows,
    hashPrefix,
    hashes: columnOf(columns, 1, "words").words,
    times: columnOf(columns, 2, "numbers").numbers,
    starts: columnOf(columns, 3, "numbers").numbers,
    values: columnOf(columns, 4, "numbers").numbers,
    counts: columnOf(columns, 5, "numbers").numbers,
    bucketEnds: buckets.ends,
    buckets: buckets.numbers,
    flags: columnOf(columns, 7, "uint32").values,
  };
}

/** The batch of the last row, in decimal digits. */
export function lastBatch(blocks: readonly NativeBlock[]): string {
  const last = blocks.at(-1);
  if (last === undefined) return "";
  const { words } = columnOf(last.columns, 0, "words");
  return decimalOf(words[2 * last.rows - 2] as number, words[2 * last.rows - 1] as number);
}

export function pointsOf(columns: PointColumns): RawPoint[] {
  const points: RawPoint[] = [];
  for (let row = 0; row < columns.rows; row++) {
    const from = row === 0 ? 0 : (columns.bucketEnds[row - 1] as number);
    points.push({
      hash: columns.hashPrefix + decimalOf(columns.hashes[2 * row] as number, columns.hashes[2 * row + 1] as number),
      at: columns.times[row] as number,
      start: columns.starts[row] as number,
      value: columns.values[row] as number,
      count: columns.counts[row] as number,
      buckets: [...columns.buckets.subarray(from, columns.bucketEnds[row] as number)],
      flags: columns.flags[row] as number,
    });
  }
  return points;
}

function columnOf<K extends NativeColumn["kind"]>(
  columns: readonly NativeColumn[],
  index: number,
  kind: K,
): Extract<NativeColumn, { kind: K }> {
  const column = columns[index];
  if (column?.kind !== kind) throw new Error(`column ${index} of the points is not of the kind ${kind}`);
  return column as Extract<NativeColumn, { kind: K }>;
}
