// Arrays, maps and bytes in attribute values and log bodies, as JSON text.
import { appendAscii, appendByte, appendCopy, type Bytes, ensure } from "../model/columns/bytes.ts";
import { isUtf8, repaired } from "../model/columns/text.ts";
import { limits } from "./limits.ts";
import { int64Text } from "./numbers.ts";
import { readBool, readEnd, readTag, readVarint64, skip, takeFixed64, type Wire } from "./wire.ts";

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
 * returns whether that happened.
 */
export function writeValueAsJson(out: Bytes, wire: Wire, end: number, depth: number): boolean {
  let cut = false;
  const mark = out.length;
  appendAscii(out, "null");
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    // The last member of a oneof counts: an earlier one is written over.
    switch (tag) {
      case 0x0a: {
        const fieldEnd = readEnd(wire, end);
        out.length = mark;
        writeJsonString(out, wire, wire.pos, fieldEnd);
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
        appendAscii(out, int64Text(wire.low, wire.high));
        break;
      case 0x21: {
        const value = wire.view.getFloat64(takeFixed64(wire, end), true);
        out.length = mark;
        appendAscii(out, Number.isFinite(value) ? String(value) : `"${value}"`);
        break;
      }
      case 0x2a:
      case 0x32: {
        const fieldEnd = readEnd(wire, end);
        out.length = mark;
        if (depth < limits.valueDepth) cut = writeList(out, wire, fieldEnd, depth, tag === 0x32) || cut;
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
        base64(out, wire.source, wire.pos, fieldEnd);
        appendAscii(out, '"');
        wire.pos = fieldEnd;
        break;
      }
      default:
        skip(wire, tag, end);
    }
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
function writeList(out: Bytes, wire: Wire, end: number, depth: number, isMap: boolean): boolean {
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
    cut = (isMap ? writeMember(out, wire, fieldEnd, depth) : writeValueAsJson(out, wire, fieldEnd, depth + 1)) || cut;
  }
  appendAscii(out, isMap ? "}" : "]");
  return cut;
}

function writeMember(out: Bytes, wire: Wire, end: number, depth: number): boolean {
  let keyStart = wire.pos;
  let keyEnd = keyStart;
  let valueStart = keyStart;
  let valueEnd = keyStart;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x0a) {
      keyEnd = readEnd(wire, end);
      keyStart = wire.pos;
      wire.pos = keyEnd;
    } else if (tag === 0x12) {
      valueEnd = readEnd(wire, end);
      valueStart = wire.pos;
      wire.pos = valueEnd;
    } else skip(wire, tag, end);
  }
  writeJsonString(out, wire, keyStart, keyEnd);
  appendAscii(out, ":");
  wire.pos = valueStart;
  const cut = writeValueAsJson(out, wire, valueEnd, depth + 1);
  wire.pos = end;
  return cut;
}

function writeJsonString(out: Bytes, wire: Wire, start: number, end: number): void {
  const valid = isUtf8(wire.data, start, end);
  const source = valid ? wire.source : repaired(wire.data.subarray(start, end));
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
