// Columns of the telemetry tables that are written, as the OpenTelemetry Collector's ClickHouse exporter names and types them.
import type { TelemetryTable } from "./batch.ts";

export interface SchemaColumn {
  readonly name: string;
  /** ClickHouse type, exactly as `system.columns` has it. */
  readonly type: string;
}

/** Texts of `otel_metrics_series.MetricType`. */
export const metricTypes = ["Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary"] as const;
/** Texts of `otel_metrics_series.Temporality`, by the number OTLP has for them. Gauges and summaries have none: the first. */
export const temporalities = ["Unspecified", "Delta", "Cumulative"] as const;
/** Texts of `otel_traces.SpanKind`, by the number OTLP has for them. */
export const spanKinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"] as const;
/** Texts of `otel_traces.StatusCode`, by the number OTLP has for them. */
export const statusCodes = ["Unset", "Ok", "Error"] as const;

export const telemetryTables: readonly TelemetryTable[] = [
  "otel_traces",
  "otel_logs",
  "otel_metrics_gauge",
  "otel_metrics_sum",
  "otel_metrics_histogram",
  "otel_metrics_exponential_histogram",
  "otel_metrics_summary",
  "otel_metrics_series",
];

const text = "String";
const low = "LowCardinality(String)";
const attributes = "Map(LowCardinality(String), String)";
const time = "DateTime64(9)";

const traces = define({
  Timestamp: time,
  TraceId: text,
  SpanId: text,
  ParentSpanId: text,
  TraceState: text,
  SpanName: low,
  SpanKind: low,
  ServiceName: low,
  ResourceAttributes: attributes,
  ScopeName: text,
  ScopeVersion: text,
  SpanAttributes: attributes,
  Duration: "UInt64",
  StatusCode: low,
  StatusMessage: text,
  "Events.Timestamp": array(time),
  "Events.Name": array(low),
  "Events.Attributes": array(attributes),
  "Links.TraceId": array(text),
  "Links.SpanId": array(text),
  "Links.TraceState": array(text),
  "Links.Attributes": array(attributes),
});

const logs = define({
  Timestamp: time,
  TraceId: text,
  SpanId: text,
  TraceFlags: "UInt8",
  SeverityText: low,
  SeverityNumber: "UInt8",
  ServiceName: low,
  Body: text,
  ResourceSchemaUrl: low,
  ResourceAttributes: attributes,
  ScopeSchemaUrl: low,
  ScopeName: text,
  ScopeVersion: low,
  ScopeAttributes: attributes,
  LogAttributes: attributes,
  EventName: text,
});

const metricHead = {
  ResourceAttributes: attributes,
  ResourceSchemaUrl: text,
  ScopeName: text,
  ScopeVersion: text,
  ScopeAttributes: attributes,
  ScopeDroppedAttrCount: "UInt32",
  ScopeSchemaUrl: text,
  ServiceName: low,
  MetricName: low,
  MetricDescription: text,
  MetricUnit: text,
  Attributes: attributes,
  StartTimeUnix: time,
  TimeUnix: time,
};

const exemplars = {
  "Exemplars.FilteredAttributes": array(attributes),
  "Exemplars.TimeUnix": array(time),
  "Exemplars.Value": array("Float64"),
  "Exemplars.SpanId": array(text),
  "Exemplars.TraceId": array(text),
};

const schema: Readonly<Record<TelemetryTable, readonly SchemaColumn[]>> = {
  otel_traces: traces,
  otel_logs: logs,
  otel_metrics_gauge: define({ ...metricHead, Value: "Float64", Flags: "UInt32", ...exemplars, SeriesHash: "UInt64" }),
  otel_metrics_sum: define({
    ...metricHead,
    Value: "Float64",
    Flags: "UInt32",
    ...exemplars,
    AggregationTemporality: "Int32",
    IsMonotonic: "Bool",
    SeriesHash: "UInt64",
  }),
  otel_metrics_histogram: define({
    ...metricHead,
    Count: "UInt64",
    Sum: "Float64",
    BucketCounts: array("UInt64"),
    ExplicitBounds: array("Float64"),
    ...exemplars,
    Flags: "UInt32",
    Min: "Float64",
    Max: "Float64",
    AggregationTemporality: "Int32",
    SeriesHash: "UInt64",
  }),
  otel_metrics_exponential_histogram: define({
    ...metricHead,
    Count: "UInt64",
    Sum: "Float64",
    Scale: "Int32",
    ZeroCount: "UInt64",
    PositiveOffset: "Int32",
    PositiveBucketCounts: array("UInt64"),
    NegativeOffset: "Int32",
    NegativeBucketCounts: array("UInt64"),
    ...exemplars,
    Flags: "UInt32",
    Min: "Float64",
    Max: "Float64",
    AggregationTemporality: "Int32",
    SeriesHash: "UInt64",
  }),
  otel_metrics_summary: define({
    ...metricHead,
    Count: "UInt64",
    Sum: "Float64",
    "ValueAtQuantiles.Quantile": array("Float64"),
    "ValueAtQuantiles.Value": array("Float64"),
    Flags: "UInt32",
    SeriesHash: "UInt64",
  }),
  otel_metrics_series: define({
    Date: "Date",
    MetricName: low,
    SeriesHash: "UInt64",
    ServiceName: low,
    MetricType: low,
    Temporality: low,
    IsMonotonic: "Bool",
    Unit: low,
    ScopeName: text,
    ScopeVersion: low,
    ResourceSchemaUrl: low,
    ScopeSchemaUrl: low,
    ResourceAttributes: attributes,
    ScopeAttributes: attributes,
    Attributes: attributes,
    ExplicitBounds: array("Float64"),
    Quantiles: array("Float64"),
    FirstSeen: "DateTime64(3)",
    LastSeen: "DateTime64(3)",
  }),
};

/** The columns an INSERT names, in table order: no MATERIALIZED or ALIAS ones, and not the store's own `_batch` and `_i`. */
export function columnsOf(table: TelemetryTable): readonly SchemaColumn[] {
  return schema[table];
}

function define(columns: Readonly<Record<string, string>>): readonly SchemaColumn[] {
  return Object.entries(columns).map(([name, type]) => ({ name, type }));
}

function array(type: string): string {
  return `Array(${type})`;
}
