// Clients nobody here wrote: the OpenTelemetry JS SDK over all three protocols, read back by SQL.
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as LogsJson } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as LogsProto } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as MetricsGrpc } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as MetricsJson } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as MetricsProto } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as TracesGrpc } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as TracesJson } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as TracesProto } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serviceIn, temporaryFolder } from "../support/service.ts";

const folder = temporaryFolder();
let service: Awaited<ReturnType<typeof serviceIn>>;
beforeAll(async () => {
  service = await serviceIn(folder.path);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

const traceExporters = {
  "http/protobuf": () => new TracesProto({ url: `${service.otlpUrl}/v1/traces` }),
  "http/json": () => new TracesJson({ url: `${service.otlpUrl}/v1/traces`, compression: "gzip" as never }),
  grpc: () => new TracesGrpc({ url: service.grpcUrl }),
};
const metricExporters = {
  "http/protobuf": () => new MetricsProto({ url: `${service.otlpUrl}/v1/metrics` }),
  "http/json": () => new MetricsJson({ url: `${service.otlpUrl}/v1/metrics` }),
  grpc: () => new MetricsGrpc({ url: service.grpcUrl }),
};
const logExporters = {
  "http/protobuf": () => new LogsProto({ url: `${service.otlpUrl}/v1/logs` }),
  "http/json": () => new LogsJson({ url: `${service.otlpUrl}/v1/logs` }),
};

describe("the OpenTelemetry JS SDK", () => {
  test.each(Object.entries(traceExporters))("spans over %s arrive as they were made", async (protocol, exporter) => {
    const name = `sdk-traces-${protocol}`;
    const provider = new BasicTracerProvider({
      resource: resourceFromAttributes({ "service.name": name, "host.cpus": 2 }),
      spanProcessors: [new BatchSpanProcessor(exporter())],
    });
    const tracer = provider.getTracer("scope", "1.2.3");
    const parent = tracer.startSpan("chat", {
      kind: SpanKind.SERVER,
      attributes: { "gen_ai.request.model": "m", n: 7, ok: true },
    });
    const child = tracer.startSpan("decode", {}, trace.setSpan(context.active(), parent));
    child.addEvent("first-token", { ttft: 0.25 });
    child.setStatus({ code: SpanStatusCode.ERROR, message: "out of memory" });
    child.end();
    parent.end();
    await provider.shutdown();
    await service.store.flushed();
    const rows = await service.store.rows<Record<string, unknown>>(
      "SELECT SpanName, SpanKind, TraceId, SpanId, ParentSpanId, SpanAttributes, StatusCode, StatusMessage, Events.Name AS events, ScopeName, ScopeVersion, ResourceAttributes['host.cpus'] AS cpus FROM homeostat.otel_traces WHERE ServiceName = {name:String} ORDER BY SpanName",
      { name },
    );
    expect(rows).toMatchObject([
      {
        SpanName: "chat",
        SpanKind: "Server",
        SpanAttributes: { "gen_ai.request.model": "m", n: "7", ok: "true" },
        StatusCode: "Unset",
        cpus: "2",
      },
      {
        SpanName: "decode",
        SpanKind: "Internal",
        StatusCode: "Error",
        StatusMessage: "out of memory",
        events: ["first-token"],
        ScopeName: "scope",
        ScopeVersion: "1.2.3",
      },
    ]);
    expect(rows[1]?.["ParentSpanId"]).toBe(parent.spanContext().spanId);
    expect(rows[0]?.["TraceId"]).toBe(parent.spanContext().traceId);
  });

  test.each(Object.entries(metricExporters))("metrics over %s arrive as they were made", async (protocol, exporter) => {
    const name = `sdk-metrics-${protocol}`;
    const reader = new PeriodicExportingMetricReader({ exporter: exporter(), exportIntervalMillis: 3_600_000 });
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ "service.name": name }),
      readers: [reader],
    });
    const meter = provider.getMeter("scope");
    meter.createCounter("requests", { unit: "{request}" }).add(3, { route: "/chat" });
    meter.createGauge("kv.usage").record(0.5);
    const latency = meter.createHistogram("latency", { unit: "s", advice: { explicitBucketBoundaries: [0.1, 1, 10] } });
    for (const value of [0.05, 0.5, 0.5, 20]) latency.record(value);
    await provider.shutdown();
    await service.store.flushed();
    const rows = (table: string, columns: string) =>
      service.store.rows(`SELECT ${columns} FROM homeostat.${table} WHERE ServiceName = {name:String}`, { name });
    expect(await rows("otel_metrics_sum", "MetricName, Value, IsMonotonic, Attributes, MetricUnit")).toEqual([
      { MetricName: "requests", Value: 3, IsMonotonic: true, Attributes: { route: "/chat" }, MetricUnit: "{request}" },
    ]);
    expect(await rows("otel_metrics_gauge", "MetricName, Value")).toEqual([{ MetricName: "kv.usage", Value: 0.5 }]);
    expect(
      await rows(
        "otel_metrics_histogram",
        "toUInt32(Count) AS n, Sum, arrayMap(x -> toUInt32(x), BucketCounts) AS b, ExplicitBounds, Min, Max",
      ),
    ).toEqual([{ n: 4, Sum: 21.05, b: [1, 2, 0, 1], ExplicitBounds: [0.1, 1, 10], Min: 0.05, Max: 20 }]);
  });

  test.each(Object.entries(logExporters))(
    "log records over %s arrive as they were made",
    async (protocol, exporter) => {
      const name = `sdk-logs-${protocol}`;
      const provider = new LoggerProvider({
        resource: resourceFromAttributes({ "service.name": name }),
        processors: [new BatchLogRecordProcessor({ exporter: exporter() } as never)],
      });
      const logger = provider.getLogger("scope");
      logger.emit({
        severityNumber: SeverityNumber.WARN,
        severityText: "WARN",
        body: "Using default MoE config ✓",
        attributes: { gpu: 0 },
      });
      await provider.shutdown();
      await service.store.flushed();
      const rows = await service.store.rows(
        "SELECT Body, SeverityText, SeverityNumber, LogAttributes FROM homeostat.otel_logs WHERE ServiceName = {name:String}",
        { name },
      );
      expect(rows).toEqual([
        { Body: "Using default MoE config ✓", SeverityText: "WARN", SeverityNumber: 13, LogAttributes: { gpu: "0" } },
      ]);
    },
  );
});
