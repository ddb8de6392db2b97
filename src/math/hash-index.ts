// A map from 64-bit hashes, in two halves, to small whole numbers: no text and no objects on the way.

export interface HashIndex {
  readonly size: number;
  /** Number of the hash; -1 if it has none. */
  get(low: number, high: number): number;
  /** `value` >= 0. */
  set(low: number, high: number, value: number): void;
  delete(low: number, high: number): void;
}

const capacityFirst = 64;
const free = -1;

/** Open addressing with linear probing; deletion moves later entries back (Knuth 6.4, algorithm R), so that no marks pile up. */
export function createHashIndex(): HashIndex {
  let lows = new Uint32Array(capacityFirst);
  let highs = new Uint32Array(capacityFirst);
  let values = new Int32Array(capacityFirst).fill(free);
  let mask = capacityFirst - 1;
  let size = 0;

  return {
    get size() {
      return size;
    },
    get(low, high) {
      return values[placeOf(low >>> 0, high >>> 0)] as number;
    },
    set(low, high, value) {
      const place = placeOf(low >>> 0, high >>> 0);
      if (values[place] === free) {
        lows[place] = low;
        highs[place] = high;
        size++;
      }
      values[place] = value;
      if (size * 2 > mask) grow();
    },
    delete(low, high) {
      let hole = placeOf(low >>> 0, high >>> 0);
      if (values[hole] === free) return;
      size--;
      for (let at = (hole + 1) & mask; values[at] !== free; at = (at + 1) & mask) {
        const home = homeOf(lows[at] as number, highs[at] as number);
        // It may move into the hole unless its home lies between the hole and where it is.
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        lows[hole] = lows[at] as number;
        highs[hole] = highs[at] as number;
        values[hole] = values[at] as number;
        hole = at;
      }
      values[hole] = free;
    },
  };

  function homeOf(low: number, high: number): number {
    const mixed = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) ^ Math.imul(high, 0x297a2d39);
    return (mixed ^ (mixed >>> 13)) & mask;
  }

  /** Where the hash is, or where it would go. */
  function placeOf(low: number, high: number): number {
    let place = homeOf(low, high);
    while (values[place] !== free && (lows[place] !== low || highs[place] !== high)) place = (place + 1) & mask;
    return place;
  }

  function grow(): void {
    const old = { lows, highs, values };
    const capacity = (mask + 1) * 2;
    lows = new Uint32Array(capacity);
    highs = new Uint32Array(capacity);
    values = new Int32Array(capacity).fill(free);
    mask = capacity - 1;
    for (let i = 0; i < old.values.length; i++) {
      if (old.values[i] === free) continue;
      const place = placeOf(old.lows[i] as number, old.highs[i] as number);
      lows[place] = old.lows[i] as number;
      highs[place] = old.highs[i] as number;
      values[place] = old.values[i] as number;
    }
  }
}
