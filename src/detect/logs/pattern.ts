// A template's parts, and the questions asked about them: same form but for one word, covered by, written out.
import { DELIMITER, type Scan, SPACE, VARIABLE, VARIABLE_HASH, WEAK, WORD } from "./atoms.ts";
import { placed } from "./codes.ts";
import { BEFORE_NAMES, SIZE_UNITS, TIME_UNITS } from "./known-words.ts";

export interface Pattern {
  readonly count: number;
  readonly kind: Uint8Array;
  readonly hash: Int32Array;
  readonly raw: Int32Array;
  /** 1 where a weak word was seen in a second form. */
  readonly varied: Uint8Array;
  readonly parts: readonly string[];
  /** Number of weak words. */
  readonly weak: number;
  readonly words: number;
  /** Whether a word was opened up because of its variety. */
  readonly general: boolean;
  /** The line was longer than what is kept of it. */
  readonly cut: boolean;
}

export function patternOf(text: string, scan: Scan): Pattern {
  const count = scan.count;
  let weak = 0;
  let words = 0;
  const parts: string[] = [];
  for (let i = 0; i < count; i++) {
    if (scan.kind[i] === WEAK) weak++;
    if (scan.kind[i] === WORD) words++;
    const kind = scan.kind[i]!;
    parts.push(kind === VARIABLE ? "<*>" : kind === SPACE ? " " : text.slice(scan.start[i], scan.end[i]));
  }
  return {
    count,
    kind: scan.kind.slice(0, count),
    hash: scan.hash.slice(0, count),
    raw: scan.raw.slice(0, count),
    varied: new Uint8Array(count),
    parts,
    weak,
    words,
    general: false,
    cut: scan.cut,
  };
}

const SECOND = 0x5bd1e995;

/** 53 bits over the hashes in their order, as a number. */
export function keyOf(hash: Int32Array, count: number): number {
  let a = count;
  let b = 0;
  for (let i = 0; i < count; i++) {
    const h = hash[i]!;
    a = (a + placed(h, i)) | 0;
    b = (b + placed(h ^ SECOND, i)) | 0;
  }
  return joined(a, b);
}

/** The key the pattern would have with a variable at `at`; tagged by the place. */
export function keyWith(pattern: Pattern, at: number): number {
  let a = pattern.count;
  let b = at;
  for (let i = 0; i < pattern.count; i++) {
    const h = i === at ? VARIABLE_HASH : pattern.hash[i]!;
    a = (a + placed(h, i)) | 0;
    b = (b + placed(h ^ SECOND, i)) | 0;
  }
  return joined(a, b);
}

function joined(a: number, b: number): number {
  return (a >>> 0) * 2097152 + (b >>> 11);
}

/** Equal for patterns whose delimiters and blanks stand alike. */
export function shapeOf(pattern: Pattern): number {
  let a = pattern.count;
  for (let i = 0; i < pattern.count; i++) {
    const kind = pattern.kind[i]!;
    if (kind === DELIMITER || kind === SPACE) a = (a + placed(pattern.hash[i]!, i)) | 0;
  }
  return a;
}

/** Whether every line of `other` is one of `pattern`'s. Both have one shape. */
export function fits(pattern: Pattern, other: Pattern): boolean {
  if (pattern.count !== other.count) return false;
  for (let i = 0; i < pattern.count; i++) {
    if (pattern.kind[i] !== VARIABLE && pattern.hash[i] !== other.hash[i]) return false;
    if (pattern.kind[i] === VARIABLE && (other.kind[i] === DELIMITER || other.kind[i] === SPACE)) return false;
  }
  return true;
}

/** Whether a line may be of both. They have one shape. */
export function overlap(a: Pattern, b: Pattern): boolean {
  if (a.count !== b.count) return false;
  for (let i = 0; i < a.count; i++) {
    const open = a.kind[i] === VARIABLE || b.kind[i] === VARIABLE;
    if (!open && a.hash[i] !== b.hash[i]) return false;
  }
  return true;
}

export function generalise(pattern: Pattern, at: number): Pattern {
  const kind = pattern.kind.slice();
  const hash = pattern.hash.slice();
  const raw = pattern.raw.slice();
  const parts = pattern.parts.slice();
  kind[at] = VARIABLE;
  hash[at] = VARIABLE_HASH;
  raw[at] = 0;
  parts[at] = "<*>";
  return { ...pattern, kind, hash, raw, parts, words: pattern.words - 1, general: true };
}

/** Template as the literature writes it: `<*>` for each variable, neighbours as one. */
export function textOf(pattern: Pattern): string {
  let text = "";
  for (let i = 0; i < pattern.count; i++) {
    const part = pattern.kind[i] === WEAK && pattern.varied[i] === 1 ? "<*>" : pattern.parts[i]!;
    if (part === "<*>" && text.endsWith("<*>")) continue;
    text += part;
  }
  return pattern.cut ? `${text}<*>` : text;
}

const IN_VALUE_PLACE = 2;
const ANYWHERE = 8;

/** How many different words must be seen at `at`, all else equal, before it is a variable. 0: it never becomes one. */
export function wordsNeeded(pattern: Pattern, at: number): number {
  if (pattern.kind[at] !== WORD) return 0;
  if (pattern.words < 3) return 0;
  const before = at > 0 ? pattern.parts[at - 1]! : "";
  const after = at + 1 < pattern.count ? pattern.parts[at + 1]! : "";
  if (before === "=") return IN_VALUE_PLACE;
  if ((before === "'" || before === '"') && after === before) return IN_VALUE_PLACE;
  if (at > 1 && before === " " && pattern.kind[at - 2] === WORD && BEFORE_NAMES.has(pattern.raw[at - 2]!))
    return IN_VALUE_PLACE;
  // `5 KB`, `1 second`: the unit goes with the number.
  const unit = SIZE_UNITS.has(pattern.raw[at]!) || TIME_UNITS.has(pattern.raw[at]!);
  if (unit && at > 1 && before === " " && pattern.kind[at - 2] === VARIABLE) return IN_VALUE_PLACE;
  return ANYWHERE;
}
