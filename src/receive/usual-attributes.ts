// The attributes nearly all attributes are, appended as fast as they can be.
import { ensure, sameBytes } from "../model/columns/bytes.ts";
import type { MapColumn } from "../model/columns/column.ts";
import { doubleText } from "./numbers.ts";
import type { Spans } from "./spans.ts";
import type { Wire } from "./wire.ts";

/**
 * Appends attributes as long as they are as nearly all are: key first, the same key as in an earlier row at this place,
 * then a short ASCII string, a small positive integer, a boolean or a double. Returns how far it came; the one it
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
): number {
  const { data, view } = wire;
  const { dictionary, index } = map.keys;
  const { guesses, lengths, starts, stamps, bytes } = dictionary;
  const { values } = map;
  const { at } = spans;
  // Text takes no more room than on the wire; a number at most 25 bytes.
  ensure(values, at[count * 2 - 1]! - at[from * 2]! + (count - from) * 32);
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
    const key = guesses[i]!;
    if (valueAt > end || data[start] !== 0x0a || keyLength > 127 || data[valueAt - 4] !== 0x12) break;
    if (data[valueAt - 3] !== end - valueAt + 2) break;
    if (key >= known || actions[key] !== 0 || lengths[key] !== keyLength || stamps[key] === row) break;
    if (!sameBytes(wire.source, start + 2, bytes, starts[key]!, keyLength)) break;
    const tag = data[valueAt - 2]!;
    const first = data[valueAt - 1]!;
    if (tag === 0x0a) {
      if (first !== end - valueAt || first > 127) break;
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
      let value = first;
      if (first < 0x80) {
        if (valueAt !== end) break;
      } else {
        const second = data[valueAt]!;
        if (second > 0x7f || valueAt + 1 !== end) break;
        value = (first & 0x7f) | (second << 7);
      }
      to = putSmall(out, to, value);
    } else if (tag === 0x10) {
      if (valueAt !== end || first > 1) break;
      to = putAscii(out, to, first === 1 ? "true" : "false");
    } else if (tag === 0x21) {
      if (valueAt + 7 !== end) break;
      to = putAscii(out, to, doubleText(view.getFloat64(valueAt - 1, true)));
    } else break;
    stamps[key] = row;
    index.view.setInt32(indexTo, key, true);
    indexTo += 4;
  }
  values.length = to;
  index.length = indexTo;
  return i;
}

/** Puts the decimal digits of a number below 2^14, length first. */
function putSmall(out: Uint8Array, to: number, value: number): number {
  const digits = value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  out[to] = digits;
  let rest = value;
  for (let at = to + digits; at > to; at--) {
    const tenth = (rest / 10) | 0;
    out[at] = 48 + rest - tenth * 10;
    rest = tenth;
  }
  return to + digits + 1;
}

function putAscii(out: Uint8Array, to: number, text: string): number {
  const { length } = text;
  out[to] = length;
  for (let i = 0; i < length; i++) out[to + 1 + i] = text.charCodeAt(i);
  return to + length + 1;
}
