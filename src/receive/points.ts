// Where the fields of a data point stand in the body, for all five kinds of metric.

import { integerAt } from "./fields.ts";
import { noteMessage, type Range, range } from "./request.ts";
import { addSpan, createSpans, noteSpan, type Spans } from "./spans.ts";
import { malformed, readInt32, readSint32, readTag, skip, takeFixed64, type Wire } from "./wire.ts";

/** Times, counts and sums are positions of 8 bytes, -1 if absent. */
export interface PointFields {
  readonly attributes: Spans;
  readonly exemplars: Spans;
  start: number;
  time: number;
  flags: number;
  /** Of a gauge or sum. */
  value: number;
  count: number;
  sum: number;
  min: number;
  max: number;
  /** Runs of 8-byte numbers. */
  readonly buckets: Spans;
  readonly bounds: Spans;
  /** Messages. */
  readonly quantiles: Spans;
  scale: number;
  zeroCount: number;
  readonly positive: Range;
  readonly negative: Range;
}

export function createPoint(): PointFields {
  return {
    attributes: createSpans(),
    exemplars: createSpans(),
    start: -1,
    time: -1,
    flags: 0,
    value: 0,
    count: -1,
    sum: -1,
    min: -1,
    max: -1,
    buckets: createSpans(),
    bounds: createSpans(),
    quantiles: createSpans(),
    scale: 0,
    zeroCount: -1,
    positive: range(),
    negative: range(),
  };
}

/** Reads a point of a metric of this type (an index into `metricTypes`). */
export function readPoint(wire: Wire, type: number, start: number, end: number, point: PointFields): void {
  clear(point);
  wire.pos = start;
  const readField =
    type < 2 ? readNumberField : type === 2 ? readHistogramField : type === 3 ? readExponentialField : readSummaryField;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x11) point.start = takeFixed64(wire, end);
    else if (tag === 0x19) point.time = takeFixed64(wire, end);
    else if (!readField(wire, tag, end, point)) skip(wire, tag, end);
  }
}

function readNumberField(wire: Wire, tag: number, end: number, point: PointFields): boolean {
  if (tag === 0x3a) noteSpan(point.attributes, wire, end);
  else if (tag === 0x21) point.value = wire.view.getFloat64(takeFixed64(wire, end), true);
  else if (tag === 0x31) point.value = integerAt(wire, takeFixed64(wire, end));
  else if (tag === 0x2a) noteSpan(point.exemplars, wire, end);
  else if (tag === 0x40) point.flags = readInt32(wire, end);
  else return false;
  return true;
}

function readHistogramField(wire: Wire, tag: number, end: number, point: PointFields): boolean {
  if (tag === 0x4a) noteSpan(point.attributes, wire, end);
  else if (tag === 0x21) point.count = takeFixed64(wire, end);
  else if (tag === 0x29) point.sum = takeFixed64(wire, end);
  else if (tag === 0x32) notePacked(point.buckets, wire, end);
  else if (tag === 0x31) noteSingle(point.buckets, wire, end);
  else if (tag === 0x3a) notePacked(point.bounds, wire, end);
  else if (tag === 0x39) noteSingle(point.bounds, wire, end);
  else if (tag === 0x42) noteSpan(point.exemplars, wire, end);
  else if (tag === 0x50) point.flags = readInt32(wire, end);
  else if (tag === 0x59) point.min = takeFixed64(wire, end);
  else if (tag === 0x61) point.max = takeFixed64(wire, end);
  else return false;
  return true;
}

function readExponentialField(wire: Wire, tag: number, end: number, point: PointFields): boolean {
  if (tag === 0x0a) noteSpan(point.attributes, wire, end);
  else if (tag === 0x21) point.count = takeFixed64(wire, end);
  else if (tag === 0x29) point.sum = takeFixed64(wire, end);
  else if (tag === 0x30) point.scale = readSint32(wire, end);
  else if (tag === 0x39) point.zeroCount = takeFixed64(wire, end);
  else if (tag === 0x42) noteMessage(point.positive, wire, end);
  else if (tag === 0x4a) noteMessage(point.negative, wire, end);
  else if (tag === 0x50) point.flags = readInt32(wire, end);
  else if (tag === 0x5a) noteSpan(point.exemplars, wire, end);
  else if (tag === 0x61) point.min = takeFixed64(wire, end);
  else if (tag === 0x69) point.max = takeFixed64(wire, end);
  else return false;
  return true;
}

function readSummaryField(wire: Wire, tag: number, end: number, point: PointFields): boolean {
  if (tag === 0x3a) noteSpan(point.attributes, wire, end);
  else if (tag === 0x21) point.count = takeFixed64(wire, end);
  else if (tag === 0x29) point.sum = takeFixed64(wire, end);
  else if (tag === 0x32) noteSpan(point.quantiles, wire, end);
  else if (tag === 0x40) point.flags = readInt32(wire, end);
  else return false;
  return true;
}

function notePacked(runs: Spans, wire: Wire, end: number): void {
  noteSpan(runs, wire, end);
  const last = runs.count * 2 - 2;
  if ((runs.at[last + 1]! - runs.at[last]!) % 8 !== 0)
    throw malformed(`packed 64-bit numbers at byte ${runs.at[last]} do not fill whole words`);
}

function noteSingle(runs: Spans, wire: Wire, end: number): void {
  const at = takeFixed64(wire, end);
  addSpan(runs, at, at + 8);
}

function clear(point: PointFields): void {
  for (const spans of [point.attributes, point.exemplars, point.buckets, point.bounds, point.quantiles])
    spans.count = 0;
  point.start = point.time = point.count = point.sum = point.min = point.max = point.zeroCount = -1;
  point.flags = point.value = point.scale = 0;
  point.positive.start = point.positive.end = point.negative.start = point.negative.end = 0;
}

/** One bucket more than bounds, or neither: anything else has no meaning. */
export function bucketsFit(point: PointFields): boolean {
  const buckets = runLength(point.buckets);
  const bounds = runLength(point.bounds);
  return buckets === bounds + 1 || (buckets === 0 && bounds === 0);
}

function runLength(runs: Spans): number {
  let bytes = 0;
  for (let i = 0; i < runs.count; i++) bytes += runs.at[i * 2 + 1]! - runs.at[i * 2]!;
  return bytes / 8;
}
