// ExportTraceServiceRequest -> rows of otel_traces.
import { appendWord, ensure, textSource } from "../model/columns/bytes.ts";
import { endArray, type MapColumn } from "../model/columns/column.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import { createTable, type Table } from "../model/columns/table.ts";
import { appendText } from "../model/columns/text.ts";
import { spanKinds, statusCodes } from "../model/otel-schema.ts";
import { appendAttributes, countText, endMapRow } from "./attributes.ts";
import { addSpan, createSpans, noteSpan, type Spans } from "./spans.ts";
import { appendId, appendWordAt, isId, isOptionalId, SPAN_ID_BYTES, TRACE_ID_BYTES } from "./fields.ts";
import { limits } from "./limits.ts";
import {
  appendRepeated,
  createRepeat,
  noteRange,
  type Range,
  type Request,
  range,
  spendParts,
  timeFits,
  walk,
} from "./request.ts";
import { reject, repair } from "./tally.ts";
import { malformed, readInt32, readTag, readVarint, skip, takeFixed64, type Wire } from "./wire.ts";

export interface TraceDecoder {
  readonly tables: readonly Table[];
  /** Appends every acceptable span. Throws Malformed or TooLarge; the caller then rolls the table back. */
  decode(request: Request): void;
}

const none = textSource("");
const kinds = spanKinds.map(textSource);
const codes = statusCodes.map(textSource);

export function createTraceDecoder(): TraceDecoder {
  const table = createTable("otel_traces");
  const timestamp = table.plain("Timestamp");
  const traceId = table.plain("TraceId");
  const spanId = table.plain("SpanId");
  const parentSpanId = table.plain("ParentSpanId");
  const traceState = table.plain("TraceState");
  const spanName = table.low("SpanName");
  const spanKind = table.low("SpanKind");
  const serviceName = table.low("ServiceName");
  const resourceAttributes = table.map("ResourceAttributes");
  const scopeName = table.plain("ScopeName");
  const scopeVersion = table.plain("ScopeVersion");
  const spanAttributes = table.map("SpanAttributes");
  const duration = table.plain("Duration");
  const statusCode = table.low("StatusCode");
  const statusMessage = table.plain("StatusMessage");
  const appendEvents = eventWriter(table);
  const appendLinks = linkWriter(table);
  const repeat = createRepeat();
  const span = createSpan();
  const message = range();

  function append(request: Request): void {
    const { wire, origin, tally } = request;
    const { view } = wire;
    const startLow = span.start < 0 ? 0 : view.getUint32(span.start, true);
    const startHigh = span.start < 0 ? 0 : view.getUint32(span.start + 4, true);
    const endLow = span.end < 0 ? 0 : view.getUint32(span.end, true);
    const endHigh = span.end < 0 ? 0 : view.getUint32(span.end + 4, true);
    if (!isId(wire, span.traceId, TRACE_ID_BYTES)) {
      reject(tally, "trace-id");
      return;
    }
    if (!isId(wire, span.spanId, SPAN_ID_BYTES) || !isOptionalId(span.parentId, SPAN_ID_BYTES))
      return reject(tally, "span-id");
    if (!timeFits(request, startLow, startHigh)) return;
    ensure(timestamp, 8);
    appendWord(timestamp, startLow, startHigh);
    appendId(traceId, wire, span.traceId, TRACE_ID_BYTES);
    appendId(spanId, wire, span.spanId, SPAN_ID_BYTES);
    appendId(parentSpanId, wire, span.parentId, SPAN_ID_BYTES);
    countText(appendText(traceState, wire.source, span.state.start, span.state.end, limits.nameBytes), tally);
    countText(appendLow(spanName, wire.source, span.name.start, span.name.end, table.rows, limits.nameBytes), tally);
    const kind = kinds[span.kind] ?? none;
    appendLow(spanKind, kind, 0, kind.data.length, span.kind, limits.nameBytes);
    appendLow(serviceName, origin.service, origin.serviceText.start, origin.serviceText.end, 0, limits.nameBytes);
    appendRepeated(resourceAttributes, repeat, origin.resourceSerial, origin.resource, request);
    countText(
      appendText(scopeName, wire.source, origin.scopeName.start, origin.scopeName.end, limits.nameBytes),
      tally,
    );
    countText(
      appendText(scopeVersion, wire.source, origin.scopeVersion.start, origin.scopeVersion.end, limits.nameBytes),
      tally,
    );
    appendAttributes(spanAttributes, wire, span.attributes, tally);
    endMapRow(spanAttributes);
    ensure(duration, 8);
    if (endHigh < startHigh || (endHigh === startHigh && endLow < startLow)) {
      appendWord(duration, 0, 0);
      if ((endLow | endHigh) !== 0) repair(tally, "negative-duration");
    } else appendWord(duration, endLow - startLow, endHigh - startHigh - (endLow < startLow ? 1 : 0));
    appendStatus(request);
    appendEvents(request, span.events);
    appendLinks(request, span.links);
    table.rows++;
    request.accepted++;
  }

  function appendStatus(request: Request): void {
    const { wire, tally } = request;
    let code = 0;
    message.start = message.end = 0;
    wire.pos = span.status.start;
    while (wire.pos < span.status.end) {
      const tag = readTag(wire, span.status.end);
      if (tag === 0x12) noteRange(message, wire, span.status.end);
      else if (tag === 0x18) code = readInt32(wire, span.status.end);
      else skip(wire, tag, span.status.end);
    }
    const text = codes[code] ?? none;
    appendLow(statusCode, text, 0, text.data.length, code, limits.nameBytes);
    countText(appendText(statusMessage, wire.source, message.start, message.end, limits.nameBytes), tally);
  }

  return {
    tables: [table],
    decode(request) {
      walk(request, (start, end) => {
        readSpan(request.wire, start, end, span);
        append(request);
      });
    },
  };
}

/** Where the fields of a span stand; times are positions, -1 if absent. */
interface SpanFields {
  readonly traceId: Range;
  readonly spanId: Range;
  readonly parentId: Range;
  readonly state: Range;
  readonly name: Range;
  readonly status: Range;
  kind: number;
  start: number;
  end: number;
  readonly attributes: Spans;
  readonly events: Spans;
  readonly links: Spans;
}

function createSpan(): SpanFields {
  return {
    traceId: range(),
    spanId: range(),
    parentId: range(),
    state: range(),
    name: range(),
    status: range(),
    kind: 0,
    start: -1,
    end: -1,
    attributes: createSpans(),
    events: createSpans(),
    links: createSpans(),
  };
}

/**
 * Notes where the fields of a span stand. The usual case, tags and lengths of one byte, is written out on local
 * variables; everything else goes through the reader's functions.
 */
function readSpan(wire: Wire, start: number, end: number, span: SpanFields): void {
  span.traceId.end = span.spanId.end = span.parentId.end = span.state.end = span.name.end = span.status.end = 0;
  span.traceId.start =
    span.spanId.start =
    span.parentId.start =
    span.state.start =
    span.name.start =
    span.status.start =
      0;
  span.kind = 0;
  span.start = span.end = -1;
  span.attributes.count = span.events.count = span.links.count = 0;
  const { data } = wire;
  let at = start;
  while (at < end) {
    let tag = data[at++]!;
    if (tag > 0x7f || tag < 8) {
      wire.pos = at - 1;
      tag = readTag(wire, end);
      at = wire.pos;
    }
    if ((tag & 7) === 2) {
      let length = data[at++]!;
      if (length > 0x7f) {
        wire.pos = at - 1;
        length = readVarint(wire, end);
        at = wire.pos;
      }
      const fieldEnd = at + length;
      // Also true of NaN, which is what a length beyond the body makes.
      if (!(fieldEnd <= end)) throw malformed(`a field at byte ${at} runs past the end of its span`);
      noteField(span, tag, at, fieldEnd);
      at = fieldEnd;
      continue;
    }
    wire.pos = at;
    if (tag === 0x39) span.start = takeFixed64(wire, end);
    else if (tag === 0x41) span.end = takeFixed64(wire, end);
    else if (tag === 0x30) span.kind = readInt32(wire, end);
    else skip(wire, tag, end);
    at = wire.pos;
  }
}

function noteField(span: SpanFields, tag: number, start: number, end: number): void {
  switch (tag) {
    case 0x4a:
      addSpan(span.attributes, start, end);
      break;
    case 0x0a:
      setRange(span.traceId, start, end);
      break;
    case 0x12:
      setRange(span.spanId, start, end);
      break;
    case 0x1a:
      setRange(span.state, start, end);
      break;
    case 0x22:
      setRange(span.parentId, start, end);
      break;
    case 0x2a:
      setRange(span.name, start, end);
      break;
    case 0x5a:
      addSpan(span.events, start, end);
      break;
    case 0x6a:
      addSpan(span.links, start, end);
      break;
    case 0x7a:
      setRange(span.status, start, end);
      break;
  }
}

function setRange(range: Range, start: number, end: number): void {
  range.start = start;
  range.end = end;
}

function eventWriter(table: Table): (request: Request, events: Spans) => void {
  const offsets = table.offsets("Events");
  const times = table.plain("Events.Timestamp");
  const names = table.low("Events.Name");
  const maps = table.map("Events.Attributes");
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
      appendAttributes(maps, wire, attributes, tally);
      endMapRow(maps);
    }
    spendParts(request, events.count);
    endArray(offsets, events.count);
  };
}

function linkWriter(table: Table): (request: Request, links: Spans) => void {
  const offsets = table.offsets("Links");
  const traceIds = table.plain("Links.TraceId");
  const spanIds = table.plain("Links.SpanId");
  const states = table.plain("Links.TraceState");
  const maps: MapColumn = table.map("Links.Attributes");
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
