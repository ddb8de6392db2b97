// Where the fields of a span stand in the body.
import { type Range, range } from "./request.ts";
import { addSpan, createSpans, type Spans } from "./spans.ts";
import { malformed, meetAgain, readInt32, readTag, readVarint, skip, type Wire } from "./wire.ts";

/** Times are positions, -1 if absent. */
export interface SpanFields {
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

export function createSpan(): SpanFields {
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
export function readSpan(wire: Wire, start: number, end: number, span: SpanFields): void {
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
  const { attributes } = span;
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
      const next = attributes.count * 2;
      if (tag === 0x4a && next < attributes.at.length) {
        attributes.at[next] = at;
        attributes.at[next + 1] = fieldEnd;
        attributes.count++;
      } else noteField(wire, span, tag, at, fieldEnd);
      at = fieldEnd;
    } else if ((tag & 7) === 1) {
      if (at + 8 > end) throw malformed(`a 64-bit number at byte ${at} is cut off`);
      if (tag === 0x39) span.start = at;
      else if (tag === 0x41) span.end = at;
      at += 8;
    } else {
      wire.pos = at;
      if (tag === 0x30) span.kind = readInt32(wire, end);
      else skip(wire, tag, end);
      at = wire.pos;
    }
  }
}

function noteField(wire: Wire, span: SpanFields, tag: number, start: number, end: number): void {
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
      if (span.status.end !== 0) meetAgain(wire);
      setRange(span.status, start, end);
      break;
  }
}

function setRange(range: Range, start: number, end: number): void {
  range.start = start;
  range.end = end;
}
