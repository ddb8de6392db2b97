// OTLP/JSON -> the same message on the protobuf wire. One decoder then gives both encodings the same rows; no object is
// built from the text, so member names cannot do harm and integers keep all their digits.
import {
  appendByte,
  appendCopy,
  appendFloat64,
  appendVarint,
  appendWord,
  type Bytes,
  createBytes,
  ensure,
} from "../model/columns/bytes.ts";
import {
  ascii,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  expect,
  forEachElement,
  hexDigit,
  type Json,
  type JsonText,
  jsonOf,
  OPEN_ARRAY,
  OPEN_OBJECT,
  peek,
  QUOTE,
  readNumberText,
  readString,
  skipValue,
  takeLiteral,
  unexpected,
} from "./json-lexer.ts";
import { type Field, type FieldKind, type Message, requestMessages } from "./json-schema.ts";
import { limits } from "./limits.ts";
import { malformed, tooLarge } from "./wire.ts";

/** Bytes a length takes before it is known. */
const LENGTH_ROOM = 4;
const text: JsonText = { source: createBytes(1), start: 0, end: 0 };

/**
 * Throws Malformed if the body is not JSON, not an object, or has a field of another type than OTLP says. Unknown
 * fields and nulls are passed over. An id that is not hex becomes one of the wrong length, so that its item is
 * rejected and not the request.
 */
export function jsonToWire(body: Uint8Array, signal: keyof typeof requestMessages): Uint8Array {
  const json = jsonOf(body);
  const out = createBytes(Math.max(1024, body.length >> 1));
  writeMembers(json, out, requestMessages[signal]);
  if (peek(json) !== undefined) throw unexpected(json, "the end");
  return out.data.subarray(0, out.length);
}

function writeMembers(json: Json, out: Bytes, message: Message): void {
  let guess = 0;
  forEachElement(json, OPEN_OBJECT, CLOSE_OBJECT, () => {
    readString(json, text);
    const at = findField(message.fields, guess);
    expect(json, COLON);
    if (at < 0) {
      skipValue(json);
      return;
    }
    guess = at + 1;
    writeField(json, out, message.fields[at]!);
  });
}

/** Number of the field with the name just read, -1 if there is none. Members mostly come in the order of the schema. */
function findField(fields: readonly Field[], guess: number): number {
  for (let i = 0; i < fields.length; i++) {
    const at = guess + i < fields.length ? guess + i : guess + i - fields.length;
    const { name } = fields[at]!;
    if (name.length !== text.end - text.start) continue;
    let same = true;
    for (let j = 0; j < name.length && same; j++) same = name[j] === text.source.data[text.start + j];
    if (same) return at;
  }
  return -1;
}

function writeField(json: Json, out: Bytes, field: Field): void {
  const next = peek(json);
  if (next === 0x6e && takeLiteral(json, "null")) return;
  if (!field.repeated) {
    writeValue(json, out, field);
    return;
  }
  if (next !== OPEN_ARRAY) throw unexpected(json, `an array (${field.text})`);
  forEachElement(json, OPEN_ARRAY, CLOSE_ARRAY, () => {
    if (peek(json) === 0x6e && takeLiteral(json, "null")) return;
    writeValue(json, out, field);
  });
}

function writeValue(json: Json, out: Bytes, field: Field): void {
  if (out.length > limits.inflatedBytes * 2)
    throw tooLarge("the JSON stands for too large a message; send smaller batches");
  ensure(out, 32);
  appendByte(out, field.tag);
  switch (field.kind) {
    case "message":
      writeMessage(json, out, field.message!);
      return;
    case "string":
      readString(json, text);
      writeText(out);
      return;
    case "hex":
      readString(json, text);
      writeHex(out);
      return;
    case "base64":
      readString(json, text);
      writeBase64(out, field);
      return;
    case "bool":
      if (takeLiteral(json, "true")) appendByte(out, 1);
      else if (takeLiteral(json, "false")) appendByte(out, 0);
      else throw unexpected(json, `true or false (${field.text})`);
      return;
    case "double":
      appendFloat64(out, readDouble(json, field));
      return;
    default:
      writeInteger(out, field.kind, readInteger(json, field));
  }
}

function writeMessage(json: Json, out: Bytes, message: Message): void {
  const lengthAt = out.length;
  out.length += LENGTH_ROOM;
  const start = out.length;
  if (peek(json) !== OPEN_OBJECT) throw unexpected(json, "an object");
  writeMembers(json, out, message);
  const length = out.length - start;
  if (length < 0x80) {
    // Small messages are moved up to a length of one byte: that is what the decoder is fastest at.
    out.data[lengthAt] = length;
    out.data.copyWithin(lengthAt + 1, start, out.length);
    out.length -= LENGTH_ROOM - 1;
    return;
  }
  out.data[lengthAt] = (length & 0x7f) | 0x80;
  out.data[lengthAt + 1] = ((length >> 7) & 0x7f) | 0x80;
  out.data[lengthAt + 2] = ((length >> 14) & 0x7f) | 0x80;
  out.data[lengthAt + 3] = (length >> 21) & 0x7f;
}

function writeText(out: Bytes): void {
  const length = text.end - text.start;
  ensure(out, length + 8);
  appendVarint(out, length);
  appendCopy(out, text.source, text.start, length);
}

function writeHex(out: Bytes): void {
  const { data } = text.source;
  const digits = text.end - text.start;
  let valid = digits % 2 === 0 && digits <= 128;
  for (let at = text.start; at < text.end && valid; at++) valid = hexDigit(data[at]) >= 0;
  ensure(out, 80);
  appendVarint(out, valid ? digits / 2 : 1);
  if (!valid) appendByte(out, 0xff);
  else
    for (let at = text.start; at < text.end; at += 2) appendByte(out, hexDigit(data[at]) * 16 + hexDigit(data[at + 1]));
}

function writeBase64(out: Bytes, field: Field): void {
  const { data } = text.source;
  let end = text.end;
  while (end > text.start && data[end - 1] === 0x3d) end--;
  const length = Math.floor(((end - text.start) * 3) / 4);
  ensure(out, length + 8);
  appendVarint(out, length);
  let bits = 0;
  let held = 0;
  for (let at = text.start; at < end; at++) {
    const digit = base64Digit(data[at]!);
    if (digit < 0) throw malformed(`${field.text} is not base64`);
    bits = ((bits << 6) | digit) & 0xfff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    appendByte(out, (bits >> held) & 0xff);
  }
  if (held === 6) throw malformed(`${field.text} is not base64`);
}

/** Standard and URL-safe alphabets. */
function base64Digit(byte: number): number {
  if (byte >= 0x41 && byte <= 0x5a) return byte - 0x41;
  if (byte >= 0x61 && byte <= 0x7a) return byte - 0x61 + 26;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30 + 52;
  if (byte === 0x2b || byte === 0x2d) return 62;
  return byte === 0x2f || byte === 0x5f ? 63 : -1;
}

function readDouble(json: Json, field: Field): number {
  const written = readNumeric(json, field);
  const value = Number(written);
  if (!Number.isNaN(value) && /^[-\d]/.test(written)) return value;
  if (written === "Infinity") return Number.POSITIVE_INFINITY;
  if (written === "NaN") return Number.NaN;
  throw malformed(`${field.text} is not a number`);
}

/** An integer, exact to 64 bits. */
function readInteger(json: Json, field: Field): bigint {
  const written = readNumeric(json, field);
  if (/^-?\d{1,20}$/.test(written)) return BigInt(written);
  const value = Number(written);
  if (/^-?\d/.test(written) && Number.isSafeInteger(value)) return BigInt(value);
  throw malformed(`${field.text} is not an integer`);
}

/** The text of a number, or of a string that holds one. */
function readNumeric(json: Json, field: Field): string {
  const next = peek(json);
  if (next === QUOTE) {
    readString(json, text);
    return ascii(text.source.data, text.start, Math.min(text.end, text.start + 400));
  }
  if (next !== 0x2d && !(next !== undefined && next >= 0x30 && next <= 0x39))
    throw unexpected(json, `a number (${field.text})`);
  return readNumberText(json);
}

const ranges: Readonly<Partial<Record<FieldKind, readonly [low: bigint, high: bigint]>>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
};

function writeInteger(out: Bytes, kind: FieldKind, value: bigint): void {
  const [low, high] = ranges[kind]!;
  if (value < low || value > high) throw malformed(`${value} does not fit ${kind}`);
  if (kind === "fixed64" || kind === "sfixed64" || kind === "fixed32") {
    appendWord(out, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    if (kind === "fixed32") out.length -= 4;
    return;
  }
  let rest = BigInt.asUintN(64, kind === "sint32" ? (value << 1n) ^ (value >> 31n) : value);
  if (kind === "sint32") rest = BigInt.asUintN(32, rest);
  while (rest > 127n) {
    appendByte(out, Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  appendByte(out, Number(rest));
}
