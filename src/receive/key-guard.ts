// Keeps a tenant from growing attribute keys without end: those beyond so many in a day are not stored.
import type { Bytes } from "../model/columns/bytes.ts";
import { clearDictionary, createLowCardinality, lookUp, truncateDictionary } from "../model/columns/dictionary.ts";
import { findKeyValue, found } from "./found-key.ts";
import { limits } from "./limits.ts";
import type { Spans } from "./spans.ts";
import { noteOverKey, type Tally } from "./tally.ts";
import type { Wire } from "./wire.ts";

/** The keys first seen on a day (of arrival, UTC) count; a key noted by a request that is refused stays noted. */
export interface KeyGuard {
  /** Begins counting anew if it is another day than before. */
  at(nowMs: number): void;
  /** Whether a key may be stored. `position`: where in its row it stands, as a guess. */
  admits(source: Bytes, start: number, end: number, position: number): boolean;
  /** Whether all keys may be stored; those that may not are noted by name. For items that must keep all or none. */
  admitsAll(wire: Wire, spans: Spans, tally: Tally): boolean;
}

const DAY_MS = 86_400_000;

export function createKeyGuard(keysMax: number): KeyGuard {
  const { dictionary } = createLowCardinality();
  let day = -1;

  function admits(source: Bytes, start: number, end: number, position: number): boolean {
    // Entries from number `keysMax` on are refused keys, remembered for a while so that they need not be added again.
    if (dictionary.count >= keysMax * 2) truncateDictionary(dictionary, keysMax);
    return lookUp(dictionary, source, start, end, position, limits.keyBytes * 3) < keysMax;
  }

  return {
    admits,
    at(nowMs) {
      const today = Math.floor(nowMs / DAY_MS);
      if (today === day) return;
      day = today;
      clearDictionary(dictionary);
    },
    admitsAll(wire, spans, tally) {
      let all = true;
      for (let i = 0; i < spans.count; i++) {
        findKeyValue(wire, spans.at[i * 2]!, spans.at[i * 2 + 1]!);
        if (admits(wire.source, found.keyStart, found.keyEnd, i)) continue;
        all = false;
        noteOverKey(tally, wire.data, found.keyStart, found.keyEnd);
      }
      return all;
    },
  };
}
