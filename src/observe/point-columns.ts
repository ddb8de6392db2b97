// Points that come in columns: gone through without an object for each, and series found by their hash's halves.
import { createHashIndex, type HashIndex } from "../math/hash-index.ts";
import type { ColumnPage, PointColumns, RawPage, RawPoint } from "../model/ports/telemetry-reader.ts";

export function pointsIn(page: RawPage | ColumnPage): number {
  return "points" in page ? page.points.length : page.columns.reduce((sum, { rows }) => sum + rows, 0);
}

/** Calls `take` with every row. The point is one object, written anew for each: never keep it. Its `hash` is left empty. */
export function eachPoint(columns: PointColumns, take: (point: RawPoint, low: number, high: number) => void): void {
  const buckets: number[] = [];
  const point = { hash: "", at: 0, start: 0, value: 0, count: 0, buckets, flags: 0 };
  let bucket = 0;
  for (let row = 0; row < columns.rows; row++) {
    point.at = columns.times[row] as number;
    point.start = columns.starts[row] as number;
    point.value = columns.values[row] as number;
    point.count = columns.counts[row] as number;
    point.flags = columns.flags[row] as number;
    const end = columns.bucketEnds[row] as number;
    buckets.length = end - bucket;
    for (let i = 0; bucket < end; i++) buckets[i] = columns.buckets[bucket++] as number;
    take(point, columns.hashes[2 * row] as number, columns.hashes[2 * row + 1] as number);
  }
}

/** What is found by a hash in two halves; a prefix keeps the hashes of different tenants apart. */
export interface Numbered<T> {
  find(prefix: string, low: number, high: number): T | undefined;
  add(prefix: string, low: number, high: number, one: T): void;
  remove(one: T): void;
}

interface Place {
  readonly index: HashIndex;
  readonly low: number;
  readonly high: number;
}

export function createNumbered<T extends { number: number }>(): Numbered<T> {
  const indexes = new Map<string, HashIndex>();
  const all: (T | undefined)[] = [];
  const places: (Place | undefined)[] = [];
  const free: number[] = [];
  return {
    find(prefix, low, high) {
      const number = indexes.get(prefix)?.get(low, high) ?? -1;
      return number < 0 ? undefined : all[number];
    },
    add(prefix, low, high, one) {
      let index = indexes.get(prefix);
      if (index === undefined) {
        index = createHashIndex();
        indexes.set(prefix, index);
      }
      one.number = free.pop() ?? all.length;
      all[one.number] = one;
      places[one.number] = { index, low, high };
      index.set(low, high, one.number);
    },
    remove(one) {
      const place = places[one.number];
      if (place === undefined) return;
      place.index.delete(place.low, place.high);
      all[one.number] = undefined;
      places[one.number] = undefined;
      free.push(one.number);
      one.number = -1;
    },
  };
}
