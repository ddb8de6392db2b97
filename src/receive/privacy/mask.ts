// Replaces what a scan found: `[email]`, `[card]`, … Lengths change, so the result is a new array; nothing found, no copy.
import { scanText } from "./scan.ts";
import { type SpanKind, spanKinds } from "./spans.ts";

const utf8 = new TextEncoder();
const labels = Object.fromEntries(spanKinds.map((kind) => [kind, utf8.encode(`[${kind}]`)])) as Record<
  SpanKind,
  Uint8Array
>;

export interface Masked {
  readonly bytes: Uint8Array;
  /** How many of each kind were replaced. */
  readonly found: ReadonlyMap<SpanKind, number>;
}

/** Masks `bytes[from, to)`; undefined when there is nothing to mask. */
export function maskText(bytes: Uint8Array, from: number, to: number): Masked | undefined {
  const spans = scanText(bytes, from, to);
  if (spans.length === 0) return undefined;
  const found = new Map<SpanKind, number>();
  let size = to - from;
  for (const { start, end, kind } of spans) {
    size += labels[kind].length - (end - start);
    found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  const out = new Uint8Array(size);
  let written = 0;
  let read = from;
  for (const { start, end, kind } of spans) {
    out.set(bytes.subarray(read, start), written);
    written += start - read;
    out.set(labels[kind], written);
    written += labels[kind].length;
    read = end;
  }
  out.set(bytes.subarray(read, to), written);
  return { bytes: out, found };
}
