// A String column: a varint length and the bytes of each row, made valid UTF-8 on the way in.
import { appendCopy, appendVarint, type Bytes, ensure, sourceOf } from "./bytes.ts";

/** What {@link appendText} had to do to the text. */
export const REPLACED = 1;
export const TRUNCATED = 2;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Appends one row from `source`. Longer text than `maxBytes` is cut at a character; bytes that are not UTF-8 become
 * U+FFFD, as every reader of the database would otherwise choke on them. Returns the bits of what was done.
 */
export function appendText(column: Bytes, source: Bytes, start: number, end: number, maxBytes: number): number {
  if (start === end) {
    appendEmpty(column);
    return 0;
  }
  if (end - start > maxBytes) {
    return (
      appendText(column, source, start, characterStart(source.data, start, start + maxBytes), maxBytes) | TRUNCATED
    );
  }
  const count = end - start;
  ensure(column, count + 8);
  const before = column.length;
  if (count < 128) column.data[column.length++] = count;
  else appendVarint(column, count);
  if (appendCopy(column, source, start, count) === 0 || isUtf8(source.data, start, end)) return 0;
  column.length = before;
  appendRepaired(column, source.data.subarray(start, end), maxBytes);
  return REPLACED;
}

/** Appends an empty row. */
export function appendEmpty(column: Bytes): void {
  ensure(column, 1);
  column.data[column.length++] = 0;
}

/** The same text with everything that is not UTF-8 replaced, for dictionaries. */
export function repaired(data: Uint8Array): Bytes {
  return sourceOf(encoder.encode(decoder.decode(data)));
}

/** Whether the bytes are UTF-8 as Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function isUtf8(data: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = data[at]!;
    if (lead < 0x80) {
      at++;
      continue;
    }
    const size = sequenceLength(lead);
    if (size === 0 || at + size > end) return false;
    const second = data[at + 1]!;
    if (second < lowestSecond(lead) || second > highestSecond(lead)) return false;
    for (let i = 2; i < size; i++) if ((data[at + i]! & 0xc0) !== 0x80) return false;
    at += size;
  }
  return true;
}

/** The last position at or before `at` where a character begins. */
export function characterStart(data: Uint8Array, start: number, at: number): number {
  let cut = at;
  while (cut > start && cut > at - 4 && (data[cut]! & 0xc0) === 0x80) cut--;
  return (data[cut]! & 0xc0) === 0x80 ? at : cut;
}

function appendRepaired(column: Bytes, data: Uint8Array, maxBytes: number): void {
  // Each bad byte becomes three, so the limit may be passed again.
  const source = repaired(data);
  const size = source.data.length;
  const end = size > maxBytes ? characterStart(source.data, 0, maxBytes) : size;
  ensure(column, end + 8);
  appendVarint(column, end);
  appendCopy(column, source, 0, end);
}

function sequenceLength(lead: number): number {
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

function lowestSecond(lead: number): number {
  if (lead === 0xe0) return 0xa0;
  return lead === 0xf0 ? 0x90 : 0x80;
}

function highestSecond(lead: number): number {
  if (lead === 0xed) return 0x9f;
  return lead === 0xf4 ? 0x8f : 0xbf;
}
