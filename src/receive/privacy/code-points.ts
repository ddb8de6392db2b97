// What kind of character a code point is: which script its letter belongs to, or space, symbol, mark or garbage.

export const SPACE = 0;
export const LATIN = 1;
export const CYRILLIC = 2;
export const HAN = 3;
export const KANA = 4;
export const HANGUL = 5;
export const ARABIC = 6;
export const DEVANAGARI = 7;
export const OTHER_LETTER = 8;
export const DIGIT = 9;
export const SYMBOL = 10;
/** Belongs to the letter before it. */
export const MARK = 11;
/** The replacement character, control characters, private use. */
export const GARBLED = 12;
export const LINE_END = 13;
export const CLASSES = 14;

/** Classes of bytes below 0x80; of the others no class at all. */
export const asciiClasses = new Uint8Array(256).fill(0xff);
for (let c = 0; c < 128; c++) {
  if (c === 10) asciiClasses[c] = LINE_END;
  else if (c === 32 || c === 9 || c === 13 || c === 12) asciiClasses[c] = SPACE;
  else if (c < 32 || c === 127) asciiClasses[c] = GARBLED;
  else if (c >= 48 && c <= 57) asciiClasses[c] = DIGIT;
  else if ((c | 32) >= 97 && (c | 32) <= 122) asciiClasses[c] = LATIN;
  else asciiClasses[c] = SYMBOL;
}

/**
 * Class of a code point above ASCII. Blocks, not properties: letters of scripts without a name here are `OTHER_LETTER`,
 * and a few signs inside a script's block count as its letters.
 */
export function classOf(c: number): number {
  if (c < 0x250) {
    if (c < 0xa0) return GARBLED;
    if (c < 0xc0) return c === 0xa0 ? SPACE : c === 0xaa || c === 0xb5 || c === 0xba ? LATIN : SYMBOL;
    return c === 0xd7 || c === 0xf7 ? SYMBOL : LATIN;
  }
  if (c < 0x900) return classBelow900(c);
  if (c < 0x2000) return classBelow2000(c);
  if (c < 0x3000)
    return c === 0x2028 || c === 0x2029 || (c <= 0x200a && c >= 0x2000) ? SPACE : c === 0x200d ? MARK : SYMBOL;
  if (c < 0xe000) return classOfEastAsia(c);
  if (c < 0xf900 || c === 0xfffd || (c & 0xfffe) === 0xfffe) return GARBLED;
  if (c < 0x10000) return classBelow10000(c);
  return c >= 0x20000 && c < 0x30000 ? HAN : c >= 0xf0000 ? GARBLED : SYMBOL;
}

/** Small letter of a capital of Latin-1 or Russian; anything else as it is. */
export function lower(c: number): number {
  if (c < 0x80) return c >= 65 && c <= 90 ? c | 32 : c;
  if (c >= 0xc0 && c <= 0xde && c !== 0xd7) return c + 32;
  return c >= 0x410 && c <= 0x42f ? c + 32 : c;
}

function classBelow900(c: number): number {
  if (c < 0x300) return OTHER_LETTER;
  if (c < 0x370) return MARK;
  if (c >= 0x400 && c < 0x530) return CYRILLIC;
  if (c >= 0x600 && c < 0x780) return c === 0x60c || c === 0x61b || c === 0x61f || c === 0x6d4 ? SYMBOL : ARABIC;
  return OTHER_LETTER;
}

function classBelow2000(c: number): number {
  if (c < 0x980) return c === 0x964 || c === 0x965 ? SYMBOL : DEVANAGARI;
  if (c >= 0x1100 && c < 0x1200) return HANGUL;
  return c >= 0x1e00 && c < 0x1f00 ? LATIN : OTHER_LETTER;
}

function classOfEastAsia(c: number): number {
  if (c < 0x3040) return c === 0x3000 ? SPACE : c === 0x3005 || c === 0x3007 ? HAN : SYMBOL;
  if (c < 0x3100 || (c >= 0x31f0 && c < 0x3200)) return KANA;
  if (c >= 0x3400 && c < 0xa000) return HAN;
  if (c >= 0xac00 && c < 0xd7b0) return HANGUL;
  return c < 0x3400 ? SYMBOL : c >= 0xd800 ? GARBLED : OTHER_LETTER;
}

function classBelow10000(c: number): number {
  if (c < 0xfb00) return HAN;
  if (c >= 0xfb50 && c < 0xfe00) return ARABIC;
  if (c >= 0xfe70 && c < 0xfeff) return ARABIC;
  if (c === 0xfeff || (c >= 0xfe00 && c < 0xfe10)) return MARK;
  if (c >= 0xff66 && c < 0xffa0) return KANA;
  return c >= 0xff21 && c <= 0xff5a ? LATIN : SYMBOL;
}
