// A cheap key for lines: one pass, in which fragments that masking will surely call a variable count as one symbol. Lines
// of one skeleton have one template, so that most lines need no scan: the table is a cache of what the scan found.
import { classOf, DIGIT } from "./codes.ts";

const LETTERS = 4;
const DIGITS = 2;
const HEX_LETTERS = 1;
/** 0: stands between fragments. */
const alnum = new Uint8Array(128);
for (let c = 0; c < 128; c++) {
  const hex = (c >= 97 && c <= 102) || (c >= 65 && c <= 70);
  alnum[c] = classOf(c) === DIGIT ? DIGITS : classOf(c) !== 0 ? 0 : hex ? HEX_LETTERS : LETTERS;
}

export interface SkeletonTable<T> {
  /** What was put for a line of this skeleton. Remembers the skeleton for {@link SkeletonTable.put}. */
  get(text: string): T | undefined;
  /** Keeps `value` for the line last asked for. */
  put(value: T): void;
  clear(): void;
  readonly size: number;
}

/** Open addressing over two hashes of 32 bits; `capacity` entries, after which it is cleared. */
export function createSkeletonTable<T>(capacity: number, full: (entries: number) => void): SkeletonTable<T> {
  const slots = 2 ** Math.ceil(Math.log2(capacity * 2));
  let keysA = new Int32Array(Math.min(slots, 4096));
  let keysB = new Int32Array(keysA.length);
  let values: (T | undefined)[] = new Array(keysA.length).fill(undefined);
  let size = 0;
  let a = 0;
  let b = 0;

  function hash(text: string): void {
    const length = Math.min(text.length, 4096);
    let x = 17;
    let y = 31;
    let i = 0;
    let afterVariable = false;
    while (i < length) {
      let code = text.charCodeAt(i);
      let kind = code < 128 ? alnum[code]! : LETTERS;
      if (kind === 0) {
        x = Math.imul(x ^ code, -1640531535);
        y = Math.imul(y + code, 40503) ^ (y >>> 15);
        i++;
        continue;
      }
      const start = i;
      let h = -2128831035;
      let variable = false;
      if (kind === DIGITS) {
        // Starts with a digit: a variable whatever follows, so only its kind counts.
        let seen = 0;
        do {
          seen |= kind;
          if (++i >= length) break;
          code = text.charCodeAt(i);
          kind = code < 128 ? alnum[code]! : LETTERS;
        } while (kind !== 0);
        // Lengths up to three tell a time from a number.
        h = (seen === DIGITS ? 64 : 80) + Math.min(i - start, 3);
        variable = true;
      } else {
        let digits = 0;
        let seen = 0;
        do {
          h = Math.imul(h ^ code, 16777619);
          seen |= kind;
          if (kind === DIGITS) digits++;
          if (++i >= length) break;
          code = text.charCodeAt(i);
          kind = code < 128 ? alnum[code]! : LETTERS;
        } while (kind !== 0);
        // Letters that are hexadecimal digits, behind a variable and a hyphen: UUIDs have such parts.
        const inUuid = afterVariable && i - start >= 4 && (seen & LETTERS) === 0;
        if (digits > 2 || inUuid) {
          h = 99;
          variable = true;
        }
      }
      afterVariable = variable && code === 45;
      x = Math.imul(x ^ h ^ (h >>> 13), -1640531535);
      y = Math.imul(y + h, 668265263) ^ (y >>> 15);
    }
    a = x ^ (text.length > 4096 ? 0x5bd1e995 : 0);
    b = y;
  }

  function find(): number {
    const mask = keysA.length - 1;
    let at = (a ^ (b >>> 7)) & mask;
    while (values[at] !== undefined && (keysA[at] !== a || keysB[at] !== b)) at = (at + 1) & mask;
    return at;
  }

  function place(value: T): void {
    const at = find();
    if (values[at] === undefined) size++;
    keysA[at] = a;
    keysB[at] = b;
    values[at] = value;
  }

  function grow(): void {
    const [oldA, oldB, old, askedA, askedB] = [keysA, keysB, values, a, b];
    keysA = new Int32Array(oldA.length * 2);
    keysB = new Int32Array(keysA.length);
    values = new Array(keysA.length).fill(undefined);
    size = 0;
    for (let i = 0; i < old.length; i++) {
      const value = old[i];
      if (value === undefined) continue;
      a = oldA[i]!;
      b = oldB[i]!;
      place(value);
    }
    a = askedA;
    b = askedB;
  }

  function clear(): void {
    values.fill(undefined);
    size = 0;
  }

  return {
    get(text) {
      hash(text);
      return values[find()];
    },
    put(value) {
      if (size >= capacity) {
        full(size);
        clear();
      }
      if (size * 2 >= keysA.length) grow();
      place(value);
    },
    clear,
    get size() {
      return size;
    },
  };
}
