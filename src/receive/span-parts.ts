// Events and links of a span, as the arrays of its row.
import { endArray } from "../model/columns/column.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import type { Table } from "../model/columns/table.ts";
import { appendText } from "../model/columns/text.ts";
import { appendAttributes, endMapRow } from "./attributes.ts";
import { appendId, appendWordAt, SPAN_ID_BYTES, TRACE_ID_BYTES } from "./fields.ts";
import { limits } from "./limits.ts";
import { eventSide, isContentEvent } from "./privacy/carriers.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { noteRange, type Request, range, spendParts } from "./request.ts";
import { createSpans, noteSpan, type Spans } from "./spans.ts";
import { repair } from "./tally.ts";
import { countText } from "./values.ts";
import { readTag, skip, takeFixed64 } from "./wire.ts";

export function eventWriter(table: Table, redactor: Redactor): (request: Request, events: Spans) => void {
  const offsets = table.offsets("Events");
  const times = table.plain("Events.Timestamp");
  const names = table.low("Events.Name");
  const maps = redactor.column(table.map("Events.Attributes"), true);
  const name = range();
  const attributes = createSpans();
  return (request, events) => {
    const { wire, tally } = request;
    if (events.count === 0) {
      endArray(offsets, 0);
      return;
    }
    for (let i = 0; i < events.count; i++) {
      const end = events.at[i * 2 + 1]!;
      let time = -1;
      name.start = name.end = 0;
      attributes.count = 0;
      wire.pos = events.at[i * 2]!;
      while (wire.pos < end) {
        const tag = readTag(wire, end);
        if (tag === 0x09) time = takeFixed64(wire, end);
        else if (tag === 0x12) noteRange(name, wire, end);
        else if (tag === 0x1a) noteSpan(attributes, wire, end);
        else skip(wire, tag, end);
      }
      appendWordAt(times, wire, time);
      countText(appendLow(names, wire.source, name.start, name.end, i, limits.nameBytes), tally);
      const isContent = isContentEvent(wire.data, name.start, name.end);
      if (isContent) redactor.ledger.side = eventSide(wire.data, name.start, name.end);
      appendAttributes(maps, wire, attributes, tally, isContent);
      endMapRow(maps);
    }
    spendParts(request, events.count);
    endArray(offsets, events.count);
  };
}

export function linkWriter(table: Table, redactor: Redactor): (request: Request, links: Spans) => void {
  const offsets = table.offsets("Links");
  const traceIds = table.plain("Links.TraceId");
  const spanIds = table.plain("Links.SpanId");
  const states = table.plain("Links.TraceState");
  const maps = redactor.column(table.map("Links.Attributes"));
  const [traceId, spanId, state] = [range(), range(), range()];
  const attributes = createSpans();
  return (request, links) => {
    const { wire, tally } = request;
    if (links.count === 0) {
      endArray(offsets, 0);
      return;
    }
    for (let i = 0; i < links.count; i++) {
      const end = links.at[i * 2 + 1]!;
      traceId.start = traceId.end = spanId.start = spanId.end = state.start = state.end = 0;
      attributes.count = 0;
      wire.pos = links.at[i * 2]!;
      while (wire.pos < end) {
        const tag = readTag(wire, end);
        if (tag === 0x0a) noteRange(traceId, wire, end);
        else if (tag === 0x12) noteRange(spanId, wire, end);
        else if (tag === 0x1a) noteRange(state, wire, end);
        else if (tag === 0x22) noteSpan(attributes, wire, end);
        else skip(wire, tag, end);
      }
      if (!appendId(traceIds, wire, traceId, TRACE_ID_BYTES)) repair(tally, "link-id");
      if (!appendId(spanIds, wire, spanId, SPAN_ID_BYTES)) repair(tally, "link-id");
      countText(appendText(states, wire.source, state.start, state.end, limits.nameBytes), tally);
      appendAttributes(maps, wire, attributes, tally);
      endMapRow(maps);
    }
    spendParts(request, links.count);
    endArray(offsets, links.count);
  };
}
