// The attributes nearly all attributes are, appended as fast as they can be.
import { type Bytes, ensure, sameBytes } from "../model/columns/bytes.ts";
import type { MapColumn } from "../model/columns/column.ts";
import { DOUBLE_TEXT_MAX, putAscii, putDouble, putWhole } from "./decimal.ts";
import { limits } from "./limits.ts";
import type { Spans } from "./spans.ts";
import type { Wire } from "./wire.ts";

/** Bytes of a text or list whose value still tells its length in one byte. */
const LENGTH_MAX = 125;

/** What was last appended the usual way at each place of a row: an attribute of the same bytes gives the same row again. */
export interface RowBefore {
  wire: Wire | undefined;
  /** Length of the column when it was left: a shorter one was rolled back or sealed since. */
  valuesLength: number;
  /** On the wire, by place; -1 where nothing is known. */
  readonly lengths: Int32Array;
  readonly starts: Int32Array;
  readonly keys: Int32Array;
  /** In the column of values. */
  readonly valueStarts: Int32Array;
  readonly valueEnds: Int32Array;
}

export function createRowBefore(): RowBefore {
  const places = (): Int32Array => new Int32Array(limits.attributes);
  return {
    wire: undefined,
    valuesLength: 0,
    lengths: places(),
    starts: places(),
    keys: places(),
    valueStarts: places(),
    valueEnds: places(),
  };
}

/** Must run before the rows of another body are appended, and after rows were taken away. */
export function syncRowBefore(before: RowBefore, wire: Wire, values: Bytes): void {
  if (before.wire === wire && values.length >= before.valuesLength) return;
  before.wire = wire;
  before.lengths.fill(-1);
}

/**
 * Appends attributes as long as they are as nearly all are: key first, the same key as in an earlier row at this place,
 * then a short ASCII string, a positive integer, a boolean, a double or a list of such strings. Returns how far it came; the one it
 * stopped at is untouched. Keys from `known` on, or with another action than 0, are not for here: what to do with them is
 * the policy's to say. Most of the time of decoding goes here, so it is written out flat, on local variables.
 */
export function appendUsual(
  map: MapColumn,
  wire: Wire,
  spans: Spans,
  from: number,
  count: number,
  row: number,
  actions: Uint8Array,
  known: number,
  before: RowBefore,
): number {
  const { data, view } = wire;
  const { dictionary, index } = map.keys;
  const { guesses, lengths, starts, stamps, bytes } = dictionary;
  const { values } = map;
  const { at } = spans;
  const { lengths: lengthsBefore, starts: startsBefore, keys: keysBefore, valueStarts, valueEnds } = before;
  // Text takes no more room than on the wire, a list no more than its length and brackets besides.
  ensure(values, at[count * 2 - 1]! - at[from * 2]! + (count - from) * (DOUBLE_TEXT_MAX + 7));
  ensure(index, (count - from) * 4);
  const out = values.data;
  const outView = values.view;
  let to = values.length;
  let indexTo = index.length;
  let i = from;
  for (; i < count; i++) {
    const start = at[i * 2]!;
    const end = at[i * 2 + 1]!;
    const keyLength = data[start + 1]!;
    const valueAt = start + keyLength + 6;
    const from = to;
    let key = guesses[i]!;
    let isSameKey = false;
    if (lengthsBefore[i] === end - start && end - start >= 8) {
      const startBefore = startsBefore[i]!;
      const last = end - start - 8;
      let j = 0;
      while (j < last) {
        const word = view.getFloat64(start + j, true);
        if (word !== view.getFloat64(startBefore + j, true) || word === 0) break;
        j += 8;
      }
      const isSame = j >= last && sameWord(view, start + last, startBefore + last);
      isSameKey = isSame || j >= keyLength + 2;
      if (isSameKey) key = keysBefore[i]!;
      if (isSame) {
        if (actions[key] !== 0 || stamps[key] === row) break;
        to = copyWithin(out, outView, to, valueStarts[i]!, valueEnds[i]!);
        valueStarts[i] = from;
        valueEnds[i] = to;
        startsBefore[i] = start;
        stamps[key] = row;
        index.view.setInt32(indexTo, key, true);
        indexTo += 4;
        continue;
      }
    }
    if (valueAt > end || data[start] !== 0x0a || keyLength > 127 || data[valueAt - 4] !== 0x12) break;
    if (data[valueAt - 3] !== end - valueAt + 2 || end - valueAt > LENGTH_MAX) break;
    if (key >= known || actions[key] !== 0 || lengths[key] !== keyLength || stamps[key] === row) break;
    if (!isSameKey && !sameBytes(wire.source, start + 2, bytes, starts[key]!, keyLength)) break;
    const tag = data[valueAt - 2]!;
    const first = data[valueAt - 1]!;
    if (tag === 0x0a) {
      if (first !== end - valueAt) break;
      let seen = 0;
      if (first < 4) {
        for (let j = 0; j < first; j++) {
          const byte = data[valueAt + j]!;
          seen |= byte << 24;
          out[to + 1 + j] = byte;
        }
      } else {
        const last = first - 4;
        for (let j = 0; j < last; j += 4) {
          const word = view.getInt32(valueAt + j, true);
          seen |= word;
          outView.setInt32(to + 1 + j, word, true);
        }
        const word = view.getInt32(valueAt + last, true);
        seen |= word;
        outView.setInt32(to + 1 + last, word, true);
      }
      if ((seen & 0x80808080) !== 0) break;
      out[to] = first;
      to += first + 1;
    } else if (tag === 0x18) {
      let value = first & 0x7f;
      let byte = first;
      let next = valueAt;
      for (let shift = 7; byte > 0x7f && next < end && shift < 28; shift += 7) {
        byte = data[next++]!;
        value |= (byte & 0x7f) << shift;
      }
      if (byte > 0x7f || next !== end) break;
      const textEnd = putWhole(outView, to + 1, value);
      out[to] = textEnd - to - 1;
      to = textEnd;
    } else if (tag === 0x10) {
      if (valueAt !== end || first > 1) break;
      out[to] = first === 1 ? 4 : 5;
      to = putAscii(out, to + 1, first === 1 ? "true" : "false");
    } else if (tag === 0x21) {
      if (valueAt + 7 !== end) break;
      const textEnd = putDouble(out, outView, to + 1, view.getFloat64(valueAt - 1, true));
      out[to] = textEnd - to - 1;
      to = textEnd;
    } else if (tag === 0x2a) {
      if (first !== end - valueAt) break;
      const listEnd = putTexts(out, to + 1, data, valueAt, end);
      if (listEnd - to - 1 > 127 || listEnd < 0) break;
      out[to] = listEnd - to - 1;
      to = listEnd;
    } else break;
    lengthsBefore[i] = end - start;
    startsBefore[i] = start;
    keysBefore[i] = key;
    valueStarts[i] = from;
    valueEnds[i] = to;
    stamps[key] = row;
    index.view.setInt32(indexTo, key, true);
    indexTo += 4;
  }
  values.length = to;
  index.length = indexTo;
  return i;
}

/** Whether eight bytes are the same. Not-a-numbers, and zeros that may differ in their sign, are taken for others. */
function sameWord(view: DataView, a: number, b: number): boolean {
  const word = view.getFloat64(a, true);
  return word === view.getFloat64(b, true) && word !== 0;
}

/** Copies `start` to `end` to `to`, further on in the same bytes, and returns where the copy ends. */
function copyWithin(out: Uint8Array, view: DataView, to: number, start: number, end: number): number {
  const count = end - start;
  if (count < 4) {
    for (let j = 0; j < count; j++) out[to + j] = out[start + j]!;
    return to + count;
  }
  if (count < 8) {
    view.setInt32(to, view.getInt32(start, true), true);
    view.setInt32(to + count - 4, view.getInt32(end - 4, true), true);
    return to + count;
  }
  // ASCII is never not-a-number, so that a double carries it unchanged.
  for (let j = 0; j < count - 8; j += 8) view.setFloat64(to + j, view.getFloat64(start + j, true), true);
  view.setFloat64(to + count - 8, view.getFloat64(end - 8, true), true);
  return to + count;
}

/** Puts a list of texts that need no escapes as JSON, without its length; -1 if it is anything else. */
function putTexts(out: Uint8Array, to: number, data: Uint8Array, start: number, end: number): number {
  let next = to;
  out[next++] = 91;
  for (let at = start; at < end; ) {
    const size = data[at + 1]!;
    const textEnd = at + 2 + size;
    if (data[at] !== 0x0a || size < 2 || size > 127 || textEnd > end) return -1;
    if (data[at + 2] !== 0x0a || data[at + 3] !== size - 2) return -1;
    if (at > start) out[next++] = 44;
    out[next++] = 34;
    for (at += 4; at < textEnd; at++) {
      const byte = data[at]!;
      if (byte < 0x20 || byte > 0x7f || byte === 34 || byte === 92) return -1;
      out[next++] = byte;
    }
    out[next++] = 34;
  }
  out[next] = 93;
  return next + 1;
}
