// ExportLogsServiceRequest -> rows of otel_logs.
import { appendByte, appendWord, ensure } from "../model/columns/bytes.ts";
import { appendLow } from "../model/columns/dictionary.ts";
import { createTable, type Table } from "../model/columns/table.ts";
import { appendEmpty, appendText } from "../model/columns/text.ts";
import { appendAttributes, appendLength, contentEventOf, endMapRow } from "./attributes.ts";
import { collectValue } from "./content.ts";
import { appendId, isOptionalId, SPAN_ID_BYTES, TRACE_ID_BYTES } from "./fields.ts";
import { limits } from "./limits.ts";
import { bodyCarrier, eventSide, isContentEvent } from "./privacy/carriers.ts";
import { bodyLengthKey, DROP, KEEP, MASK, type Redactor } from "./privacy/redactor.ts";
import {
  appendRepeated,
  createRepeat,
  noteMessage,
  noteRange,
  type Request,
  range,
  spendItems,
  timeFits,
  walk,
} from "./request.ts";
import { createSpans, noteSpan } from "./spans.ts";
import { reject } from "./tally.ts";
import { noteTextCoverage } from "./text-coverage.ts";
import { appendValue, countText, valueLength } from "./values.ts";
import { readFixed32, readInt32, readTag, skip, takeFixed64, type Wire } from "./wire.ts";

export interface LogDecoder {
  readonly tables: readonly Table[];
  /** Appends every acceptable record. Throws Malformed or TooLarge; the caller then rolls the table back. */
  decode(request: Request): void;
}

export function createLogDecoder(redactor: Redactor): LogDecoder {
  const table = createTable("otel_logs");
  const timestamp = table.plain("Timestamp");
  const traceId = table.plain("TraceId");
  const spanId = table.plain("SpanId");
  const traceFlags = table.plain("TraceFlags");
  const severityText = table.low("SeverityText");
  const severityNumber = table.plain("SeverityNumber");
  const serviceName = table.low("ServiceName");
  const body = table.plain("Body");
  const resourceSchemaUrl = table.low("ResourceSchemaUrl");
  const resourceAttributes = redactor.column(table.map("ResourceAttributes"));
  const scopeSchemaUrl = table.low("ScopeSchemaUrl");
  const scopeName = table.plain("ScopeName");
  const scopeVersion = table.low("ScopeVersion");
  const scopeAttributes = redactor.column(table.map("ScopeAttributes"));
  const logAttributes = redactor.column(table.map("LogAttributes"), true);
  const eventName = table.plain("EventName");
  const resourceRepeat = createRepeat();
  const scopeRepeat = createRepeat();
  const record = createRecord();

  function append(request: Request): void {
    const { wire, origin, tally } = request;
    const { source } = wire;
    if (!isOptionalId(record.traceId, TRACE_ID_BYTES)) {
      reject(tally, "trace-id");
      return;
    }
    if (!isOptionalId(record.spanId, SPAN_ID_BYTES)) {
      reject(tally, "span-id");
      return;
    }
    const [low, high] = timeOf(request);
    if (!timeFits(request, low, high)) return;
    ensure(timestamp, 8);
    appendWord(timestamp, low, high);
    appendId(traceId, wire, record.traceId, TRACE_ID_BYTES);
    appendId(spanId, wire, record.spanId, SPAN_ID_BYTES);
    ensure(traceFlags, 1);
    appendByte(traceFlags, record.flags & 0xff);
    countText(
      appendLow(severityText, source, record.severityText.start, record.severityText.end, 0, limits.nameBytes),
      tally,
    );
    ensure(severityNumber, 1);
    appendByte(severityNumber, record.severity > 0 && record.severity < 256 ? record.severity : 0);
    appendLow(serviceName, origin.service, origin.serviceText.start, origin.serviceText.end, 0, limits.nameBytes);
    redactor.ledger.begin();
    const isContent = namesContent(wire);
    const bodyAction = isContent && redactor.content !== KEEP ? redactor.content : redactor.logBodies;
    const dropsBody = (bodyAction === DROP || redactor.logBodies === DROP) && record.body.end > record.body.start;
    if (dropsBody) appendEmpty(body);
    else {
      const { start, end } = record.body;
      appendValue(body, wire, start, end, limits.bodyBytes, tally, redactor, bodyAction === MASK);
    }
    const { resourceSchema, scopeSchema } = origin;
    countText(
      appendLow(resourceSchemaUrl, source, resourceSchema.start, resourceSchema.end, 0, limits.nameBytes),
      tally,
    );
    appendRepeated(resourceAttributes, resourceRepeat, origin.resourceSerial, origin.resource, request);
    countText(appendLow(scopeSchemaUrl, source, scopeSchema.start, scopeSchema.end, 0, limits.nameBytes), tally);
    countText(appendText(scopeName, source, origin.scopeName.start, origin.scopeName.end, limits.nameBytes), tally);
    countText(
      appendLow(scopeVersion, source, origin.scopeVersion.start, origin.scopeVersion.end, 0, limits.nameBytes),
      tally,
    );
    appendRepeated(scopeAttributes, scopeRepeat, origin.scopeSerial, origin.scope, request);
    if (isContent) collectValue(redactor.ledger, bodyCarrier, wire, record.body.start, record.body.end);
    appendAttributes(logAttributes, wire, record.attributes, tally, isContent);
    if (dropsBody) {
      const length = valueLength(wire, record.body.start, record.body.end);
      appendLength(logAttributes, bodyLengthKey, length, limits.attributes, tally);
    }
    endMapRow(logAttributes);
    countText(appendText(eventName, source, record.eventName.start, record.eventName.end, limits.nameBytes), tally);
    noteTextCoverage(request, redactor.ledger);
    table.rows++;
    request.accepted++;
  }

  /** Whether the record is an event that carries a prompt or a completion, by either way to name an event; notes whose. */
  function namesContent(wire: Wire): boolean {
    const { start, end } = record.eventName;
    if (start < end) {
      const isContent = isContentEvent(wire.data, start, end);
      if (isContent) redactor.ledger.side = eventSide(wire.data, start, end);
      return isContent;
    }
    const { isContent, side } = contentEventOf(wire, record.attributes);
    redactor.ledger.side = side;
    return isContent;
  }

  /** When it happened, else when it was seen, else when it arrived here: the first that is not zero. */
  function timeOf(request: Request): readonly [low: number, high: number] {
    const { view } = request.wire;
    for (const at of [record.time, record.observed]) {
      if (at < 0) continue;
      const low = view.getInt32(at, true);
      const high = view.getInt32(at + 4, true);
      if ((low | high) !== 0) return [low, high];
    }
    const now = BigInt(Math.floor(request.nowMs)) * 1_000_000n;
    return [Number(BigInt.asIntN(32, now)), Number(now >> 32n)];
  }

  return {
    tables: [table],
    decode(request) {
      walk(request, (start, end) => {
        spendItems(request, 1);
        readRecord(request.wire, start, end, record);
        append(request);
      });
    },
  };
}

/** Where the fields of a log record stand; times are positions, -1 if absent. */
type LogFields = ReturnType<typeof createRecord>;

function createRecord() {
  return {
    time: -1,
    observed: -1,
    severity: 0,
    flags: 0,
    severityText: range(),
    body: range(),
    traceId: range(),
    spanId: range(),
    eventName: range(),
    attributes: createSpans(),
  };
}

function readRecord(wire: Wire, start: number, end: number, record: LogFields): void {
  record.time = record.observed = -1;
  record.severity = record.flags = 0;
  for (const field of [record.severityText, record.body, record.traceId, record.spanId, record.eventName]) {
    field.start = field.end = 0;
  }
  record.attributes.count = 0;
  wire.pos = start;
  while (wire.pos < end) {
    const tag = readTag(wire, end);
    switch (tag) {
      case 0x09:
        record.time = takeFixed64(wire, end);
        break;
      case 0x59:
        record.observed = takeFixed64(wire, end);
        break;
      case 0x10:
        record.severity = readInt32(wire, end);
        break;
      case 0x1a:
        noteRange(record.severityText, wire, end);
        break;
      case 0x2a:
        noteMessage(record.body, wire, end);
        break;
      case 0x32:
        noteSpan(record.attributes, wire, end);
        break;
      case 0x45:
        record.flags = readFixed32(wire, end);
        break;
      case 0x4a:
        noteRange(record.traceId, wire, end);
        break;
      case 0x52:
        noteRange(record.spanId, wire, end);
        break;
      case 0x62:
        noteRange(record.eventName, wire, end);
        break;
      default:
        skip(wire, tag, end);
    }
  }
}
