// A cheap key for lines: one pass, in which fragments that masking will surely call a variable count as one symbol. Lines
// of one skeleton have one template, so that most lines need no scan: the table is a cache of what the scan found.
import { classOf, DIGIT, isHex, LETTER } from "./codes.ts";

/** The parts of a fragment so far, as far as they decide what masking will make of it. */
interface Fragment {
  /** Nothing yet; a word; a word with so many digits that it is a variable; a number; letters behind a number. */
  readonly kind: "none" | "word" | "mixed" | "number" | "value";
  /** Of numbers and values, up to 3: lengths tell a time from a number. Of words, digits in them. */
  readonly length: number;
  /** Behind a variable and a hyphen, hexadecimal digits only, up to 4 counted: UUIDs have such parts. */
  readonly hex: number;
}

const codes = 128;
/** Stands for all codes beyond: a letter that is no hexadecimal digit. */
const OTHER = 122;
const HYPHEN = 45;
const wordDigitsMax = 2;
const uuidPartLeast = 4;
const start: Fragment = { kind: "none", length: 0, hex: -1 };
/** After a variable and a hyphen. */
const startInUuid: Fragment = { kind: "none", length: 0, hex: 0 };
const { next, keep, symbol } = compile();

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

  /** One load a code decides; the only branch that cannot be foreseen is where a fragment ends. */
  function hash(text: string): void {
    const length = Math.min(text.length, 4096);
    let x = 17;
    let y = 31;
    let state = 0;
    let word = -2128831035;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      const then = next[state + (code < codes ? code : OTHER)]!;
      if (then >= 0) {
        word = Math.imul(word ^ code, 16777619);
        state = then;
        continue;
      }
      const part = ((word & keep[state >> 7]!) ^ symbol[state >> 7]!) + code;
      x = Math.imul(x ^ part ^ (part >>> 13), -1640531535);
      y = Math.imul(y + part, 668265263) ^ (y >>> 15);
      state = -1 - then;
      word = -2128831035;
    }
    const part = (word & keep[state >> 7]!) ^ symbol[state >> 7]!;
    x = Math.imul(x ^ part ^ (part >>> 13), -1640531535);
    y = Math.imul(y + part, 668265263) ^ (y >>> 15);
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

/**
 * The fragments as states: `next[state + code]` is the state behind the code, or, where the code ends the fragment, one less
 * than minus the state to begin the next one with. States are multiples of 128. `keep` is -1 where the letters of the
 * fragment count, 0 where it is a variable and only `symbol` does.
 */
function compile() {
  const states: Fragment[] = [start, startInUuid];
  const places = new Map(states.map((state, place) => [JSON.stringify(state), place]));
  const next: number[] = [];
  const placeOf = (state: Fragment): number => {
    const key = JSON.stringify(state);
    const place = places.get(key) ?? states.push(state) - 1;
    places.set(key, place);
    return place;
  };
  for (let place = 0; place < states.length; place++) {
    const state = states[place]!;
    for (let code = 0; code < codes; code++) {
      const ends = classOf(code) !== LETTER && classOf(code) !== DIGIT;
      const inUuid = code === HYPHEN && symbolOf(state) !== 0;
      next.push(ends ? -1 - (inUuid ? codes : 0) : placeOf(behind(state, code)) * codes);
    }
  }
  return {
    next: Int32Array.from(next),
    keep: Int32Array.from(states, (state) => (symbolOf(state) === 0 ? -1 : 0)),
    symbol: Int32Array.from(states, symbolOf),
  };
}

function behind({ kind, length, hex }: Fragment, code: number): Fragment {
  const digit = classOf(code) === DIGIT;
  if (kind === "none" && digit) return { kind: "number", length: 1, hex: -1 };
  if (kind === "mixed") return { kind, length: 0, hex: -1 };
  if (kind === "number" || kind === "value")
    return { kind: digit ? kind : "value", length: Math.min(3, length + 1), hex: -1 };
  const digits = length + (digit ? 1 : 0);
  if (digits > wordDigitsMax) return { kind: "mixed", length: 0, hex: -1 };
  const isPart = hex >= 0 && isHex(String.fromCharCode(code), 0, 1);
  return { kind: "word", length: digits, hex: isPart ? Math.min(uuidPartLeast, hex + 1) : -1 };
}

/** 0 for what is no variable. */
function symbolOf({ kind, length, hex }: Fragment): number {
  if (kind === "mixed" || hex === uuidPartLeast) return 99;
  return kind === "number" ? 64 + length : kind === "value" ? 80 + length : 0;
}
