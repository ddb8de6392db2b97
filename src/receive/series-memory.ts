// Which series have been described already today, so that `otel_metrics_series` gets one row a day and series.
import { limits } from "./limits.ts";

/** Keys are (day, 64-bit hash). Bounded: two generations, the older forgotten whole when the younger is full. */
export interface SeriesMemory {
  /** True if this series was described before, in a promised batch or in the one being built; else notes it in that. */
  known(day: number, low: number, high: number): boolean;
  /** Forgets what was noted since the last mark: its request was refused. */
  mark(): void;
  rollback(): void;
  /** Hands out what was noted so far, to be given back to {@link SeriesMemory.promised} once the journal has it. */
  take(): Int32Array;
  promised(noted: Int32Array): void;
}

interface KeySet {
  readonly slots: Int32Array;
  count: number;
}

const FIELDS = 3;

export function createSeriesMemory(capacity: number = limits.rememberedSeries): SeriesMemory {
  let young = createSet(capacity);
  let old = createSet(capacity);
  let noted = new Int32Array(FIELDS * 64);
  let notedCount = 0;
  let marked = 0;
  const open = new Map<string, true>();
  const name = (day: number, low: number, high: number): string => `${day}:${low}:${high}`;

  return {
    known(day, low, high) {
      if (has(young, day, low, high) || has(old, day, low, high)) return true;
      const key = name(day, low, high);
      if (open.has(key)) return true;
      open.set(key, true);
      if ((notedCount + 1) * FIELDS > noted.length) {
        const larger = new Int32Array(noted.length * 2);
        larger.set(noted);
        noted = larger;
      }
      noted.set([day, low, high], notedCount * FIELDS);
      notedCount++;
      return false;
    },
    mark() {
      marked = notedCount;
    },
    rollback() {
      for (let i = marked; i < notedCount; i++) {
        open.delete(name(noted[i * FIELDS]!, noted[i * FIELDS + 1]!, noted[i * FIELDS + 2]!));
      }
      notedCount = marked;
    },
    take() {
      const taken = noted.slice(0, notedCount * FIELDS);
      notedCount = marked = 0;
      open.clear();
      return taken;
    },
    promised(taken) {
      for (let i = 0; i < taken.length; i += FIELDS) {
        if (young.count >= capacity) {
          old = young;
          young = createSet(capacity);
        }
        add(young, taken[i]!, taken[i + 1]!, taken[i + 2]!);
      }
    },
  };
}

function createSet(capacity: number): KeySet {
  let size = 16;
  while (size < capacity * 2) size *= 2;
  return { slots: new Int32Array(size * FIELDS), count: 0 };
}

function has(set: KeySet, day: number, low: number, high: number): boolean {
  return set.count > 0 && set.slots[slotOf(set, day, low, high)] !== 0;
}

function add(set: KeySet, day: number, low: number, high: number): void {
  const slot = slotOf(set, day, low, high);
  if (set.slots[slot] !== 0) return;
  set.slots[slot] = day + 1;
  set.slots[slot + 1] = low;
  set.slots[slot + 2] = high;
  set.count++;
}

/** Where the key stands, or the free place where it would. Day 0 is stored as 1: zero marks a free place. */
function slotOf(set: KeySet, day: number, low: number, high: number): number {
  const mask = set.slots.length / FIELDS - 1;
  for (let place = (low ^ Math.imul(day, 0x9e3779b1)) & mask; ; place = (place + 1) & mask) {
    const slot = place * FIELDS;
    if (set.slots[slot] === 0) return slot;
    if (set.slots[slot] === day + 1 && set.slots[slot + 1] === low && set.slots[slot + 2] === high) return slot;
  }
}
