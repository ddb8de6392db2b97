// Which series has which slot: given once, kept over absences while there is room, freed and given again after.
import type { SeriesFacts } from "../model/ports/series-steps.ts";
import type { DurationMs, Instant } from "../model/time.ts";

export interface SlotOptions {
  readonly maxSlots: number;
  /** A series that has been gone for so long gives its slot back. */
  readonly keepAbsentMs: DurationMs;
}

export interface SeriesSlots {
  size(): number;
  /** Slot of the series; -1 when all are in use. One that comes back finds its own again. */
  enter(facts: SeriesFacts): number;
  /** Whether `enter` has a slot for one more. */
  hasRoom(): boolean;
  leave(key: string, at: Instant): void;
  /** Frees the slots of series that left before. */
  sweep(at: Instant): void;
  changes(given: (slot: number, facts: SeriesFacts) => void, freed: (slot: number) => void): void;
  reserve(keys: readonly string[]): void;
  /** Slots freed because others needed them, and series refused, since the last call. */
  tally(): { readonly evicted: number; readonly refused: number };
}

export function createSeriesSlots({ maxSlots, keepAbsentMs }: SlotOptions): SeriesSlots {
  const slotOf = new Map<string, number>();
  /** Series that are gone but may come back, the longest gone first. */
  const absent = new Map<string, Instant>();
  const free: number[] = [];
  /** What became of slots, in order: facts = given, undefined = freed. */
  let events: { readonly slot: number; readonly facts: SeriesFacts | undefined }[] = [];
  let size = 0;
  let evicted = 0;
  let refused = 0;

  return {
    size: () => size,
    enter(facts) {
      const own = slotOf.get(facts.key);
      if (own !== undefined) {
        absent.delete(facts.key);
        events.push({ slot: own, facts });
        return own;
      }
      const slot = freeSlot();
      if (slot < 0) {
        refused++;
        return slot;
      }
      slotOf.set(facts.key, slot);
      events.push({ slot, facts });
      return slot;
    },
    hasRoom: () => free.length > 0 || size < maxSlots || absent.size > 0,
    leave(key, at) {
      if (slotOf.has(key)) absent.set(key, at);
    },
    sweep(at) {
      for (const [key, since] of absent) {
        if (since === Number.NEGATIVE_INFINITY) absent.set(key, at);
        else if (since > at - keepAbsentMs) break;
        else release(key);
      }
    },
    changes(given, freed) {
      const told = events;
      events = [];
      for (const { slot, facts } of told) {
        if (facts === undefined) freed(slot);
        else given(slot, facts);
      }
    },
    reserve(keys) {
      for (const [slot, key] of keys.entries()) {
        if (slot >= maxSlots) break;
        size = slot + 1;
        if (key === "" || slotOf.has(key)) free.push(slot);
        else {
          slotOf.set(key, slot);
          // Gone until its first point; without one it is freed like any other.
          absent.set(key, Number.NEGATIVE_INFINITY);
        }
      }
    },
    tally() {
      const out = { evicted, refused };
      evicted = 0;
      refused = 0;
      return out;
    },
  };

  function freeSlot(): number {
    const known = free.pop();
    if (known !== undefined) return known;
    if (size < maxSlots) return size++;
    const oldest = absent.keys().next();
    if (oldest.done) return -1;
    evicted++;
    release(oldest.value);
    return free.pop() as number;
  }

  function release(key: string): void {
    absent.delete(key);
    const slot = slotOf.get(key);
    if (slot === undefined) return;
    slotOf.delete(key);
    free.push(slot);
    events.push({ slot, facts: undefined });
  }
}
