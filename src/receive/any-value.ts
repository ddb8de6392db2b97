// Arrays, maps and bytes in attribute values and log bodies, as JSON text.
import {
  appendAscii,
  appendByte,
  appendCopy,
  type Bytes,
  ensure,
  sourceOf,
  textSource,
} from "../model/columns/bytes.ts";
import { isUtf8, repaired } from "../model/columns/text.ts";
import { limits } from "./limits.ts";
import { int64Text } from "./numbers.ts";
import { type InsideValue, masked } from "./privacy/mask-value.ts";
import { DROP, HASH, KEEP, MASK } from "./privacy/redactor.ts";
import { cardDigits } from "./privacy/spans.ts";
import { redact } from "./tally.ts";
import { meetAgain, readBool, readEnd, readTag, readVarint64, skip, takeFixed64, type Wire } from "./wire.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const shortEscapes: Readonly<Record<number, string>> = {
  8: "\\b",
  9: "\\t",
  10: "\\n",
  12: "\\f",
  13: "\\r",
  34: '\\"',
  92: "\\\\",
};

/**
 * Writes the AnyValue from `wire.pos` to `end` as JSON: members of maps in the order of the wire, integers with all
 * their digits, bytes as base64, NaN and infinities as strings. What lies deeper than the limit becomes null;
 * returns whether that happened. Members whose key the policy drops become null, as do those it would hash.
 */
export function writeValueAsJson(out: Bytes, wire: Wire, end: number, depth: number, inside?: InsideValue): boolean {
  let cut = false;
  let before = 0;
  const mark = out.length;
  appendAscii(out, "null");
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    // The last member of a oneof counts: an earlier one is written over.
    switch (tag) {
      case 0x0a: {
        const fieldEnd = readEnd(wire, end);
        out.length = mark;
        writeJsonString(out, wire, wire.pos, fieldEnd, inside);
        wire.pos = fieldEnd;
        break;
      }
      case 0x10:
        out.length = mark;
        appendAscii(out, readBool(wire, end) ? "true" : "false");
        break;
      case 0x18:
        readVarint64(wire, end);
        out.length = mark;
        writeInteger(out, int64Text(wire.low, wire.high), inside);
        break;
      case 0x21: {
        const value = wire.view.getFloat64(takeFixed64(wire, end), true);
        out.length = mark;
        appendAscii(out, Number.isFinite(value) ? String(value) : `"${value}"`);
        break;
      }
      case 0x2a:
      case 0x32: {
        if (before === tag) meetAgain(wire);
        const fieldEnd = readEnd(wire, end);
        out.length = mark;
        if (depth < limits.valueDepth) cut = writeList(out, wire, fieldEnd, depth, tag === 0x32, inside) || cut;
        else {
          appendAscii(out, "null");
          cut = true;
          wire.pos = fieldEnd;
        }
        break;
      }
      case 0x3a: {
        const fieldEnd = readEnd(wire, end);
        out.length = mark;
        appendAscii(out, '"');
        maskedBase64(out, wire.source, wire.pos, fieldEnd, inside);
        appendAscii(out, '"');
        wire.pos = fieldEnd;
        break;
      }
      default:
        skip(wire, tag, end);
        continue;
    }
    before = tag;
  }
  return cut;
}

/** Appends standard base64 with padding. */
export function base64(out: Bytes, source: Bytes, start: number, end: number): void {
  ensure(out, Math.ceil((end - start) / 3) * 4);
  for (let at = start; at < end; at += 3) {
    const left = end - at;
    const bits =
      (source.data[at]! << 16) | ((left > 1 ? source.data[at + 1]! : 0) << 8) | (left > 2 ? source.data[at + 2]! : 0);
    appendByte(out, alphabet.charCodeAt(bits >> 18));
    appendByte(out, alphabet.charCodeAt((bits >> 12) & 63));
    appendByte(out, left > 1 ? alphabet.charCodeAt((bits >> 6) & 63) : 61);
    appendByte(out, left > 2 ? alphabet.charCodeAt(bits & 63) : 61);
  }
}

/** ArrayValue and KeyValueList alike hold their elements in field 1. */
function writeList(
  out: Bytes,
  wire: Wire,
  end: number,
  depth: number,
  isMap: boolean,
  inside: InsideValue | undefined,
): boolean {
  let cut = false;
  let first = true;
  appendAscii(out, isMap ? "{" : "[");
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag !== 0x0a) {
      skip(wire, tag, end);
      continue;
    }
    const fieldEnd = readEnd(wire, end);
    if (!first) appendAscii(out, ",");
    first = false;
    cut =
      (isMap
        ? writeMember(out, wire, fieldEnd, depth, inside)
        : writeValueAsJson(out, wire, fieldEnd, depth + 1, inside)) || cut;
  }
  appendAscii(out, isMap ? "}" : "]");
  return cut;
}

function writeMember(out: Bytes, wire: Wire, end: number, depth: number, inside: InsideValue | undefined): boolean {
  const start = wire.pos;
  let keyStart = start;
  let keyEnd = start;
  let valueStart = start;
  let valueEnd = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x0a) {
      keyEnd = readEnd(wire, end);
      keyStart = wire.pos;
      wire.pos = keyEnd;
    } else if (tag === 0x12) {
      if (valueEnd !== start) meetAgain(wire);
      valueEnd = readEnd(wire, end);
      valueStart = wire.pos;
      wire.pos = valueEnd;
    } else skip(wire, tag, end);
  }
  writeJsonString(out, wire, keyStart, keyEnd, inside);
  appendAscii(out, ":");
  wire.pos = valueStart;
  const action = inside?.redactor.actionInside(wire.source, keyStart, keyEnd) ?? KEEP;
  if (inside !== undefined && (action === DROP || action === HASH)) {
    redact(inside.tally, "dropped");
    appendAscii(out, "null");
    wire.pos = end;
    return false;
  }
  const within = inside !== undefined && action === MASK ? { ...inside, masks: true } : inside;
  const cut = writeValueAsJson(out, wire, valueEnd, depth + 1, within);
  wire.pos = end;
  return cut;
}

/** A whole number that has a card's check digit is taken for a card; other numbers say nothing on their own. */
function writeInteger(out: Bytes, text: string, inside: InsideValue | undefined): void {
  if (inside?.masks === true && text.length >= 12 && text[0] !== "-") {
    const digits = textSource(text);
    if (cardDigits(digits.data, 0, digits.length) !== 0) {
      redact(inside.tally, "masked");
      appendAscii(out, '"[card]"');
      return;
    }
  }
  appendAscii(out, text);
}

function maskedBase64(out: Bytes, source: Bytes, start: number, end: number, inside: InsideValue | undefined): void {
  const bytes = inside?.masks === true ? masked(source, start, end, inside.tally) : undefined;
  if (bytes === undefined) base64(out, source, start, end);
  else base64(out, sourceOf(bytes), 0, bytes.length);
}

function writeJsonString(out: Bytes, wire: Wire, start: number, end: number, inside: InsideValue | undefined): void {
  const bytes = inside?.masks === true ? masked(wire.source, start, end, inside.tally) : undefined;
  if (bytes === undefined) writeText(out, wire.source, start, end);
  else writeText(out, sourceOf(bytes), 0, bytes.length);
}

function writeText(out: Bytes, text: Bytes, start: number, end: number): void {
  const valid = isUtf8(text.data, start, end);
  const source = valid ? text : repaired(text.data.subarray(start, end));
  const last = valid ? end : source.data.length;
  appendAscii(out, '"');
  let from = valid ? start : 0;
  for (let at = from; at < last; at++) {
    const byte = source.data[at]!;
    if (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c) continue;
    ensure(out, at - from + 8);
    appendCopy(out, source, from, at - from);
    appendAscii(out, shortEscapes[byte] ?? `\\u${byte.toString(16).padStart(4, "0")}`);
    from = at + 1;
  }
  ensure(out, last - from + 8);
  appendCopy(out, source, from, last - from);
  appendAscii(out, '"');
}
