// Repeated parts of a data point, as the arrays of its row: buckets, bounds, quantiles, exemplars.
import { appendFloat64, appendWord, type Bytes, ensure } from "../model/columns/bytes.ts";
import { endArray } from "../model/columns/column.ts";
import type { Table } from "../model/columns/table.ts";
import { appendAttributes, endMapRow } from "./attributes.ts";
import { appendId, appendWordAt, integerAt, SPAN_ID_BYTES, TRACE_ID_BYTES } from "./fields.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { noteRange, type Request, range, spendParts } from "./request.ts";
import { createSpans, noteSpan, type Spans } from "./spans.ts";
import { repair } from "./tally.ts";
import { readEnd, readSint32, readTag, readVarint64, skip, takeFixed64, type Wire } from "./wire.ts";

/** Appends 8-byte numbers that stand in the body as runs (packed) or one by one. Returns how many. */
export function appendRuns(column: Bytes, wire: Wire, runs: Spans): number {
  let count = 0;
  for (let i = 0; i < runs.count; i++) {
    const end = runs.at[i * 2 + 1]!;
    ensure(column, end - runs.at[i * 2]!);
    for (let at = runs.at[i * 2]!; at < end; at += 8, count++) {
      appendWord(column, wire.view.getInt32(at, true), wire.view.getInt32(at + 4, true));
    }
  }
  return count;
}

/** Appends the quantiles of a summary, and their values if there is a column for them. Returns how many. */
export function appendQuantiles(
  quantileColumn: Bytes,
  valueColumn: Bytes | undefined,
  wire: Wire,
  quantiles: Spans,
): number {
  for (let i = 0; i < quantiles.count; i++) {
    const end = quantiles.at[i * 2 + 1]!;
    let quantile = -1;
    let value = -1;
    wire.pos = quantiles.at[i * 2]!;
    while (wire.pos < end) {
      const tag = readTag(wire, end);
      if (tag === 0x09) quantile = takeFixed64(wire, end);
      else if (tag === 0x11) value = takeFixed64(wire, end);
      else skip(wire, tag, end);
    }
    appendWordAt(quantileColumn, wire, quantile);
    if (valueColumn !== undefined) appendWordAt(valueColumn, wire, value);
  }
  return quantiles.count;
}

export function exemplarWriter(table: Table, redactor: Redactor): (request: Request, exemplars: Spans) => void {
  const offsets = table.offsets("Exemplars");
  const maps = redactor.column(table.map("Exemplars.FilteredAttributes"));
  const [times, values] = [table.plain("Exemplars.TimeUnix"), table.plain("Exemplars.Value")];
  const [spanIds, traceIds] = [table.plain("Exemplars.SpanId"), table.plain("Exemplars.TraceId")];
  const [spanId, traceId, attributes] = [range(), range(), createSpans()];
  return (request, exemplars) => {
    const { wire, tally } = request;
    for (let i = 0; i < exemplars.count; i++) {
      const end = exemplars.at[i * 2 + 1]!;
      let time = -1;
      let value = 0;
      spanId.start = spanId.end = traceId.start = traceId.end = 0;
      attributes.count = 0;
      wire.pos = exemplars.at[i * 2]!;
      while (wire.pos < end) {
        const tag = readTag(wire, end);
        if (tag === 0x11) time = takeFixed64(wire, end);
        else if (tag === 0x19) value = wire.view.getFloat64(takeFixed64(wire, end), true);
        else if (tag === 0x31) value = integerAt(wire, takeFixed64(wire, end));
        else if (tag === 0x22) noteRange(spanId, wire, end);
        else if (tag === 0x2a) noteRange(traceId, wire, end);
        else if (tag === 0x3a) noteSpan(attributes, wire, end);
        else skip(wire, tag, end);
      }
      appendAttributes(maps, wire, attributes, tally);
      endMapRow(maps);
      appendWordAt(times, wire, time);
      ensure(values, 8);
      appendFloat64(values, value);
      if (!appendId(spanIds, wire, spanId, SPAN_ID_BYTES)) repair(tally, "link-id");
      if (!appendId(traceIds, wire, traceId, TRACE_ID_BYTES)) repair(tally, "link-id");
    }
    spendParts(request, exemplars.count);
    endArray(offsets, exemplars.count);
  };
}

/** Appends the counts of one side of an exponential histogram, packed or not, and returns its offset. */
export function appendBuckets(counts: Bytes, wire: Wire, start: number, end: number): number {
  let offset = 0;
  wire.pos = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    if (tag === 0x08) offset = readSint32(wire, end);
    else if (tag === 0x10) appendCount(counts, wire, end);
    else if (tag === 0x12) {
      const packedEnd = readEnd(wire, end);
      while (wire.pos < packedEnd) appendCount(counts, wire, packedEnd);
    } else skip(wire, tag, end);
  }
  return offset;
}

function appendCount(counts: Bytes, wire: Wire, end: number): void {
  readVarint64(wire, end);
  ensure(counts, 8);
  appendWord(counts, wire.low, wire.high);
}
