// Regular expressions of RE2, as a tree.

/** Inclusive code point ranges, flattened: from, to, from, to, …; sorted, not overlapping. */
export type CharSet = readonly number[];

export type RegexNode =
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly RegexNode[] }
  | { readonly kind: "either"; readonly options: readonly RegexNode[] }
  | {
      readonly kind: "repeat";
      readonly node: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    }
  | { readonly kind: "capture"; readonly node: RegexNode; readonly index: number };

export type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word-edge" | "no-word-edge";

export interface RegexTree {
  readonly root: RegexNode;
  /** Names of capture groups by their number, from 1; group 0 is the whole match. */
  readonly names: ReadonlyMap<string, number>;
  readonly captures: number;
}

const lastCodePoint = 0x10ffff;

export function union(...sets: readonly CharSet[]): CharSet {
  const pairs: [number, number][] = [];
  for (const set of sets) for (let i = 0; i < set.length; i += 2) pairs.push([set[i]!, set[i + 1]!]);
  pairs.sort((a, b) => a[0] - b[0]);
  const out: number[] = [];
  for (const [from, to] of pairs) {
    if (out.length > 0 && from <= out.at(-1)! + 1) out[out.length - 1] = Math.max(out.at(-1)!, to);
    else out.push(from, to);
  }
  return out;
}

export function complement(set: CharSet): CharSet {
  const out: number[] = [];
  let next = 0;
  for (let i = 0; i < set.length; i += 2) {
    if (set[i]! > next) out.push(next, set[i]! - 1);
    next = set[i + 1]! + 1;
  }
  if (next <= lastCodePoint) out.push(next, lastCodePoint);
  return out;
}

/** The set with both cases of every letter in it. Beyond Latin-1 only single characters fold, ranges do not. */
export function foldCase(set: CharSet): CharSet {
  const extra: number[] = [];
  for (let i = 0; i < set.length; i += 2) {
    const from = set[i]!;
    const to = set[i + 1]!;
    const last = from === to ? to : Math.min(to, 0xff);
    for (let point = from; point <= last; point++) {
      const char = String.fromCodePoint(point);
      for (const other of [char.toLowerCase(), char.toUpperCase()]) {
        const folded = other.codePointAt(0)!;
        if (folded !== point && String.fromCodePoint(folded) === other) extra.push(folded, folded);
      }
    }
  }
  return union(set, extra);
}

const digit: CharSet = [0x30, 0x39];
const word: CharSet = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const space: CharSet = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20];

/** `\d`, `\w`, `\s` and their negations: ASCII, as in RE2. */
export const perlClasses: Readonly<Record<string, CharSet>> = {
  d: digit,
  D: complement(digit),
  w: word,
  W: complement(word),
  s: space,
  S: complement(space),
};

/** `[:alpha:]` and its kin. */
export const posixClasses: Readonly<Record<string, CharSet>> = {
  alnum: [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a],
  alpha: [0x41, 0x5a, 0x61, 0x7a],
  ascii: [0x00, 0x7f],
  blank: [0x09, 0x09, 0x20, 0x20],
  cntrl: [0x00, 0x1f, 0x7f, 0x7f],
  digit,
  graph: [0x21, 0x7e],
  lower: [0x61, 0x7a],
  print: [0x20, 0x7e],
  punct: [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e],
  space: [0x09, 0x0d, 0x20, 0x20],
  upper: [0x41, 0x5a],
  word,
  xdigit: [0x30, 0x39, 0x41, 0x46, 0x61, 0x66],
};
