// What each slot's series is, as columns where every step looks, and which slots must not be learned.
import type { Exclusion } from "../../model/anomaly.ts";
import type { SeriesFacts } from "../../model/ports/series-steps.ts";
import type { Instant } from "../../model/time.ts";
import type { Shadow } from "../shadows.ts";
import { profileOf, type SeriesProfile } from "./profile.ts";

export interface Profiles {
  count(): number;
  at(slot: number): SeriesProfile | undefined;
  /** Place of the slot's thresholds: pool, and whether its direction of harm is known. */
  limitOf(slot: number): number;
  poolOf(slot: number): number;
  /** Of two slots, by what their series are: the same in every run. */
  order(a: number, b: number): number;
  give(slot: number, facts: SeriesFacts): void;
  free(slot: number, at: Instant): void;
  /** What the slot's series did before is not to be learned any more. */
  renew(slot: number, from: Instant): void;
  /** Slots that must not be learned of a step, in order, and of those the ones that must not be calibrated by either. */
  hidden(
    at: Instant,
    slots: number,
    exclusions: readonly Exclusion[],
    shadows: ReadonlyMap<number, Shadow>,
  ): { readonly hidden: Int32Array; readonly silent: readonly number[] };
  /** Steps before it are learned. */
  forget(learnedTo: Instant): void;
  /** Of every slot its series' key, or nothing. */
  keys(slots: number): readonly string[];
  /** Slots that belong to other series than these. */
  otherThan(keys: readonly string[]): readonly number[];
  born(): readonly (readonly [slot: number, at: Instant])[];
  restore(keys: readonly string[], born: unknown): void;
}

export function createProfiles(): Profiles {
  const profiles: (SeriesProfile | undefined)[] = [];
  /** Of series that are gone, too, for as long as they keep their slots. */
  const keyOf: string[] = [];
  let pool = new Uint8Array(1024);
  let limit = new Uint8Array(1024);
  /** Slots that changed hands lately: what lies in older steps is another series'. */
  const bornAt = new Map<number, Instant>();
  /** Slots from before a restart whose series have not come back: nobody can tell whether an incident covers them. */
  const unmet = new Set<number>();
  let count = 0;

  return {
    count: () => count,
    at: (slot) => profiles[slot],
    limitOf: (slot) => limit[slot] as number,
    poolOf: (slot) => pool[slot] as number,
    order: (a, b) => ((profiles[a]?.facts.key ?? "") < (profiles[b]?.facts.key ?? "") ? -1 : 1),
    give(slot, facts) {
      if (profiles[slot] === undefined) count++;
      const profile = profileOf(facts);
      profiles[slot] = profile;
      keyOf[slot] = facts.key;
      unmet.delete(slot);
      if (slot >= pool.length) {
        pool = larger(pool, slot);
        limit = larger(limit, slot);
      }
      pool[slot] = profile.pool;
      limit[slot] = 2 * profile.pool + (facts.harm === "either" ? 1 : 0);
    },
    free(slot, at) {
      if (profiles[slot] !== undefined) count--;
      profiles[slot] = undefined;
      keyOf[slot] = "";
      unmet.delete(slot);
      bornAt.set(slot, at);
    },
    renew: (slot, from) => bornAt.set(slot, from),
    hidden(at, slots, exclusions, shadows) {
      const none = new Set<number>();
      const mute = new Set<number>();
      for (const [slot, born] of bornAt)
        if (at < born && slot < slots) {
          none.add(slot);
          mute.add(slot);
        }
      for (const slot of unmet)
        if (slot < slots) {
          none.add(slot);
          mute.add(slot);
        }
      for (const [slot, shadow] of shadows) {
        if (shadow === "clear" || slot >= slots) continue;
        none.add(slot);
        if (shadow === "inside") mute.add(slot);
      }
      const excluded = new Set(exclusions.filter((one) => covers(one, at)).map(({ entity }) => entity));
      if (excluded.size > 0)
        for (let slot = 0; slot < slots; slot++) {
          const facts = profiles[slot]?.facts;
          if (facts === undefined) continue;
          if (!excluded.has(facts.entity) && !(facts.parent !== undefined && excluded.has(facts.parent))) continue;
          none.add(slot);
          mute.add(slot);
        }
      return { hidden: Int32Array.from(none).sort(), silent: [...mute] };
    },
    forget(learnedTo) {
      for (const [slot, born] of bornAt) if (born <= learnedTo) bornAt.delete(slot);
    },
    keys: (slots) => Array.from({ length: slots }, (_, slot) => keyOf[slot] ?? ""),
    otherThan: (keys) => keyOf.flatMap((key, slot) => (key === keys[slot] ? [] : [slot])),
    born: () => [...bornAt],
    restore(keys, born) {
      for (const [slot, key] of keys.entries()) {
        keyOf[slot] = key;
        if (key !== "") unmet.add(slot);
      }
      if (!Array.isArray(born)) return;
      for (const one of born)
        if (Array.isArray(one) && Number.isSafeInteger(one[0]) && typeof one[1] === "number")
          bornAt.set(one[0], one[1]);
    },
  };
}

function covers({ from, to }: Exclusion, at: Instant): boolean {
  return at >= from && at < (to ?? Number.POSITIVE_INFINITY);
}

function larger(column: Uint8Array<ArrayBuffer>, slot: number): Uint8Array<ArrayBuffer> {
  const grown = new Uint8Array(Math.max(2 * column.length, slot + 1));
  grown.set(column);
  return grown;
}
