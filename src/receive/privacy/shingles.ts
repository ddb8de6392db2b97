// Runs of four tokens: how much of a text is one loop, how many of its runs are new, how many stand in another text.
import type { Tokens } from "./tokens.ts";

/** Tokens in a run. Fewer are common idiom, more miss copies with a word changed. */
const RUN = 4;
const SLOTS_MIN = 1024;
/** Position of runs of an earlier text. */
const EARLIER = 0x7fffffff;

/** Hashes of runs with where each was last seen. Open addressing, 0 is free. */
export interface Shingles {
  hashes: Int32Array;
  positions: Int32Array;
  /** Slots in use of the arrays, a power of two. */
  size: number;
  count: number;
}

export interface Repetition {
  /** Share of bytes inside the longest loop: a stretch that says the same again at least once more, right behind. */
  readonly loop: number;
  /** Different runs of four tokens per run; low where much is said again, together or apart. */
  readonly distinct: number;
  /** Share of runs that stand in the other text; undefined without one. */
  readonly copied: number | undefined;
}

export function createShingles(): Shingles {
  return { hashes: new Int32Array(SLOTS_MIN), positions: new Int32Array(SLOTS_MIN), size: SLOTS_MIN, count: 0 };
}

/** Forgets all, and makes room for the runs of that many tokens. */
export function clearShingles(shingles: Shingles, tokens: number): void {
  const size = sizeFor(tokens);
  if (size > shingles.hashes.length) {
    shingles.hashes = new Int32Array(size);
    shingles.positions = new Int32Array(size);
  } else shingles.hashes.fill(0, 0, size);
  shingles.size = size;
  shingles.count = 0;
}

/**
 * Adds the runs of `tokens` to `shingles`, and says how they repeat among themselves; undefined under four tokens. The
 * loop is the longest stretch in which every run was last seen the same distance back, and that stretch is at least that
 * distance long. Blind to loops that change a word each time round: those show in `distinct`.
 */
export function repetition(tokens: Tokens, shingles: Shingles, other: Shingles | undefined): Repetition | undefined {
  const { hashes, ends, count } = tokens;
  if (count < RUN) return undefined;
  makeRoom(shingles, count);
  const slots = shingles.hashes;
  const { positions } = shingles;
  const mask = shingles.size - 1;
  let added = 0;
  let fresh = 0;
  let copied = 0;
  let period = 0;
  let matched = 0;
  let loopBytes = 0;
  for (let i = RUN - 1; i < count; i++) {
    const hash = runHash(hashes, i);
    let slot = hash & mask;
    while (slots[slot] !== 0 && slots[slot] !== hash) slot = (slot + 1) & mask;
    if (slots[slot] === 0) {
      slots[slot] = hash;
      added++;
      fresh++;
      period = 0;
    } else if (positions[slot] === EARLIER) {
      fresh++;
      period = 0;
    } else {
      const distance = i - positions[slot]!;
      matched = distance === period ? matched + 1 : RUN;
      period = distance;
      if (matched >= period) {
        const first = i - matched - period;
        const bytes = ends[i]! - (first < 0 ? 0 : ends[first]!);
        if (bytes > loopBytes) loopBytes = bytes;
      }
    }
    positions[slot] = i;
    if (other !== undefined && has(other, hash)) copied++;
  }
  shingles.count += added;
  const runs = count - RUN + 1;
  return {
    loop: Math.min(1, loopBytes / ends[count - 1]!),
    distinct: fresh / runs,
    copied: other === undefined ? undefined : copied / runs,
  };
}

/** Makes what is in `shingles` an earlier text: what follows does not repeat it. */
export function closeText(shingles: Shingles): void {
  shingles.positions.fill(EARLIER, 0, shingles.size);
}

function runHash(hashes: Int32Array, i: number): number {
  let hash = Math.imul(hashes[i - 3]!, 0x9e3779b1) ^ hashes[i - 2]!;
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b) ^ hashes[i - 1]!;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35) ^ hashes[i]!;
  hash = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f);
  hash ^= hash >>> 15;
  return hash === 0 ? 1 : hash;
}

function has(shingles: Shingles, hash: number): boolean {
  const { hashes } = shingles;
  const mask = shingles.size - 1;
  let slot = hash & mask;
  while (hashes[slot] !== 0) {
    if (hashes[slot] === hash) return true;
    slot = (slot + 1) & mask;
  }
  return false;
}

function makeRoom(shingles: Shingles, tokens: number): void {
  const size = sizeFor(shingles.count + tokens);
  if (size <= shingles.size) return;
  const old = {
    hashes: shingles.hashes.slice(0, shingles.size),
    positions: shingles.positions.slice(0, shingles.size),
  };
  const { count } = shingles;
  shingles.hashes = new Int32Array(size);
  shingles.positions = new Int32Array(size);
  shingles.size = size;
  shingles.count = count;
  for (let i = 0; i < old.hashes.length; i++) {
    const hash = old.hashes[i]!;
    if (hash === 0) continue;
    let slot = hash & (size - 1);
    while (shingles.hashes[slot] !== 0) slot = (slot + 1) & (size - 1);
    shingles.hashes[slot] = hash;
    shingles.positions[slot] = old.positions[i]!;
  }
}

function sizeFor(tokens: number): number {
  let size = SLOTS_MIN;
  while (size < tokens * 2) size *= 2;
  return size;
}
