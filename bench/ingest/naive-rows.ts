// The naive path's mapping: protobufjs messages to row objects, as one would write it without a thought to speed.
import { messages } from "../../test/receive/otlp-proto.ts";
import type { Signal } from "./bodies.ts";

export type Row = Record<string, unknown>;
export type Rows = Readonly<Record<string, Row[]>>;

interface KeyValue {
  readonly key: string;
  readonly value?: AnyValue;
}
type AnyValue = Readonly<Record<string, unknown>> & {
  readonly value?: string;
  readonly arrayValue?: { readonly values: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values: readonly KeyValue[] };
};
interface Item {
  readonly [field: string]: unknown;
  readonly attributes: readonly KeyValue[];
}
interface Scoped {
  readonly scope?: { readonly name: string; readonly version: string; readonly attributes: readonly KeyValue[] };
  readonly schemaUrl: string;
  readonly spans?: readonly Item[];
  readonly logRecords?: readonly Item[];
  readonly metrics?: readonly Item[];
}
interface Resourced {
  readonly resource?: { readonly attributes: readonly KeyValue[] };
  readonly schemaUrl: string;
  readonly scopeSpans?: readonly Scoped[];
  readonly scopeLogs?: readonly Scoped[];
  readonly scopeMetrics?: readonly Scoped[];
}

/** What all rows of a scope have in common. */
interface Head {
  readonly ResourceAttributes: Readonly<Record<string, string>>;
  readonly ServiceName: string;
  readonly ScopeName: string;
  readonly ScopeVersion: string;
}

const kinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];
const codes = ["Unset", "Ok", "Error"];

/** Decodes a body; the messages are what other code would go on with. */
export function decodeNaively(signal: Signal, body: Uint8Array): object {
  return messages[signal].decode(body);
}

/** Rows by table. */
export function rowsOf(signal: Signal, body: Uint8Array): Rows {
  const message = decodeNaively(signal, body) as Readonly<Record<string, readonly Resourced[]>>;
  const rows: Record<string, Row[]> = {};
  const add = (table: string, row: Row): void => {
    rows[table] ??= [];
    rows[table].push(row);
  };
  for (const one of message[{ traces: "resourceSpans", logs: "resourceLogs", metrics: "resourceMetrics" }[signal]] ??
    []) {
    const ResourceAttributes = attributesOf(one.resource?.attributes);
    const ServiceName = ResourceAttributes["service.name"] ?? "";
    for (const scoped of one.scopeSpans ?? one.scopeLogs ?? one.scopeMetrics ?? []) {
      const head: Head = {
        ResourceAttributes,
        ServiceName,
        ScopeName: scoped.scope?.name ?? "",
        ScopeVersion: scoped.scope?.version ?? "",
      };
      for (const span of scoped.spans ?? []) add("otel_traces", spanRow(head, span));
      for (const record of scoped.logRecords ?? []) add("otel_logs", logRow(head, record));
      for (const metric of scoped.metrics ?? []) addMetric(head, metric, add);
    }
  }
  return rows;
}

function spanRow(head: Head, span: Item): Row {
  const events = (span["events"] ?? []) as readonly Item[];
  const links = (span["links"] ?? []) as readonly Item[];
  const status = span["status"] as { readonly code: number; readonly message: string } | null;
  const start = String(span["startTimeUnixNano"]);
  return {
    ResourceAttributes: head.ResourceAttributes,
    ServiceName: head.ServiceName,
    ScopeName: head.ScopeName,
    ScopeVersion: head.ScopeVersion,
    Timestamp: timeOf(start),
    TraceId: hexOf(span["traceId"]),
    SpanId: hexOf(span["spanId"]),
    ParentSpanId: hexOf(span["parentSpanId"]),
    TraceState: span["traceState"],
    SpanName: span["name"],
    SpanKind: kinds[span["kind"] as number] ?? "Unspecified",
    SpanAttributes: attributesOf(span.attributes),
    Duration: Number(BigInt(String(span["endTimeUnixNano"])) - BigInt(start)),
    StatusCode: codes[status?.code ?? 0],
    StatusMessage: status?.message ?? "",
    "Events.Timestamp": events.map((event) => timeOf(event["timeUnixNano"])),
    "Events.Name": events.map((event) => event["name"]),
    "Events.Attributes": events.map((event) => attributesOf(event.attributes)),
    "Links.TraceId": links.map((link) => hexOf(link["traceId"])),
    "Links.SpanId": links.map((link) => hexOf(link["spanId"])),
    "Links.TraceState": links.map((link) => link["traceState"]),
    "Links.Attributes": links.map((link) => attributesOf(link.attributes)),
  };
}

function logRow(head: Head, record: Item): Row {
  return {
    ResourceAttributes: head.ResourceAttributes,
    ServiceName: head.ServiceName,
    ScopeName: head.ScopeName,
    ScopeVersion: head.ScopeVersion,
    Timestamp: timeOf(record["timeUnixNano"]),
    TraceId: hexOf(record["traceId"]),
    SpanId: hexOf(record["spanId"]),
    TraceFlags: record["flags"],
    SeverityText: record["severityText"],
    SeverityNumber: record["severityNumber"],
    Body: textOf(record["body"] as AnyValue | undefined),
    LogAttributes: attributesOf(record.attributes),
  };
}

function addMetric(head: Head, metric: Item, add: (table: string, row: Row) => void): void {
  for (const [field, table] of [
    ["gauge", "otel_metrics_gauge"],
    ["sum", "otel_metrics_sum"],
    ["histogram", "otel_metrics_histogram"],
  ] as const) {
    const data = metric[field] as {
      readonly dataPoints: readonly Item[];
      readonly aggregationTemporality?: number;
      readonly isMonotonic?: boolean;
    } | null;
    for (const point of data?.dataPoints ?? []) {
      const row: Row = {
        ResourceAttributes: head.ResourceAttributes,
        ServiceName: head.ServiceName,
        ScopeName: head.ScopeName,
        ScopeVersion: head.ScopeVersion,
        MetricName: metric["name"],
        MetricDescription: metric["description"],
        MetricUnit: metric["unit"],
        Attributes: attributesOf(point.attributes),
        StartTimeUnix: timeOf(point["startTimeUnixNano"]),
        TimeUnix: timeOf(point["timeUnixNano"]),
        Flags: point["flags"],
      };
      if (field !== "gauge") row["AggregationTemporality"] = data!.aggregationTemporality;
      if (field === "sum") row["IsMonotonic"] = data!.isMonotonic;
      if (field === "histogram") addHistogram(row, point);
      else row["Value"] = point["value"] === "asInt" ? Number(String(point["asInt"])) : point["asDouble"];
      add(table, row);
    }
  }
}

function addHistogram(row: Row, point: Item): void {
  row["Count"] = String(point["count"]);
  row["Sum"] = point["sum"];
  row["BucketCounts"] = (point["bucketCounts"] as readonly unknown[]).map(String);
  row["ExplicitBounds"] = point["explicitBounds"];
  row["Min"] = point["min"] ?? 0;
  row["Max"] = point["max"] ?? 0;
}

function attributesOf(pairs: readonly KeyValue[] = []): Record<string, string> {
  const map: Record<string, string> = {};
  for (const { key, value } of pairs) map[key] = textOf(value);
  return map;
}

/** As text, lists and maps as JSON. */
function textOf(value: AnyValue | null | undefined): string {
  const kind = value?.value;
  if (kind === undefined || kind === null) return "";
  if (kind === "arrayValue" || kind === "kvlistValue") return JSON.stringify(plainOf(value));
  return String(value![kind]);
}

function plainOf(value: AnyValue | null | undefined): unknown {
  const kind = value?.value;
  if (kind === undefined || kind === null) return null;
  if (kind === "arrayValue") return value!.arrayValue!.values.map(plainOf);
  if (kind === "kvlistValue")
    return Object.fromEntries(value!.kvlistValue!.values.map((one) => [one.key, plainOf(one.value)]));
  const plain = value![kind];
  return typeof plain === "object" ? String(plain) : plain;
}

/** Unix seconds with nine decimals, from nanoseconds. */
function timeOf(nanoseconds: unknown): string {
  const digits = String(nanoseconds ?? "0").padStart(10, "0");
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

function hexOf(bytes: unknown): string {
  return bytes instanceof Uint8Array ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex") : "";
}
