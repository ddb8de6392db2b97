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

export function createTokens(): Tokens {
  return {
    count: 0,
    hashes: new Int32Array(TOKENS_MAX),
    ends: new Int32Array(TOKENS_MAX),
    characters: 0,
    words: 0,
    garbled: 0,
    classes: new Int32Array(CLASSES),
  };
}

/** FNV-1a over the small letters, as words are hashed in {@link readTokens}. */
export function hashWord(word: string): number {
  let hash = BASIS;
  for (const character of word) hash = Math.imul(hash ^ lower(character.codePointAt(0)!), PRIME);
  return hash;
}

/** Reads `bytes[0, length)`. Bytes that are not UTF-8 are garbled characters, one each. */
export function readTokens(bytes: Uint8Array, length: number, tokens: Tokens, onWord: OnWord): void {
  const { hashes, ends, classes } = tokens;
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
        hash = Math.imul(hash ^ (c | 32), PRIME);
        for (; i < length; i++) {
          c = bytes[i]!;
          if (asciiClasses[c] !== LATIN) break;
          hash = Math.imul(hash ^ (c | 32), PRIME);
        }
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
