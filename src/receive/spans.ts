// Where repeated fields of an item stand in the body.
import { sameBytes } from "../model/columns/bytes.ts";
import { readEnd, type Wire } from "./wire.ts";

/** Starts and ends, alternating. */
export interface Spans {
  at: Int32Array;
  count: number;
}

export function createSpans(): Spans {
  return { at: new Int32Array(64), count: 0 };
}

/** Notes a field of the item and moves `wire.pos` past it. */
export function noteSpan(spans: Spans, wire: Wire, end: number): void {
  const fieldEnd = readEnd(wire, end);
  addSpan(spans, wire.pos, fieldEnd);
  wire.pos = fieldEnd;
}

export function addSpan(spans: Spans, start: number, end: number): void {
  const at = spans.count * 2;
  if (at === spans.at.length) growSpans(spans);
  spans.at[at] = start;
  spans.at[at + 1] = end;
  spans.count++;
}

/** Whether both hold the same bytes of the body, piece by piece. */
export function sameSpans(wire: Wire, a: Spans, b: Spans): boolean {
  if (a.count !== b.count) return false;
  for (let i = 0; i < a.count * 2; i += 2) {
    const length = a.at[i + 1]! - a.at[i]!;
    if (b.at[i + 1]! - b.at[i]! !== length) return false;
    if (!sameBytes(wire.source, a.at[i]!, wire.source, b.at[i]!, length)) return false;
  }
  return true;
}

export function copySpans(from: Spans, to: Spans): void {
  while (to.at.length < from.count * 2) growSpans(to);
  for (let i = 0; i < from.count * 2; i++) to.at[i] = from.at[i]!;
  to.count = from.count;
}

function growSpans(spans: Spans): void {
  const larger = new Int32Array(spans.at.length * 2);
  larger.set(spans.at);
  spans.at = larger;
}
