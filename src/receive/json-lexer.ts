// Reading JSON text (RFC 8259) byte by byte, strictly: strings, numbers, literals, and stepping over what is unknown.
import {
  appendByte,
  appendCopy,
  type Bytes,
  clearBytes,
  createBytes,
  ensure,
  sourceOf,
} from "../model/columns/bytes.ts";
import { limits } from "./limits.ts";
import { type Malformed, malformed } from "./wire.ts";

/** JSON text and where reading goes on in it. */
export interface Json {
  readonly data: Uint8Array;
  readonly source: Bytes;
  pos: number;
  /** Objects and arrays open around `pos`. */
  depth: number;
}

/** The last string read: bytes of `source` from `start` to `end`, without quotes and escapes. */
export interface JsonText {
  source: Bytes;
  start: number;
  end: number;
}

export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
const BACKSLASH = 0x5c;

const escapes: Readonly<Record<number, number>> = { 34: 34, 92: 92, 47: 47, 98: 8, 102: 12, 110: 10, 114: 13, 116: 9 };
const numberStart = new Set([..."-0123456789"].map((char) => char.charCodeAt(0)));
const unescaped = createBytes();

export function jsonOf(data: Uint8Array): Json {
  const hasMark = data[0] === 0xef && data[1] === 0xbb && data[2] === 0xbf;
  return { data, source: sourceOf(data), pos: hasMark ? 3 : 0, depth: 0 };
}

export function unexpected(json: Json, wanted: string): Malformed {
  return malformed(
    json.pos >= json.data.length
      ? `the JSON ends where ${wanted} should stand`
      : `${wanted} expected at byte ${json.pos} of the JSON`,
  );
}

/** Steps over white space and returns the next byte, undefined at the end. */
export function peek(json: Json): number | undefined {
  for (;;) {
    const byte = json.data[json.pos];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
    json.pos++;
  }
}

export function expect(json: Json, byte: number): void {
  if (peek(json) !== byte) throw unexpected(json, `'${String.fromCharCode(byte)}'`);
  json.pos++;
}

/** Steps over `text` if it stands here. */
export function takeLiteral(json: Json, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (json.data[json.pos + i] !== text.charCodeAt(i)) return false;
  json.pos += text.length;
  return true;
}

/** Reads a string. Lone surrogates become U+FFFD. */
export function readString(json: Json, into: JsonText): void {
  expect(json, QUOTE);
  const { data } = json;
  const start = json.pos;
  let at = start;
  for (;;) {
    const byte = data[at]!;
    if (byte === QUOTE) break;
    // Also true of what lies beyond the end.
    if (!(byte >= 0x20)) {
      json.pos = at;
      throw unexpected(json, "a string without control characters");
    }
    if (byte === BACKSLASH) {
      readEscaped(json, start, at, into);
      return;
    }
    at++;
  }
  into.source = json.source;
  into.start = start;
  into.end = at;
  json.pos = at + 1;
}

/** Reads a number and returns its text. */
export function readNumberText(json: Json): string {
  const { data } = json;
  const start = json.pos;
  let at = start;
  const digits = (): void => {
    const first = at;
    while (data[at]! >= 0x30 && data[at]! <= 0x39) at++;
    if (at > first) return;
    json.pos = at;
    throw unexpected(json, "a digit");
  };
  if (data[at] === 0x2d) at++;
  if (data[at] === 0x30) at++;
  else digits();
  if (data[at] === 0x2e) {
    at++;
    digits();
  }
  if (data[at] === 0x65 || data[at] === 0x45) {
    at++;
    if (data[at] === 0x2b || data[at] === 0x2d) at++;
    digits();
  }
  json.pos = at;
  return ascii(data, start, at);
}

/** Text of ASCII bytes. */
export function ascii(data: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(data[at]!);
  return text;
}

export function enter(json: Json): void {
  json.depth++;
  if (json.depth > limits.jsonDepth) throw malformed(`JSON nested deeper than ${limits.jsonDepth} at byte ${json.pos}`);
}

export function leave(json: Json): void {
  json.depth--;
}

/**
 * Calls `element` before each element of the array, or each key of the object, that begins here. `element` must read
 * it: of a member, key and value.
 */
export function forEachElement(json: Json, open: number, close: number, element: () => void): void {
  expect(json, open);
  enter(json);
  if (peek(json) === close) json.pos++;
  else {
    for (;;) {
      element();
      const next = peek(json);
      json.pos++;
      if (next === close) break;
      if (next !== COMMA) {
        json.pos--;
        throw unexpected(json, `"," or "${String.fromCharCode(close)}"`);
      }
    }
  }
  leave(json);
}

const ignored: JsonText = { source: unescaped, start: 0, end: 0 };

/** Steps over a value of any kind, checking that it is one. */
export function skipValue(json: Json): void {
  const byte = peek(json);
  if (byte === OPEN_OBJECT) {
    forEachElement(json, OPEN_OBJECT, CLOSE_OBJECT, () => {
      readString(json, ignored);
      expect(json, COLON);
      skipValue(json);
    });
  } else if (byte === OPEN_ARRAY) forEachElement(json, OPEN_ARRAY, CLOSE_ARRAY, () => skipValue(json));
  else if (byte === QUOTE) readString(json, ignored);
  else if (byte !== undefined && numberStart.has(byte)) readNumberText(json);
  else if (!takeLiteral(json, "true") && !takeLiteral(json, "false") && !takeLiteral(json, "null"))
    throw unexpected(json, "a value");
}

/** Goes on with a string from its first backslash, into memory of its own. */
function readEscaped(json: Json, start: number, firstEscape: number, into: JsonText): void {
  const { data } = json;
  clearBytes(unescaped);
  let from = start;
  let at = firstEscape;
  for (;;) {
    const byte = data[at]!;
    if (byte !== QUOTE && byte !== BACKSLASH) {
      if (!(byte >= 0x20)) {
        json.pos = at;
        throw unexpected(json, "a string without control characters");
      }
      at++;
      continue;
    }
    ensure(unescaped, at - from + 8);
    appendCopy(unescaped, json.source, from, at - from);
    if (byte === QUOTE) break;
    json.pos = at + 1;
    appendEscape(json);
    at = from = json.pos;
  }
  into.source = unescaped;
  into.start = 0;
  into.end = unescaped.length;
  json.pos = at + 1;
}

function appendEscape(json: Json): void {
  const kind = json.data[json.pos++];
  if (kind === 0x75) {
    let code = readHex4(json);
    if (code >= 0xd800 && code < 0xdc00 && json.data[json.pos] === BACKSLASH && json.data[json.pos + 1] === 0x75) {
      const mark = json.pos;
      json.pos += 2;
      const low = readHex4(json);
      if (low >= 0xdc00 && low < 0xe000) code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      else json.pos = mark;
    }
    appendCodePoint(code >= 0xd800 && code < 0xe000 ? 0xfffd : code);
    return;
  }
  const plain = kind === undefined ? undefined : escapes[kind];
  if (plain === undefined) throw unexpected(json, "an escape JSON knows");
  appendByte(unescaped, plain);
}

function readHex4(json: Json): number {
  let code = 0;
  for (let i = 0; i < 4; i++) {
    const digit = hexDigit(json.data[json.pos]);
    if (digit < 0) throw unexpected(json, "a hex digit");
    code = code * 16 + digit;
    json.pos++;
  }
  return code;
}

/** Value of a hex digit's byte, -1 if it is none. */
export function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function appendCodePoint(code: number): void {
  if (code < 0x80) appendByte(unescaped, code);
  else if (code < 0x800) {
    appendByte(unescaped, 0xc0 | (code >> 6));
    appendByte(unescaped, 0x80 | (code & 63));
  } else if (code < 0x10000) {
    appendByte(unescaped, 0xe0 | (code >> 12));
    appendByte(unescaped, 0x80 | ((code >> 6) & 63));
    appendByte(unescaped, 0x80 | (code & 63));
  } else {
    appendByte(unescaped, 0xf0 | (code >> 18));
    appendByte(unescaped, 0x80 | ((code >> 12) & 63));
    appendByte(unescaped, 0x80 | ((code >> 6) & 63));
    appendByte(unescaped, 0x80 | (code & 63));
  }
}
