// An AnyValue off the wire into one row of a String column: as text, as JSON, masked or as a digest.
import {
  appendAscii,
  appendVarint,
  type Bytes,
  clearBytes,
  createBytes,
  ensure,
  sourceOf,
} from "../model/columns/bytes.ts";
import { appendEmpty, appendText, REPLACED, TRUNCATED } from "../model/columns/text.ts";
import { base64, writeValueAsJson } from "./any-value.ts";
import { doubleText, int64Text } from "./numbers.ts";
import { appendMasked, type InsideValue, masked } from "./privacy/mask-value.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { redact, repair, type Tally } from "./tally.ts";
import {
  malformed,
  meetAgain,
  readBool,
  readEnd,
  readTag,
  readVarint64,
  skip,
  takeFixed64,
  type Wire,
} from "./wire.ts";

/** Set by {@link findValue}: out-parameters, since this runs for every attribute. */
export const foundValue = { tag: 0, start: 0, end: 0 };
const scratch = createBytes();

/**
 * Appends an AnyValue as one row of a String column: an absent one as an empty string. With a redactor, keys inside maps
 * follow the policy; with `masks`, all text is masked.
 */
export function appendValue(
  column: Bytes,
  wire: Wire,
  start: number,
  end: number,
  maxBytes: number,
  tally: Tally,
  redactor?: Redactor,
  masks = false,
): void {
  findValue(wire, start, end);
  if (masks && foundValue.tag !== 0x2a && foundValue.tag !== 0x32) {
    appendMaskedScalar(column, wire, end, maxBytes, tally);
    return;
  }
  appendFound(column, wire, start, end, maxBytes, tally, redactor && { redactor, masks, tally });
}

/** Bytes of an AnyValue: of a string its text, of anything else what it takes on the wire. */
export function valueLength(wire: Wire, start: number, end: number): number {
  findValue(wire, start, end);
  return foundValue.tag === 0x0a ? foundValue.end - foundValue.start : end - start;
}

/** Appends a digest of the value as one row: of a string over its text, of anything else over its bytes on the wire. */
export function appendDigest(
  column: Bytes,
  wire: Wire,
  start: number,
  end: number,
  redactor: Redactor,
  tally: Tally,
): void {
  findValue(wire, start, end);
  const isText = foundValue.tag === 0x0a;
  appendShort(
    column,
    redactor.digest(wire.data.subarray(isText ? foundValue.start : start, isText ? foundValue.end : end)),
  );
  redact(tally, "hashed");
}

export function countText(bits: number, tally: Tally): void {
  if (bits === 0) return;
  if ((bits & REPLACED) !== 0) repair(tally, "invalid-utf8");
  if ((bits & TRUNCATED) !== 0) repair(tally, "value-cut");
}

/** Appends the value {@link findValue} found between `start` and `end`. */
function appendFound(
  column: Bytes,
  wire: Wire,
  start: number,
  end: number,
  maxBytes: number,
  tally: Tally,
  inside: InsideValue | undefined,
): void {
  switch (foundValue.tag) {
    case 0x0a:
      countText(appendText(column, wire.source, foundValue.start, foundValue.end, maxBytes), tally);
      return;
    case 0x10: {
      wire.pos = foundValue.start;
      appendShort(column, readBool(wire, end) ? "true" : "false");
      return;
    }
    case 0x18:
      appendInteger(column, wire, end);
      return;
    case 0x21:
      appendShort(column, doubleText(wire.view.getFloat64(foundValue.start, true)));
      return;
    case 0x2a:
    case 0x32:
      clearBytes(scratch);
      wire.pos = start;
      if (writeValueAsJson(scratch, wire, end, 0, inside)) repair(tally, "depth");
      countText(appendText(column, scratch, 0, scratch.length, maxBytes), tally);
      return;
    case 0x3a:
      clearBytes(scratch);
      base64(scratch, wire.source, foundValue.start, foundValue.end);
      countText(appendText(column, scratch, 0, scratch.length, maxBytes), tally);
      return;
    default:
      appendEmpty(column);
  }
}

/** Text, bytes and numbers: bytes are masked as the text they may be, before they become base64. */
function appendMaskedScalar(column: Bytes, wire: Wire, end: number, maxBytes: number, tally: Tally): void {
  if (foundValue.tag === 0x0a) {
    countText(appendMasked(column, wire.source, foundValue.start, foundValue.end, maxBytes, tally), tally);
    return;
  }
  if (foundValue.tag === 0x3a) {
    const bytes = masked(wire.source, foundValue.start, foundValue.end, tally);
    if (bytes !== undefined) {
      clearBytes(scratch);
      base64(scratch, sourceOf(bytes), 0, bytes.length);
      countText(appendText(column, scratch, 0, scratch.length, maxBytes), tally);
      return;
    }
  }
  const before = column.length;
  appendFound(column, wire, foundValue.start, end, maxBytes, tally, undefined);
  if (foundValue.tag !== 0x18) return;
  // A number has at most 20 digits, so its length is one byte.
  const bytes = masked(column, before + 1, column.length, tally);
  if (bytes === undefined) return;
  column.length = before;
  countText(appendText(column, sourceOf(bytes), 0, bytes.length, maxBytes), tally);
}

/** Finds the member of the oneof that counts: the last. Sets {@link foundValue}; `tag` is 0 if there is none. */
export function findValue(wire: Wire, start: number, end: number): void {
  wire.pos = start;
  foundValue.tag = 0;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    switch (tag) {
      case 0x0a:
      case 0x2a:
      case 0x32:
      case 0x3a:
        if (foundValue.tag === tag && (tag === 0x2a || tag === 0x32)) meetAgain(wire);
        foundValue.end = readEnd(wire, end);
        foundValue.start = wire.pos;
        foundValue.tag = tag;
        wire.pos = foundValue.end;
        break;
      case 0x10:
      case 0x18:
        foundValue.start = wire.pos;
        foundValue.tag = tag;
        readVarint64(wire, end);
        break;
      case 0x21:
        foundValue.start = takeFixed64(wire, end);
        foundValue.tag = tag;
        break;
      default:
        skip(wire, tag, end);
    }
  }
  if (wire.pos !== end) throw malformed(`a value at byte ${start} runs past its end`);
}

function appendInteger(column: Bytes, wire: Wire, end: number): void {
  wire.pos = foundValue.start;
  readVarint64(wire, end);
  appendShort(column, int64Text(wire.low, wire.high));
}

/** Appends text of less than 128 ASCII characters as one row. */
export function appendShort(column: Bytes, text: string): void {
  ensure(column, 1);
  appendVarint(column, text.length);
  appendAscii(column, text);
}
