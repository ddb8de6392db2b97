// One pass over UTF-8: characters, words, letters by script, garbled characters, and a hash of every token in its order.
import {
  asciiClasses,
  CLASSES,
  classOf,
  DIGIT,
  GARBLED,
  HAN,
  KANA,
  LATIN,
  LINE_END,
  lower,
  MARK,
  SPACE,
  SYMBOL,
} from "./code-points.ts";
import { HEAD_BYTES, TAIL_BYTES } from "./text-sample.ts";

/**
 * A token is a run of letters and digits, or one symbol, one line end, one ideograph: a text without spaces still has
 * them, and a run of one symbol is a run of tokens.
 */
export interface Tokens {
  count: number;
  readonly hashes: Int32Array;
  /** Position after each token. */
  readonly ends: Int32Array;
  characters: number;
  /** Runs of letters and digits; of Chinese and Japanese, characters. */
  words: number;
  garbled: number;
  /** Characters by class of `code-points.ts`. */
  readonly classes: Int32Array;
}

const TOKENS_MAX = HEAD_BYTES + 1 + TAIL_BYTES;
const PRIME = 0x01000193;
const BASIS = 0x811c9dc5 | 0;

/** Called with the hash of every word, in the language's small letters. */
export type OnWord = (hash: number) => void;

/** `max`: tokens there is room for; a text of so many bytes never has more. */
export function createTokens(max = TOKENS_MAX): Tokens {
  return {
    count: 0,
    hashes: new Int32Array(max),
    ends: new Int32Array(max),
    characters: 0,
    words: 0,
    garbled: 0,
    classes: new Int32Array(CLASSES),
  };
}

/** Hash of a word, the same whatever its letters' size: the one {@link readTokens} gives it. */
export function hashWord(word: string): number {
  const bytes = new TextEncoder().encode(word);
  const tokens = createTokens(word.length + 1);
  readTokens(bytes, bytes.length, tokens, () => {});
  return tokens.hashes[0]!;
}

/** Reads `bytes[0, length)`. Bytes that are not UTF-8 are garbled characters, one each. */
export function readTokens(bytes: Uint8Array, length: number, tokens: Tokens, onWord: OnWord): void {
  const { hashes, ends, classes } = tokens;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  classes.fill(0);
  let count = 0;
  let characters = 0;
  let words = 0;
  let garbled = 0;
  let latin = 0;
  let hash = BASIS;
  let inWord = false;
  let before = 0;
  for (let i = 0; i < length; ) {
    let c = bytes[i]!;
    const start = i;
    let kind: number;
    if (c < 0x80) {
      i++;
      kind = asciiClasses[c]!;
      if (kind === LATIN) {
        // Most bytes are these.
        while (i < length && asciiClasses[bytes[i]!] === LATIN) i++;
        hash = mixLetters(hash, bytes, view, start, i);
        latin += i - start;
        inWord = true;
        before = 0;
        continue;
      }
    } else {
      const size = c < 0xc2 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 1;
      c = size === 1 ? 0xfffd : decoded(bytes, i, size, length);
      i += c === 0xfffd && size !== 3 ? 1 : size;
      kind = classOf(c);
      // UTF-8 read as Latin-1 or Windows-1252, and written as UTF-8 again: "Ã©", "â€™".
      if ((before === 0xc3 || before === 0xc2) && c >= 0x80 && c <= 0xbf) garbled += kind === GARBLED ? 1 : 2;
      else if (before === 0xe2 && c === 0x20ac) garbled += 2;
    }
    characters++;
    before = c;
    classes[kind]!++;
    if (kind === GARBLED) garbled++;
    else if (kind === MARK || kind === DIGIT || (kind < SYMBOL && kind !== SPACE && kind !== HAN && kind !== KANA)) {
      hash = Math.imul(hash ^ lower(c), PRIME);
      inWord = true;
      continue;
    }
    if (inWord) {
      onWord(hash);
      hashes[count] = hash;
      ends[count++] = start;
      words++;
      hash = BASIS;
      inWord = false;
    }
    if (kind === SPACE) continue;
    if (kind === HAN || kind === KANA) words++;
    hashes[count] = kind === LINE_END ? 1 : Math.imul(BASIS ^ c, PRIME);
    ends[count++] = i;
  }
  if (inWord) {
    onWord(hash);
    hashes[count] = hash;
    ends[count++] = length;
    words++;
  }
  classes[LATIN]! += latin;
  tokens.count = count;
  tokens.characters = characters + latin;
  tokens.words = words;
  tokens.garbled = Math.min(garbled, tokens.characters);
}

/** Mixes a run of ASCII letters into a hash, four at a time, as small ones; the last four may overlap those before. */
function mixLetters(hash: number, bytes: Uint8Array, view: DataView, start: number, end: number): number {
  const count = end - start;
  if (count < 4) {
    let letters = count;
    for (let at = start; at < end; at++) letters = (letters << 8) | (bytes[at]! | 32);
    return mix(hash, letters);
  }
  let mixed = hash ^ count;
  for (let at = start; at < end - 4; at += 4) mixed = mix(mixed, view.getInt32(at, true) | 0x20202020);
  return mix(mixed, view.getInt32(end - 4, true) | 0x20202020);
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** The code point of a sequence of `size` bytes, U+FFFD if it is none. */
function decoded(bytes: Uint8Array, at: number, size: number, length: number): number {
  if (at + size > length) return 0xfffd;
  let c = bytes[at]! & (0xff >> (size + 1));
  for (let k = 1; k < size; k++) {
    const next = bytes[at + k]!;
    if ((next & 0xc0) !== 0x80) return 0xfffd;
    c = (c << 6) | (next & 0x3f);
  }
  return c;
}
