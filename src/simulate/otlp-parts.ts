// Pieces of OpenTelemetry's SDK types: time, spans, metrics with their points.
import { type Attributes, type HrTime, type SpanKind, SpanStatusCode, TraceFlags, ValueType } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type Histogram as OtlpHistogram,
} from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Family } from "./metrics.ts";

export interface AppSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly parentId?: string;
  readonly spanId: string;
  /** Virtual milliseconds. */
  readonly from: number;
  readonly to: number;
  /** `error.type`; absent = it went well. */
  readonly error?: string;
  readonly attributes: Attributes;
}

/** A span as exporters take it; `time` turns virtual milliseconds into Unix time. */
export function readableSpan(
  { traceId, spanId, parentId, error, ...span }: AppSpan,
  resource: Resource,
  scope: { readonly name: string },
  time: (ms: number) => HrTime,
): ReadableSpan {
  const context = (id: string) => ({ traceId, spanId: id, traceFlags: TraceFlags.SAMPLED });
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => context(spanId),
    ...(parentId === undefined ? {} : { parentSpanContext: context(parentId) }),
    startTime: time(span.from),
    endTime: time(span.to),
    duration: hrTime(span.to - span.from),
    status: { code: error === undefined ? SpanStatusCode.UNSET : SpanStatusCode.ERROR },
    attributes: error === undefined ? span.attributes : { ...span.attributes, "error.type": error },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

export interface Sampled {
  readonly replica: string;
  readonly resource: Resource;
  readonly metrics: Map<
    string,
    { readonly kind: Family["kind"]; readonly points: DataPoint<number | OtlpHistogram>[] }
  >;
  points: number;
}

export function addPoint(
  entry: Sampled,
  name: string,
  kind: Family["kind"],
  point: DataPoint<number | OtlpHistogram>,
): void {
  let metric = entry.metrics.get(name);
  if (metric === undefined) {
    metric = { kind, points: [] };
    entry.metrics.set(name, metric);
  }
  metric.points.push(point);
  entry.points++;
}

export function metricData(
  family: Family,
  scalars: DataPoint<number>[],
  histograms: DataPoint<OtlpHistogram>[],
): MetricData {
  const descriptor = { name: family.name, description: family.help, unit: "", valueType: ValueType.DOUBLE };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  switch (family.kind) {
    case "histogram":
      return { descriptor, aggregationTemporality, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms };
    case "gauge":
      return { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints: scalars };
    case "counter":
      return {
        descriptor,
        aggregationTemporality,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: scalars,
      };
  }
}

/** Milliseconds as the SDK writes time: seconds and nanoseconds. */
export function hrTime(ms: number): HrTime {
  const microseconds = Math.round(ms * 1000);
  const seconds = Math.floor(microseconds / 1_000_000);
  return [seconds, (microseconds - seconds * 1_000_000) * 1000];
}
