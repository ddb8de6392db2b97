// The OpenTelemetry SDK's own exporters, over every transport, against the running doors.
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as HttpLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as HttpMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtoMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as HttpTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, type LogRecordExporter, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openReceive, type Receive } from "../../src/receive/receive.ts";
import { createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";

const resource = resourceFromAttributes({ "service.name": "vllm-0", "service.instance.id": "pod-0" });
let journal: MemoryJournal;
let receive: Receive;

beforeEach(async () => {
  journal = createMemoryJournal();
  const window = { pastMs: 60_000, futureMs: 60_000 };
  receive = await openReceive(
    { host: "127.0.0.1", httpPort: 0, grpcPort: 0, window },
    { journal, telemetry: silentTelemetry, now: Date.now },
  );
});
afterEach(() => receive[Symbol.asyncDispose]());

const http = (signal: string): { url: string } => ({ url: `http://127.0.0.1:${receive.httpPort}/v1/${signal}` });
const zipped = (signal: string): object => ({ ...http(signal), compression: "gzip" });
const grpc = (): { url: string } => ({ url: `http://127.0.0.1:${receive.grpcPort}` });

describe("SDK exporters", () => {
  it.each<[string, () => SpanExporter]>([
    ["http/protobuf", () => new ProtoTraces(http("traces"))],
    ["http/protobuf, gzip", () => new ProtoTraces(zipped("traces"))],
    ["http/json", () => new HttpTraces(http("traces"))],
    ["http/json, gzip", () => new HttpTraces(zipped("traces"))],
    ["grpc", () => new GrpcTraces(grpc())],
  ])("send spans over %s", async (_, exporter) => {
    const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter())] });
    const tracer = provider.getTracer("test", "1.2");
    const parent = tracer.startSpan("llm_request", {
      kind: SpanKind.SERVER,
      attributes: { "gen_ai.usage.output_tokens": 42, stream: true, stop: ["a", "b"], ttft: 0.25 },
    });
    parent.addEvent("first_token", { index: 0 });
    parent.setStatus({ code: SpanStatusCode.ERROR, message: "out of memory" });
    parent.end();
    await provider.forceFlush();
    await provider.shutdown();
    expect(journal.rows("otel_traces")).toEqual([
      expect.objectContaining({
        TraceId: parent.spanContext().traceId,
        SpanId: parent.spanContext().spanId,
        SpanName: "llm_request",
        SpanKind: "Server",
        ServiceName: "vllm-0",
        ScopeName: "test",
        ScopeVersion: "1.2",
        StatusCode: "Error",
        StatusMessage: "out of memory",
        SpanAttributes: [
          ["gen_ai.usage.output_tokens", "42"],
          ["stream", "true"],
          ["stop", '["a","b"]'],
          ["ttft", "0.25"],
        ],
        "Events.Name": ["first_token"],
      }),
    ]);
  });

  it.each<[string, () => LogRecordExporter]>([
    ["http/protobuf", () => new ProtoLogs(http("logs"))],
    ["http/json", () => new HttpLogs(http("logs"))],
  ])("send log records over %s", async (_, exporter) => {
    const provider = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter: exporter() })],
    });
    provider.getLogger("engine").emit({
      severityNumber: SeverityNumber.WARN,
      severityText: "WARN",
      body: "KV cache nearly full",
      attributes: { usage: 0.97 },
    });
    await provider.forceFlush();
    await provider.shutdown();
    expect(journal.rows("otel_logs")).toEqual([
      expect.objectContaining({
        ServiceName: "vllm-0",
        SeverityText: "WARN",
        SeverityNumber: 13,
        Body: "KV cache nearly full",
        LogAttributes: [["usage", "0.97"]],
      }),
    ]);
  });

  it.each<[string, () => PushMetricExporter]>([
    ["http/protobuf", () => new ProtoMetrics(http("metrics"))],
    ["http/json", () => new HttpMetrics(http("metrics"))],
    ["grpc", () => new GrpcMetrics(grpc())],
  ])("send metrics of every kind over %s", async (_, exporter) => {
    const reader = new PeriodicExportingMetricReader({ exporter: exporter(), exportIntervalMillis: 3_600_000 });
    const views = [
      { instrumentName: "exponential", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const },
    ];
    const provider = new MeterProvider({ resource, readers: [reader], views });
    const meter = provider.getMeter("engine");
    meter.createCounter("tokens").add(7, { model: "m" });
    meter.createGauge("kv_usage").record(0.5);
    meter.createHistogram("ttft", { unit: "s", advice: { explicitBucketBoundaries: [0.1, 1] } }).record(0.3);
    meter.createHistogram("exponential").record(3);
    // Shutting down exports what was recorded.
    await provider.shutdown();
    expect(journal.rows("otel_metrics_sum")).toEqual([
      expect.objectContaining({
        MetricName: "tokens",
        Value: 7,
        IsMonotonic: true,
        AggregationTemporality: 2,
        Attributes: [["model", "m"]],
      }),
    ]);
    expect(journal.rows("otel_metrics_gauge")).toEqual([
      expect.objectContaining({ MetricName: "kv_usage", Value: 0.5 }),
    ]);
    expect(journal.rows("otel_metrics_histogram")).toEqual([
      expect.objectContaining({
        MetricName: "ttft",
        MetricUnit: "s",
        Count: 1n,
        Sum: 0.3,
        Min: 0.3,
        Max: 0.3,
        BucketCounts: [0n, 1n, 0n],
        ExplicitBounds: [0.1, 1],
      }),
    ]);
    expect(journal.rows("otel_metrics_exponential_histogram")).toEqual([
      expect.objectContaining({ Count: 1n, Sum: 3, ZeroCount: 0n }),
    ]);
    const described = new Set(journal.rows("otel_metrics_series").map((row) => row.MetricType));
    expect(described).toEqual(new Set(["Gauge", "Sum", "Histogram", "ExponentialHistogram"]));
  });
});
