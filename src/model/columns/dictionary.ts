// The dictionary of a LowCardinality(String) column, and the column: each row is a number into the dictionary.
import {
  appendCopy,
  appendUint32,
  appendVarint,
  type Bytes,
  clearBytes,
  createBytes,
  ensure,
  sameBytes,
} from "./bytes.ts";
import { characterStart, isUtf8, REPLACED, repaired, TRUNCATED } from "./text.ts";

/** Positions whose last entry is remembered, as a guess for the next row's. */
const GUESSES = 256;

export interface Dictionary {
  /** Entries as the Native format has them: varint length, bytes. */
  readonly bytes: Bytes;
  starts: Int32Array;
  lengths: Int32Array;
  hashes: Int32Array;
  /** When an entry was last used in a map, to tell duplicate keys. */
  stamps: Int32Array;
  count: number;
  /** Open addressing; entry + 1, 0 = free. Size is a power of two. */
  slots: Int32Array;
  readonly guesses: Int32Array;
  /** Bits of what the last look-up had to do to its text. */
  repairs: number;
}

export interface LowCardinality {
  readonly dictionary: Dictionary;
  /** Four bytes a row until sealed, then as few as the dictionary needs. */
  readonly index: Bytes;
}

export function createLowCardinality(): LowCardinality {
  return {
    dictionary: {
      bytes: createBytes(),
      starts: new Int32Array(64),
      lengths: new Int32Array(64),
      hashes: new Int32Array(64),
      stamps: new Int32Array(64),
      count: 0,
      slots: new Int32Array(256),
      guesses: new Int32Array(GUESSES),
      repairs: 0,
    },
    index: createBytes(),
  };
}

/**
 * Number of the entry with this text, added if it is new. `position` says where in its row the text stands: rows tend
 * to have the same text at the same place, so the entry last seen there is tried before anything is hashed.
 * Text longer than `maxBytes` is cut; bytes that are not UTF-8 are replaced; `repairs` then says so.
 */
export function lookUp(
  dictionary: Dictionary,
  source: Bytes,
  start: number,
  end: number,
  position: number,
  maxBytes: number,
): number {
  const length = end - start;
  const guess = dictionary.guesses[position & (GUESSES - 1)]!;
  if (
    guess < dictionary.count &&
    dictionary.lengths[guess] === length &&
    sameBytes(source, start, dictionary.bytes, dictionary.starts[guess]!, length)
  ) {
    dictionary.repairs = 0;
    return guess;
  }
  const entry = lookUpHashed(dictionary, source, start, end, maxBytes);
  dictionary.guesses[position & (GUESSES - 1)] = entry;
  return entry;
}

/** Appends a row. */
export function appendLow(
  column: LowCardinality,
  source: Bytes,
  start: number,
  end: number,
  position: number,
  maxBytes: number,
): number {
  const entry = lookUp(column.dictionary, source, start, end, position, maxBytes);
  appendEntry(column, entry);
  return column.dictionary.repairs;
}

export function appendEntry(column: LowCardinality, entry: number): void {
  ensure(column.index, 4);
  appendUint32(column.index, entry);
}

/** Forgets the entries from number `count` on. */
export function truncateDictionary(dictionary: Dictionary, count: number): void {
  if (count >= dictionary.count) return;
  dictionary.bytes.length = count === 0 ? 0 : dictionary.starts[count - 1]! + dictionary.lengths[count - 1]!;
  dictionary.stamps.fill(0, count, dictionary.count);
  dictionary.count = count;
  dictionary.slots.fill(0);
  for (let entry = 0; entry < count; entry++) place(dictionary, entry);
}

export function clearDictionary(dictionary: Dictionary): void {
  truncateDictionary(dictionary, 0);
  clearBytes(dictionary.bytes);
  if (dictionary.slots.length > 1 << 16) Object.assign(dictionary, createLowCardinality().dictionary);
}

function lookUpHashed(dictionary: Dictionary, source: Bytes, start: number, end: number, maxBytes: number): number {
  if (end - start > maxBytes) {
    const entry = lookUpHashed(
      dictionary,
      source,
      start,
      characterStart(source.data, start, start + maxBytes),
      maxBytes,
    );
    dictionary.repairs |= TRUNCATED;
    return entry;
  }
  const length = end - start;
  const hash = hashBytes(source, start, length);
  const mask = dictionary.slots.length - 1;
  for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
    const entry = dictionary.slots[slot]! - 1;
    if (entry < 0) break;
    if (dictionary.hashes[entry] !== hash || dictionary.lengths[entry] !== length) continue;
    if (!sameBytes(source, start, dictionary.bytes, dictionary.starts[entry]!, length)) continue;
    dictionary.repairs = 0;
    return entry;
  }
  if (!isUtf8(source.data, start, end)) {
    const valid = repaired(source.data.subarray(start, end));
    const entry = lookUpHashed(dictionary, valid, 0, valid.data.length, maxBytes);
    dictionary.repairs |= REPLACED;
    return entry;
  }
  dictionary.repairs = 0;
  return add(dictionary, source, start, length, hash);
}

function add(dictionary: Dictionary, source: Bytes, start: number, length: number, hash: number): number {
  const entry = dictionary.count;
  if (entry === dictionary.starts.length) growEntries(dictionary);
  ensure(dictionary.bytes, length + 8);
  appendVarint(dictionary.bytes, length);
  dictionary.starts[entry] = dictionary.bytes.length;
  dictionary.lengths[entry] = length;
  dictionary.hashes[entry] = hash;
  appendCopy(dictionary.bytes, source, start, length);
  dictionary.count = entry + 1;
  if (dictionary.count * 2 > dictionary.slots.length) {
    dictionary.slots = new Int32Array(dictionary.slots.length * 4);
    for (let i = 0; i < entry; i++) place(dictionary, i);
  }
  place(dictionary, entry);
  return entry;
}

function place(dictionary: Dictionary, entry: number): void {
  const mask = dictionary.slots.length - 1;
  let slot = dictionary.hashes[entry]! & mask;
  while (dictionary.slots[slot] !== 0) slot = (slot + 1) & mask;
  dictionary.slots[slot] = entry + 1;
}

function growEntries(dictionary: Dictionary): void {
  const larger = (old: Int32Array): Int32Array => {
    const fresh = new Int32Array(old.length * 2);
    fresh.set(old);
    return fresh;
  };
  dictionary.starts = larger(dictionary.starts);
  dictionary.lengths = larger(dictionary.lengths);
  dictionary.hashes = larger(dictionary.hashes);
  dictionary.stamps = larger(dictionary.stamps);
}

/** MurmurHash3-like over words; only spreads entries over slots. */
function hashBytes(source: Bytes, start: number, count: number): number {
  let hash = count;
  let at = 0;
  for (; at + 4 <= count; at += 4) hash = mix(hash, source.view.getInt32(start + at, true));
  for (; at < count; at++) hash = mix(hash, source.data[start + at]!);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function mix(hash: number, word: number): number {
  const mixed = hash ^ Math.imul(word, 0xcc9e2d51);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}
