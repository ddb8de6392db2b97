// Where repeated fields of an item stand in the body.
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

function growSpans(spans: Spans): void {
  const larger = new Int32Array(spans.at.length * 2);
  larger.set(spans.at);
  spans.at = larger;
}
