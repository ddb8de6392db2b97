// Fixed-size values off the wire into columns: ids as hex, 64-bit words as they are.
import { appendHex, appendWord, type Bytes, ensure } from "../model/columns/bytes.ts";
import { appendEmpty } from "../model/columns/text.ts";
import { int64Number } from "./numbers.ts";
import type { Range } from "./request.ts";
import type { Wire } from "./wire.ts";

export const TRACE_ID_BYTES = 16;
export const SPAN_ID_BYTES = 8;

/** Right length and not all zero. */
export function isId(wire: Wire, id: Range, bytes: number): boolean {
  if (id.end - id.start !== bytes) return false;
  let any = 0;
  for (let at = id.start; at < id.end; at += 4) any |= wire.view.getInt32(at, true);
  return any !== 0;
}

/** Absent, all zero, or an id: what an optional id may be. */
export function isOptionalId(id: Range, bytes: number): boolean {
  return id.start === id.end || id.end - id.start === bytes;
}

/** Appends an id as a row; an absent, all-zero or ill-formed one as an empty string. Returns false for an ill-formed one. */
export function appendId(column: Bytes, wire: Wire, id: Range, bytes: number): boolean {
  if (isId(wire, id, bytes)) {
    appendCheckedId(column, wire, id, bytes);
    return true;
  }
  appendEmpty(column);
  return isOptionalId(id, bytes);
}

/** Appends an id that {@link isId} found good. */
export function appendCheckedId(column: Bytes, wire: Wire, id: Range, bytes: number): void {
  ensure(column, bytes * 2 + 1);
  column.data[column.length++] = bytes * 2;
  appendHex(column, wire.source, id.start, bytes);
}

/** Appends the 64-bit word at a position of the body, or 0 for one that is absent (-1). */
export function appendWordAt(column: Bytes, wire: Wire, at: number): void {
  ensure(column, 8);
  if (at < 0) appendWord(column, 0, 0);
  else appendWord(column, wire.view.getInt32(at, true), wire.view.getInt32(at + 4, true));
}

/** A sfixed64 of the body as the nearest double. */
export function integerAt(wire: Wire, at: number): number {
  return int64Number(wire.view.getInt32(at, true), wire.view.getInt32(at + 4, true));
}
