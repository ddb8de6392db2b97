// As much of a text as is looked at: its first 32 KiB and its last 4 KiB, gathered from the pieces it comes in.
import { characterStart } from "../../model/columns/text.ts";

export const HEAD_BYTES = 32 * 1024;
export const TAIL_BYTES = 4 * 1024;

export interface Sample {
  /** Head, then, if there was more, a line end and the tail. Valid up to `length` after {@link endSample}. */
  readonly bytes: Uint8Array;
  length: number;
  /** Of all pieces, seen or not; line ends put between them not counted. */
  totalBytes: number;
  pieces: number;
  /** Line ends put between pieces and before the tail. */
  joins: number;
  /** Where the last piece begins, -1 if that was not kept. */
  lastPiece: number;
  readonly tail: Uint8Array;
  tailLength: number;
}

export function createSample(): Sample {
  return {
    bytes: new Uint8Array(HEAD_BYTES + 1 + TAIL_BYTES),
    length: 0,
    totalBytes: 0,
    pieces: 0,
    joins: 0,
    lastPiece: 0,
    tail: new Uint8Array(TAIL_BYTES * 2),
    tailLength: 0,
  };
}

export function clearSample(sample: Sample): void {
  sample.length = sample.totalBytes = sample.pieces = sample.joins = sample.lastPiece = sample.tailLength = 0;
}

/** Adds `data[start, end)` as one piece. */
export function addPiece(sample: Sample, data: Uint8Array, start: number, end: number): void {
  if (sample.pieces++ > 0 && sample.length < HEAD_BYTES) {
    sample.bytes[sample.length++] = 0x0a;
    sample.joins++;
  }
  sample.lastPiece = sample.length < HEAD_BYTES ? sample.length : -1;
  sample.totalBytes += end - start;
  const room = Math.min(end - start, HEAD_BYTES - sample.length);
  copy(sample.bytes, sample.length, data, start, start + room);
  sample.length += room;
  const from = Math.max(start + room, end - TAIL_BYTES);
  if (from >= end) return;
  if (sample.tailLength + end - from > sample.tail.length) {
    sample.tail.copyWithin(0, sample.tailLength - TAIL_BYTES, sample.tailLength);
    sample.tailLength = TAIL_BYTES;
  }
  copy(sample.tail, sample.tailLength, data, from, end);
  sample.tailLength += end - from;
}

/** Puts the tail behind the head, both cut at characters. Nothing may be added afterwards. */
export function endSample(sample: Sample): void {
  if (sample.tailLength === 0) return;
  const { bytes, tail } = sample;
  let end = characterStart(bytes, 0, sample.length - 1);
  // A whole character may stand at the end, or one whose rest is missing.
  const lead = bytes[end]!;
  const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (end + size <= sample.length) end += size;
  let from = Math.max(0, sample.tailLength - TAIL_BYTES);
  for (let skipped = 0; skipped < 3 && (tail[from]! & 0xc0) === 0x80; skipped++) from++;
  bytes[end++] = 0x0a;
  sample.joins++;
  copy(bytes, end, tail, from, sample.tailLength);
  sample.length = end + sample.tailLength - from;
  sample.tailLength = 0;
}

/** A `set` of a subarray costs more than it saves on short pieces. */
function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, end: number): void {
  if (end - start > 64) to.set(from.subarray(start, end), at);
  else for (let i = start; i < end; i++) to[at + i - start] = from[i]!;
}
