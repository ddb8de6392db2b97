// Small batches of telemetry as the receiver would hand them over.
import type { ColumnBatch } from "../../src/model/batch.ts";
import { arrays, float64s, instants, lowCardinality, maps, strings, uint32s, uint64s } from "./native.ts";

const mapType = "Map(LowCardinality(String), String)";
const lc = "LowCardinality(String)";

export interface TestPoint {
  readonly hash: bigint;
  readonly at: number;
  readonly value: number;
  readonly metric?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

function metricColumns(points: readonly TestPoint[]): ColumnBatch["columns"] {
  return [
    { name: "ServiceName", type: lc, bytes: lowCardinality(points.map(() => "svc")) },
    { name: "MetricName", type: lc, bytes: lowCardinality(points.map((p) => p.metric ?? "m")) },
    { name: "MetricUnit", type: "String", bytes: strings(points.map(() => "s")) },
    { name: "ResourceAttributes", type: mapType, bytes: maps(points.map(() => ({ "service.name": "svc" }))) },
    { name: "Attributes", type: mapType, bytes: maps(points.map((p) => p.attributes ?? {})) },
    { name: "StartTimeUnix", type: "DateTime64(9)", bytes: instants(points.map((p) => p.at - 1000)) },
    { name: "TimeUnix", type: "DateTime64(9)", bytes: instants(points.map((p) => p.at)) },
    { name: "Flags", type: "UInt32", bytes: uint32s(points.map(() => 0)) },
    { name: "SeriesHash", type: "UInt64", bytes: uint64s(points.map((p) => p.hash)) },
  ];
}

export function gauges(points: readonly TestPoint[]): ColumnBatch {
  const value = { name: "Value", type: "Float64", bytes: float64s(points.map((p) => p.value)) };
  return { table: "otel_metrics_gauge", rows: points.length, columns: [...metricColumns(points), value] };
}

export function sums(points: readonly TestPoint[]): ColumnBatch {
  const columns = [
    { name: "Value", type: "Float64", bytes: float64s(points.map((p) => p.value)) },
    { name: "AggregationTemporality", type: "Int32", bytes: uint32s(points.map(() => 2)) },
    { name: "IsMonotonic", type: "Bool", bytes: Uint8Array.from(points.map(() => 1)) },
  ];
  return { table: "otel_metrics_sum", rows: points.length, columns: [...metricColumns(points), ...columns] };
}

/** Two bounds, three buckets; the value is the sum and each bucket holds one observation. */
export function histograms(points: readonly TestPoint[]): ColumnBatch {
  const columns = [
    { name: "Count", type: "UInt64", bytes: uint64s(points.map(() => 3n)) },
    { name: "Sum", type: "Float64", bytes: float64s(points.map((p) => p.value)) },
    {
      name: "BucketCounts",
      type: "Array(UInt64)",
      bytes: arrays(
        points.map(() => 3),
        uint64s(points.flatMap(() => [1n, 1n, 1n])),
      ),
    },
    {
      name: "ExplicitBounds",
      type: "Array(Float64)",
      bytes: arrays(
        points.map(() => 2),
        float64s(points.flatMap(() => [0.5, 1])),
      ),
    },
    { name: "AggregationTemporality", type: "Int32", bytes: uint32s(points.map(() => 1)) },
  ];
  return { table: "otel_metrics_histogram", rows: points.length, columns: [...metricColumns(points), ...columns] };
}

export function spans(ids: readonly string[], at: number): ColumnBatch {
  const columns = [
    { name: "Timestamp", type: "DateTime64(9)", bytes: instants(ids.map(() => at)) },
    { name: "TraceId", type: "String", bytes: strings(ids) },
    { name: "SpanName", type: lc, bytes: lowCardinality(ids.map(() => "chat")) },
    { name: "ServiceName", type: lc, bytes: lowCardinality(ids.map(() => "svc")) },
    {
      name: "SpanAttributes",
      type: mapType,
      bytes: maps(ids.map(() => ({ "gen_ai.request.model": "m1", "gen_ai.usage.input_tokens": "12" }))),
    },
    {
      name: "Events.Timestamp",
      type: "Array(DateTime64(9))",
      bytes: arrays(
        ids.map(() => 1),
        instants(ids.map(() => at)),
      ),
    },
  ];
  return { table: "otel_traces", rows: ids.length, columns };
}

export function logs(bodies: readonly string[], at: number): ColumnBatch {
  const columns = [
    { name: "Timestamp", type: "DateTime64(9)", bytes: instants(bodies.map((_, i) => at + i)) },
    { name: "Body", type: "String", bytes: strings(bodies) },
    { name: "ServiceName", type: lc, bytes: lowCardinality(bodies.map(() => "svc")) },
    { name: "SeverityNumber", type: "UInt8", bytes: Uint8Array.from(bodies.map(() => 17)) },
    { name: "LogAttributes", type: mapType, bytes: maps(bodies.map((_, i) => ({ line: String(i) }))) },
  ];
  return { table: "otel_logs", rows: bodies.length, columns };
}
