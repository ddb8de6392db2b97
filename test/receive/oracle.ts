// The rows a request should become, from what protobufjs makes of it: written without regard to speed, to compare with.
import type protobuf from "protobufjs";
import type { Signal } from "../../src/receive/decoder.ts";
import { messages } from "./otlp-proto.ts";
import type { Row } from "./read-native.ts";

interface AnyValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
  readonly bytesValue?: string;
}
interface KeyValue {
  readonly key?: string;
  readonly value?: AnyValue;
}
type Pairs = (readonly [string, string])[];
// biome-ignore lint/suspicious/noExplicitAny: protobufjs gives plain objects of any shape, and the oracle reads them as such
type Loose = any;

/** Plain JSON of a body, as protobufjs reads it. Throws if it refuses the body. */
export function read(signal: Signal, body: Uint8Array): Loose {
  return plain(signal, messages[signal].decode(body));
}

function plain(signal: Signal, message: protobuf.Message): Loose {
  return messages[signal].toObject(message, { longs: String, bytes: String });
}

function spanRows(request: Loose): Row[] {
  return items(request.resourceSpans, "scopeSpans", "spans").map(({ resource, scope, item: span }) => {
    const start = BigInt(span.startTimeUnixNano ?? 0);
    const end = BigInt(span.endTimeUnixNano ?? 0);
    return {
      Timestamp: start,
      TraceId: hex(span.traceId),
      SpanId: hex(span.spanId),
      ParentSpanId: hex(span.parentSpanId),
      TraceState: span.traceState ?? "",
      SpanName: span.name ?? "",
      SpanKind: ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"][span.kind ?? 0] ?? "",
      ServiceName: service(resource.resource),
      ResourceAttributes: pairs(resource.resource?.attributes),
      ScopeName: scope.scope?.name ?? "",
      ScopeVersion: scope.scope?.version ?? "",
      SpanAttributes: pairs(span.attributes),
      Duration: end < start ? 0n : end - start,
      StatusCode: ["Unset", "Ok", "Error"][span.status?.code ?? 0] ?? "",
      StatusMessage: span.status?.message ?? "",
      "Events.Timestamp": (span.events ?? []).map((event: Loose) => BigInt(event.timeUnixNano ?? 0)),
      "Events.Name": (span.events ?? []).map((event: Loose) => event.name ?? ""),
      "Events.Attributes": (span.events ?? []).map((event: Loose) => pairs(event.attributes)),
      "Links.TraceId": (span.links ?? []).map((link: Loose) => hex(link.traceId)),
      "Links.SpanId": (span.links ?? []).map((link: Loose) => hex(link.spanId)),
      "Links.TraceState": (span.links ?? []).map((link: Loose) => link.traceState ?? ""),
      "Links.Attributes": (span.links ?? []).map((link: Loose) => pairs(link.attributes)),
    };
  });
}

function logRows(request: Loose, nowMs: number): Row[] {
  return items(request.resourceLogs, "scopeLogs", "logRecords").map(({ resource, scope, item: log }) => {
    const times = [BigInt(log.timeUnixNano ?? 0), BigInt(log.observedTimeUnixNano ?? 0), BigInt(nowMs) * 1_000_000n];
    const severity = log.severityNumber ?? 0;
    return {
      Timestamp: times.find((time) => time !== 0n),
      TraceId: hex(log.traceId),
      SpanId: hex(log.spanId),
      TraceFlags: (log.flags ?? 0) & 255,
      SeverityText: log.severityText ?? "",
      SeverityNumber: severity > 0 && severity < 256 ? severity : 0,
      ServiceName: service(resource.resource),
      Body: text(log.body),
      ResourceSchemaUrl: resource.schemaUrl ?? "",
      ResourceAttributes: pairs(resource.resource?.attributes),
      ScopeSchemaUrl: scope.schemaUrl ?? "",
      ScopeName: scope.scope?.name ?? "",
      ScopeVersion: scope.scope?.version ?? "",
      ScopeAttributes: pairs(scope.scope?.attributes),
      LogAttributes: pairs(log.attributes),
      EventName: log.eventName ?? "",
    };
  });
}

/** Rows by table, as a decoder without a window should store them; rows of metrics without `SeriesHash`. */
export function tableRows(signal: Signal, body: Uint8Array, nowMs: number): Record<string, Row[]> {
  return messageRows(signal, messages[signal].decode(body), nowMs);
}

/** The same of a message already read. */
export function messageRows(signal: Signal, message: protobuf.Message, nowMs: number): Record<string, Row[]> {
  const request = plain(signal, message);
  if (signal === "metrics") return pointRows(request);
  const rows = signal === "traces" ? spanRows(request) : logRows(request, nowMs);
  return rows.length === 0 ? {} : { [signal === "traces" ? "otel_traces" : "otel_logs"]: rows };
}

function pointRows(request: Loose): Record<string, Row[]> {
  const tables: Record<string, Row[]> = {};
  for (const { resource, scope, item: metric } of items(request.resourceMetrics, "scopeMetrics", "metrics")) {
    const kind = Object.keys(kinds).find((name) => metric[name] !== undefined);
    if (kind === undefined) continue;
    const data = metric[kind];
    const table = kinds[kind]!;
    for (const point of data.dataPoints ?? []) {
      tables[table] ??= [];
      tables[table].push({ ...head(resource, scope, metric, point), ...values(kind, data, point) });
    }
  }
  return tables;
}

const kinds: Readonly<Record<string, string>> = {
  gauge: "otel_metrics_gauge",
  sum: "otel_metrics_sum",
  histogram: "otel_metrics_histogram",
  exponentialHistogram: "otel_metrics_exponential_histogram",
  summary: "otel_metrics_summary",
};

function head(resource: Loose, scope: Loose, metric: Loose, point: Loose): Row {
  return {
    ResourceAttributes: pairs(resource.resource?.attributes),
    ResourceSchemaUrl: resource.schemaUrl ?? "",
    ScopeName: scope.scope?.name ?? "",
    ScopeVersion: scope.scope?.version ?? "",
    ScopeAttributes: pairs(scope.scope?.attributes),
    ScopeDroppedAttrCount: scope.scope?.droppedAttributesCount ?? 0,
    ScopeSchemaUrl: scope.schemaUrl ?? "",
    ServiceName: service(resource.resource),
    MetricName: metric.name,
    MetricDescription: metric.description ?? "",
    MetricUnit: metric.unit ?? "",
    Attributes: pairs(point.attributes),
    StartTimeUnix: BigInt(point.startTimeUnixNano ?? 0),
    TimeUnix: BigInt(point.timeUnixNano ?? 0),
    Flags: point.flags ?? 0,
  };
}

function values(kind: string, data: Loose, point: Loose): Row {
  const exemplars = {
    "Exemplars.FilteredAttributes": (point.exemplars ?? []).map((exemplar: Loose) =>
      pairs(exemplar.filteredAttributes),
    ),
    "Exemplars.TimeUnix": (point.exemplars ?? []).map((exemplar: Loose) => BigInt(exemplar.timeUnixNano ?? 0)),
    "Exemplars.Value": (point.exemplars ?? []).map(number),
    "Exemplars.SpanId": (point.exemplars ?? []).map((exemplar: Loose) => hex(exemplar.spanId)),
    "Exemplars.TraceId": (point.exemplars ?? []).map((exemplar: Loose) => hex(exemplar.traceId)),
  };
  const temporality = { AggregationTemporality: data.aggregationTemporality ?? 0 };
  const value = { Value: ((point.flags ?? 0) & 1) === 1 ? 0 : number(point) };
  const count = { Count: BigInt(point.count ?? 0), Sum: point.sum ?? 0 };
  const extremes = { Min: point.min ?? 0, Max: point.max ?? 0 };
  const words = (list: string[] | undefined): bigint[] => (list ?? []).map(BigInt);
  switch (kind) {
    case "gauge":
      return { ...value, ...exemplars };
    case "sum":
      return { ...value, ...exemplars, ...temporality, IsMonotonic: data.isMonotonic ?? false };
    case "histogram":
      return {
        ...count,
        ...exemplars,
        ...extremes,
        ...temporality,
        BucketCounts: words(point.bucketCounts),
        ExplicitBounds: point.explicitBounds ?? [],
      };
    case "exponentialHistogram":
      return {
        ...count,
        ...exemplars,
        ...extremes,
        ...temporality,
        Scale: point.scale ?? 0,
        ZeroCount: BigInt(point.zeroCount ?? 0),
        PositiveOffset: point.positive?.offset ?? 0,
        PositiveBucketCounts: words(point.positive?.bucketCounts),
        NegativeOffset: point.negative?.offset ?? 0,
        NegativeBucketCounts: words(point.negative?.bucketCounts),
      };
    default:
      return {
        ...count,
        "ValueAtQuantiles.Quantile": (point.quantileValues ?? []).map((pair: Loose) => pair.quantile ?? 0),
        "ValueAtQuantiles.Value": (point.quantileValues ?? []).map((pair: Loose) => pair.value ?? 0),
      };
  }
}

function items(resources: Loose, scopes: string, name: string): { resource: Loose; scope: Loose; item: Loose }[] {
  return (resources ?? []).flatMap((resource: Loose) =>
    (resource[scopes] ?? []).flatMap((scope: Loose) =>
      (scope[name] ?? []).map((item: Loose) => ({ resource, scope, item })),
    ),
  );
}

function number(point: Loose): number {
  return point.asInt === undefined ? (point.asDouble ?? 0) : Number(point.asInt);
}

function service(resource: Loose): string {
  return pairs(resource?.attributes).find(([key]) => key === "service.name")?.[1] ?? "";
}

function pairs(attributes: readonly KeyValue[] | undefined): Pairs {
  const found = new Map<string, string>();
  for (const { key = "", value } of attributes ?? []) if (!found.has(key)) found.set(key, text(value));
  return [...found];
}

function text(value: AnyValue | undefined): string {
  if (value?.stringValue !== undefined) return value.stringValue;
  if (value?.bytesValue !== undefined) return value.bytesValue;
  if (value?.doubleValue !== undefined) return Object.is(value.doubleValue, -0) ? "-0" : String(value.doubleValue);
  return value === undefined || Object.keys(value).length === 0 ? "" : json(value);
}

function json(value: AnyValue | undefined): string {
  if (value?.stringValue !== undefined) return JSON.stringify(value.stringValue);
  if (value?.boolValue !== undefined) return String(value.boolValue);
  if (value?.intValue !== undefined) return value.intValue;
  if (value?.doubleValue !== undefined)
    return Number.isFinite(value.doubleValue) ? String(value.doubleValue) : `"${value.doubleValue}"`;
  if (value?.bytesValue !== undefined) return `"${value.bytesValue}"`;
  if (value?.arrayValue !== undefined) return `[${(value.arrayValue.values ?? []).map(json).join(",")}]`;
  if (value?.kvlistValue === undefined) return "null";
  return `{${(value.kvlistValue.values ?? []).map((pair) => `${JSON.stringify(pair.key ?? "")}:${json(pair.value)}`).join(",")}}`;
}

function hex(base64: string | undefined): string {
  const bytes = Buffer.from(base64 ?? "", "base64");
  return bytes.every((byte) => byte === 0) ? "" : bytes.toString("hex");
}
