// ExportTraceServiceRequest -> rows of otel_traces.
import { appendWord, ensure, textSource } from "../model/columns/bytes.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import { createTable, type Table } from "../model/columns/table.ts";
import { appendText } from "../model/columns/text.ts";
import { spanKinds, statusCodes } from "../model/otel-schema.ts";
import { appendAttributes, endMapRow } from "./attributes.ts";
import { appendCheckedId, appendId, isId, isOptionalId, SPAN_ID_BYTES, TRACE_ID_BYTES } from "./fields.ts";
import { limits } from "./limits.ts";
import type { Redactor } from "./privacy/redactor.ts";
import { appendMessage } from "./privacy/status-message.ts";
import { appendRepeated, createRepeat, noteRange, type Request, range, spendItems, timeFits, walk } from "./request.ts";
import { createSpan, readSpan } from "./span-fields.ts";
import { eventWriter, linkWriter } from "./span-parts.ts";
import { reject, repair } from "./tally.ts";
import { noteTextCoverage } from "./text-coverage.ts";
import { countText } from "./values.ts";
import { readInt32, readTag, skip } from "./wire.ts";

export interface TraceDecoder {
  readonly tables: readonly Table[];
  /** Appends every acceptable span. Throws Malformed or TooLarge; the caller then rolls the table back. */
  decode(request: Request): void;
}

const none = textSource("");
const kinds = spanKinds.map(textSource);
const codes = statusCodes.map(textSource);

export function createTraceDecoder(redactor: Redactor): TraceDecoder {
  const table = createTable("otel_traces");
  const timestamp = table.plain("Timestamp");
  const traceId = table.plain("TraceId");
  const spanId = table.plain("SpanId");
  const parentSpanId = table.plain("ParentSpanId");
  const traceState = table.plain("TraceState");
  const spanName = table.low("SpanName");
  const spanKind = table.low("SpanKind");
  const serviceName = table.low("ServiceName");
  const resourceAttributes = redactor.column(table.map("ResourceAttributes"));
  const scopeName = table.plain("ScopeName");
  const scopeVersion = table.plain("ScopeVersion");
  const spanAttributes = redactor.column(table.map("SpanAttributes"), true);
  const duration = table.plain("Duration");
  const statusCode = table.low("StatusCode");
  const statusMessage = table.plain("StatusMessage");
  const appendEvents = eventWriter(table, redactor);
  const appendLinks = linkWriter(table, redactor);
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
    if (!isId(wire, span.spanId, SPAN_ID_BYTES) || !isOptionalId(span.parentId, SPAN_ID_BYTES)) {
      reject(tally, "span-id");
      return;
    }
    if (!timeFits(request, startLow, startHigh)) return;
    ensure(timestamp, 8);
    appendWord(timestamp, startLow, startHigh);
    appendCheckedId(traceId, wire, span.traceId, TRACE_ID_BYTES);
    appendCheckedId(spanId, wire, span.spanId, SPAN_ID_BYTES);
    appendId(parentSpanId, wire, span.parentId, SPAN_ID_BYTES);
    countText(appendText(traceState, wire.source, span.state.start, span.state.end, limits.nameBytes), tally);
    // Names of one length are mostly one name, so the length is where to look for the name among those seen.
    const nameLength = span.name.end - span.name.start;
    countText(appendLow(spanName, wire.source, span.name.start, span.name.end, nameLength, limits.nameBytes), tally);
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
    redactor.ledger.begin();
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
    noteTextCoverage(request, redactor.ledger);
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
    appendMessage(statusMessage, wire.source, message, redactor, tally);
  }

  return {
    tables: [table],
    decode(request) {
      walk(request, (start, end) => {
        spendItems(request, 1);
        readSpan(request.wire, start, end, span);
        append(request);
      });
    },
  };
}
