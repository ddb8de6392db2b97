// Which series' identities the reader of points has been told already: bounded, and the ones in use are kept.
import { createHashIndex } from "../../math/hash-index.ts";

export interface SentBook {
  has(low: number, high: number): boolean;
  add(low: number, high: number): void;
}

/** Two generations of half the limit each: what was not asked for while a whole one filled up is forgotten. */
export function createSentBook(limit: number): SentBook {
  let young = createHashIndex();
  let old = createHashIndex();
  const add = (low: number, high: number): void => {
    if (young.size >= limit / 2) {
      old = young;
      young = createHashIndex();
    }
    young.set(low, high, 1);
  };
  return {
    has(low, high) {
      if (young.get(low, high) >= 0) return true;
      if (old.get(low, high) < 0) return false;
      add(low, high);
      return true;
    },
    add,
  };
}
