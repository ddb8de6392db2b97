// Attributes off the wire into a Map(LowCardinality(String), String) column: keys by dictionary, values as text.

import {
  appendAscii,
  appendUint32,
  appendVarint,
  appendWord,
  type Bytes,
  clearBytes,
  createBytes,
  ensure,
  sourceOf,
} from "../model/columns/bytes.ts";
import type { MapColumn } from "../model/columns/column.ts";
import { lookUp } from "../model/columns/dictionary.ts";
import { appendEmpty, appendText, REPLACED, TRUNCATED } from "../model/columns/text.ts";
import { base64, writeValueAsJson } from "./any-value.ts";
import { limits } from "./limits.ts";
import { doubleText, int64Text } from "./numbers.ts";
import type { Spans } from "./spans.ts";
import { appendMasked, type InsideValue, masked } from "./privacy/mask-value.ts";
import { type AttributeColumn, DROP, HASH, MASK, type Redactor, syncGuard } from "./privacy/redactor.ts";
import { redact, repair, type Tally } from "./tally.ts";
import { appendUsual } from "./usual-attributes.ts";
import { malformed, readEnd, readTag, readVarint64, skip, takeFixed64, type Wire } from "./wire.ts";

/** Set by {@link findKeyValue} and {@link findValue}: out-parameters, since this runs for every attribute. */
export const found = { keyStart: 0, keyEnd: 0, valueStart: 0, valueEnd: 0, tag: 0, start: 0, end: 0 };
const scratch = createBytes();
/** Grows by one for each map row, so that a key's stamp tells whether this row already has it. */
let row = 0;

/**
 * Appends the entries of one row; {@link endMapRow} ends it. Attributes over a limit are dropped and counted, those the
 * privacy policy speaks of are treated as it says. `inContentEvent`: ordinary keys such as `content` hold prompts here.
 */
export function appendAttributes(
  map: AttributeColumn,
  wire: Wire,
  spans: Spans,
  tally: Tally,
  inContentEvent = false,
): void {
  row = row === 0x7fffffff ? 1 : row + 1;
  if (spans.count === 0) return;
  const { guard } = map;
  syncGuard(guard, map.keys.dictionary);
  const count = Math.min(spans.count, limits.attributes);
  for (let done = 0; done < count; ) {
    const actions = inContentEvent ? guard.inContentEvents : guard.actions;
    done = appendUsual(map, wire, spans, done, count, row, actions, guard.known);
    if (done === count) break;
    appendAttribute(map, wire, spans.at[done * 2]!, spans.at[done * 2 + 1]!, done, tally, inContentEvent);
    done++;
  }
  if (count < spans.count) repair(tally, "attribute-limit", spans.count - count);
}

export function endMapRow(map: MapColumn): void {
  ensure(map.offsets, 8);
  appendWord(map.offsets, map.keys.index.length >> 2, 0);
}

/** Whether every key is short enough: items whose identity hangs on their attributes are rejected if not. */
export function keysFit(wire: Wire, spans: Spans): boolean {
  for (let i = 0; i < spans.count; i++) {
    findKeyValue(wire, spans.at[i * 2]!, spans.at[i * 2 + 1]!);
    if (found.keyEnd - found.keyStart > limits.keyBytes) return false;
  }
  return true;
}

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
  if (masks && found.tag !== 0x2a && found.tag !== 0x32) {
    appendMaskedScalar(column, wire, end, maxBytes, tally);
    return;
  }
  appendFound(column, wire, start, end, maxBytes, tally, redactor && { redactor, masks, tally });
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
  switch (found.tag) {
    case 0x0a:
      countText(appendText(column, wire.source, found.start, found.end, maxBytes), tally);
      return;
    case 0x10: {
      wire.pos = found.start;
      readVarint64(wire, end);
      const yes = (wire.low | wire.high) !== 0;
      appendShort(column, yes ? "true" : "false");
      return;
    }
    case 0x18:
      appendInteger(column, wire, end);
      return;
    case 0x21:
      appendShort(column, doubleText(wire.view.getFloat64(found.start, true)));
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
      base64(scratch, wire.source, found.start, found.end);
      countText(appendText(column, scratch, 0, scratch.length, maxBytes), tally);
      return;
    default:
      appendEmpty(column);
  }
}

/** Text, bytes and numbers: bytes are masked as the text they may be, before they become base64. */
function appendMaskedScalar(column: Bytes, wire: Wire, end: number, maxBytes: number, tally: Tally): void {
  if (found.tag === 0x0a) {
    countText(appendMasked(column, wire.source, found.start, found.end, maxBytes, tally), tally);
    return;
  }
  if (found.tag === 0x3a) {
    const bytes = masked(wire.source, found.start, found.end, tally);
    if (bytes !== undefined) {
      clearBytes(scratch);
      base64(scratch, sourceOf(bytes), 0, bytes.length);
      countText(appendText(column, scratch, 0, scratch.length, maxBytes), tally);
      return;
    }
  }
  const before = column.length;
  appendFound(column, wire, found.start, end, maxBytes, tally, undefined);
  if (found.tag !== 0x18) return;
  // A number has at most 20 digits, so its length is one byte.
  const bytes = masked(column, before + 1, column.length, tally);
  if (bytes === undefined) return;
  column.length = before;
  countText(appendText(column, sourceOf(bytes), 0, bytes.length, maxBytes), tally);
}

/** Appends the length in bytes of a text that was dropped to the row being built. */
export function appendLength(map: MapColumn, key: Bytes, length: number, position: number, tally: Tally): void {
  const { dictionary, index } = map.keys;
  const entry = lookUp(dictionary, key, 0, key.length, position + limits.attributes, limits.keyBytes * 4);
  redact(tally, "dropped");
  if (dictionary.stamps[entry] === row) {
    repair(tally, "duplicate-key");
    return;
  }
  dictionary.stamps[entry] = row;
  appendShort(map.values, String(length));
  ensure(index, 4);
  appendUint32(index, entry);
}

/** Bytes of an AnyValue: of a string its text, of anything else what it takes on the wire. */
export function valueLength(wire: Wire, start: number, end: number): number {
  findValue(wire, start, end);
  return found.tag === 0x0a ? found.end - found.start : end - start;
}

/** Position range of the text of the attribute with this key; `undefined` if there is none or it is not text. */
export function findText(
  wire: Wire,
  spans: Spans,
  key: string,
): { readonly start: number; readonly end: number } | undefined {
  for (let i = 0; i < spans.count; i++) {
    findKeyValue(wire, spans.at[i * 2]!, spans.at[i * 2 + 1]!);
    if (found.keyEnd - found.keyStart !== key.length) continue;
    let same = true;
    for (let j = 0; j < key.length; j++) same &&= wire.data[found.keyStart + j] === key.charCodeAt(j);
    if (same) return { start: found.valueStart, end: found.valueEnd };
  }
  return undefined;
}

export function countText(bits: number, tally: Tally): void {
  if (bits === 0) return;
  if ((bits & REPLACED) !== 0) repair(tally, "invalid-utf8");
  if ((bits & TRUNCATED) !== 0) repair(tally, "value-cut");
}

function appendAttribute(
  map: AttributeColumn,
  wire: Wire,
  start: number,
  end: number,
  position: number,
  tally: Tally,
  inContentEvent: boolean,
): void {
  findKeyValue(wire, start, end);
  if (found.keyEnd - found.keyStart > limits.keyBytes) {
    repair(tally, "key-length");
    return;
  }
  const { dictionary, index } = map.keys;
  const key = lookUp(dictionary, wire.source, found.keyStart, found.keyEnd, position, limits.keyBytes * 3);
  if (dictionary.repairs !== 0) countText(dictionary.repairs, tally);
  if (dictionary.stamps[key] === row) {
    repair(tally, "duplicate-key");
    return;
  }
  dictionary.stamps[key] = row;
  const { guard, redactor } = map;
  const { valueStart, valueEnd } = found;
  const action = redactor.actionOf(guard, dictionary, key, inContentEvent);
  if (action === DROP) {
    appendLength(map, guard.lengthKeys[key]!, valueLength(wire, valueStart, valueEnd), position, tally);
    return;
  }
  if (action === HASH) appendDigest(map.values, wire, valueStart, valueEnd, redactor, tally);
  else appendValue(map.values, wire, valueStart, valueEnd, limits.valueBytes, tally, redactor, action === MASK);
  ensure(index, 4);
  appendUint32(index, key);
}

function appendDigest(
  column: Bytes,
  wire: Wire,
  start: number,
  end: number,
  redactor: Redactor,
  tally: Tally,
): void {
  findValue(wire, start, end);
  const isText = found.tag === 0x0a;
  appendShort(column, redactor.digest(wire.data.subarray(isText ? found.start : start, isText ? found.end : end)));
  redact(tally, "hashed");
}

/** Sets the key and value of {@link found}. */
export function findKeyValue(wire: Wire, start: number, end: number): void {
  wire.pos = start;
  found.keyStart = found.keyEnd = found.valueStart = found.valueEnd = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x0a) {
      found.keyEnd = readEnd(wire, end);
      found.keyStart = wire.pos;
      wire.pos = found.keyEnd;
    } else if (tag === 0x12) {
      found.valueEnd = readEnd(wire, end);
      found.valueStart = wire.pos;
      wire.pos = found.valueEnd;
    } else skip(wire, tag, end);
  }
}

/** Finds the member of the oneof that counts: the last. `tag` is 0 if there is none. */
function findValue(wire: Wire, start: number, end: number): void {
  wire.pos = start;
  found.tag = 0;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    switch (tag) {
      case 0x0a:
      case 0x2a:
      case 0x32:
      case 0x3a:
        found.end = readEnd(wire, end);
        found.start = wire.pos;
        found.tag = tag;
        wire.pos = found.end;
        break;
      case 0x10:
      case 0x18:
        found.start = wire.pos;
        found.tag = tag;
        readVarint64(wire, end);
        break;
      case 0x21:
        found.start = takeFixed64(wire, end);
        found.tag = tag;
        break;
      default:
        skip(wire, tag, end);
    }
  }
  if (wire.pos !== end) throw malformed(`a value at byte ${start} runs past its end`);
}

function appendInteger(column: Bytes, wire: Wire, end: number): void {
  wire.pos = found.start;
  readVarint64(wire, end);
  appendShort(column, int64Text(wire.low, wire.high));
}

function appendShort(column: Bytes, text: string): void {
  ensure(column, 1);
  appendVarint(column, text.length);
  appendAscii(column, text);
}
