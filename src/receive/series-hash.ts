// The 64-bit identity of a series, as two 32-bit halves, over the bytes that are stored of it.
import type { Bytes } from "../model/columns/bytes.ts";
import type { MapColumn } from "../model/columns/column.ts";

/** Two lanes that mix each word into both, so that the state is 64 bits wide. Functions below change it. */
export interface Hash {
  low: number;
  high: number;
}

export function createHash64(): Hash {
  return { low: 0, high: 0 };
}

export function startHash(hash: Hash): void {
  hash.low = 0x9e3779b9 | 0;
  hash.high = 0x7f4a7c15;
}

export function mixWord(hash: Hash, word: number): void {
  let low = Math.imul(hash.low ^ word, 0x85ebca6b);
  low ^= low >>> 15;
  const turned = hash.high ^ low;
  hash.low = low;
  hash.high = (Math.imul((turned << 13) | (turned >>> 19), 0xc2b2ae35) + word) | 0;
}

/** Mixes a run of bytes and its length, so that "ab" + "c" and "a" + "bc" differ. */
export function mixBytes(hash: Hash, source: Bytes, start: number, end: number): void {
  const { view, data } = source;
  let { low, high } = hash;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true);
    low = Math.imul(low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    const turned = high ^ low;
    high = (Math.imul((turned << 13) | (turned >>> 19), 0xc2b2ae35) + word) | 0;
  }
  hash.low = low;
  hash.high = high;
  let tail = end - start;
  for (; at < end; at++) {
    mixWord(hash, tail);
    tail = data[at]!;
  }
  mixWord(hash, tail);
  mixWord(hash, end - start);
}

/** Spreads every bit of the state over both halves. */
export function finishHash(hash: Hash): void {
  for (let i = 0; i < 3; i++) mixWord(hash, 0x27d4eb2f + i);
}

const entry = createHash64();

/**
 * Sets `sum` to that of the entries `first` to `last` of a map column, whatever their order: each is hashed for itself
 * and the hashes are added. `valuesFrom` is where the first entry's value begins.
 */
export function sumEntries(sum: Hash, map: MapColumn, first: number, last: number, valuesFrom: number): void {
  const { dictionary, index } = map.keys;
  let low = 0;
  let high = 0;
  let at = valuesFrom;
  for (let i = first; i < last; i++) {
    const key = index.view.getInt32(i * 4, true);
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = map.values.data[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    startHash(entry);
    mixBytes(entry, dictionary.bytes, dictionary.starts[key]!, dictionary.starts[key]! + dictionary.lengths[key]!);
    mixBytes(entry, map.values, at, at + length);
    finishHash(entry);
    at += length;
    const lows = (low >>> 0) + (entry.low >>> 0);
    low = lows | 0;
    high = (high + entry.high + (lows > 0xffffffff ? 1 : 0)) | 0;
  }
  sum.low = low;
  sum.high = high;
}

/** Mixes what {@link sumEntries} made of so many entries. */
export function mixSum(hash: Hash, sum: Hash, entries: number): void {
  mixWord(hash, sum.low);
  mixWord(hash, sum.high);
  mixWord(hash, entries);
}
