// What a service written the usual way does with a trace request: protobufjs, row objects, JSONEachRow.
import { messages } from "../../test/receive/otlp-proto.ts";

interface Value {
  readonly value?: string;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: Long;
  readonly doubleValue?: number;
}
interface Long {
  toString(): string;
}
interface KeyValue {
  readonly key: string;
  readonly value: Value;
}
interface Span {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId: Uint8Array;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: Long;
  readonly endTimeUnixNano: Long;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly {
    readonly timeUnixNano: Long;
    readonly name: string;
    readonly attributes: readonly KeyValue[];
  }[];
  readonly status?: { readonly code: number; readonly message: string };
}
interface Request {
  readonly resourceSpans: readonly {
    readonly resource?: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly {
      readonly scope?: { readonly name: string; readonly version: string };
      readonly spans: readonly Span[];
    }[];
  }[];
}

const kinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const codes = ["Unset", "Ok", "Error"];

/** Message objects of a body; the number of spans in them. */
export function decodeObjects(body: Uint8Array): number {
  let spans = 0;
  for (const { scopeSpans } of decode(body).resourceSpans) for (const scope of scopeSpans) spans += scope.spans.length;
  return spans;
}

/** The body as JSONEachRow, for links-free spans; the number of rows in it. */
export function decodeToJsonRows(body: Uint8Array): number {
  const lines: string[] = [];
  for (const { resource, scopeSpans } of decode(body).resourceSpans) {
    const resourceAttributes = toMap(resource?.attributes ?? []);
    for (const { scope, spans } of scopeSpans) {
      for (const span of spans)
        lines.push(JSON.stringify(toRow(span, resourceAttributes, scope?.name ?? "", scope?.version ?? "")));
    }
  }
  Buffer.from(lines.join("\n"));
  return lines.length;
}

function decode(body: Uint8Array): Request {
  return messages.traces.decode(body) as unknown as Request;
}

function toRow(
  span: Span,
  resourceAttributes: Record<string, string>,
  scopeName: string,
  scopeVersion: string,
): object {
  const start = span.startTimeUnixNano.toString();
  return {
    Timestamp: start,
    TraceId: toHex(span.traceId),
    SpanId: toHex(span.spanId),
    ParentSpanId: toHex(span.parentSpanId),
    TraceState: span.traceState,
    SpanName: span.name,
    SpanKind: kinds[span.kind],
    ServiceName: resourceAttributes["service.name"] ?? "",
    ResourceAttributes: resourceAttributes,
    ScopeName: scopeName,
    ScopeVersion: scopeVersion,
    SpanAttributes: toMap(span.attributes),
    Duration: Number(BigInt(span.endTimeUnixNano.toString()) - BigInt(start)),
    StatusCode: codes[span.status?.code ?? 0],
    StatusMessage: span.status?.message ?? "",
    "Events.Timestamp": span.events.map((event) => event.timeUnixNano.toString()),
    "Events.Name": span.events.map((event) => event.name),
    "Events.Attributes": span.events.map((event) => toMap(event.attributes)),
  };
}

function toMap(attributes: readonly KeyValue[]): Record<string, string> {
  const map: Record<string, string> = {};
  for (const { key, value } of attributes)
    map[key] =
      value.value === "stringValue"
        ? value.stringValue!
        : String(value.intValue ?? value.doubleValue ?? value.boolValue);
  return map;
}

function toHex(bytes: Uint8Array): string {
  // protobufjs gives an array, not bytes, for a field that is absent.
  if (bytes.length === 0) return "";
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
