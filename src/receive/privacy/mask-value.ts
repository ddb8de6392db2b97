// Masked text into a String column, and what a decoder passes along to have text inside JSON values masked too.
import { type Bytes, sourceOf } from "../../model/columns/bytes.ts";
import { appendText } from "../../model/columns/text.ts";
import { noteFound, redact, type Tally } from "../tally.ts";
import { maskText } from "./mask.ts";
import type { Redactor } from "./redactor.ts";
import { spanLengthMax } from "./spans.ts";

/** How text inside a value is treated on its way to JSON. */
export interface InsideValue {
  readonly redactor: Redactor;
  readonly masks: boolean;
  readonly tally: Tally;
}

/** The bytes with what was found replaced and counted; undefined if there was nothing. */
export function masked(source: Bytes, start: number, end: number, tally: Tally): Uint8Array | undefined {
  const result = maskText(source.data, start, end);
  if (result === undefined) return undefined;
  redact(tally, "masked");
  for (const [kind, times] of result.found) noteFound(tally, kind, times);
  return result.bytes;
}

/**
 * Appends a row, masked before it is cut at `maxBytes`: a key cut in half is no longer recognised as one. Of longer
 * text, as much more is looked at as the longest thing looked for has bytes, and that much of the end is let go.
 */
export function appendMasked(
  column: Bytes,
  source: Bytes,
  start: number,
  end: number,
  maxBytes: number,
  tally: Tally,
): number {
  const seenEnd = Math.min(end, start + maxBytes + spanLengthMax);
  const bytes = masked(source, start, seenEnd, tally);
  if (bytes === undefined) return appendText(column, source, start, end, maxBytes);
  const limit = seenEnd === end ? maxBytes : Math.min(maxBytes, Math.max(0, bytes.length - spanLengthMax));
  return appendText(column, sourceOf(bytes), 0, bytes.length, limit);
}
