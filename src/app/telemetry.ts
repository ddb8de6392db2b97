// Homeostat's own log, metrics and traces: pino to stderr, numbers kept for /metrics, and both sent by the OpenTelemetry SDK
// to any OTLP endpoint, itself included. No loop can grow: the receive path makes counters but never spans or log records,
// so an export of ours adds to numbers that are exported once an interval anyway.
import { type Attributes, metrics, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { pino } from "pino";
import type { Labels } from "../model/labels.ts";
import type { Logger, Telemetry } from "../model/ports/telemetry.ts";
import { createOwnMetrics, type OwnMetrics } from "./own-metrics.ts";

export interface TelemetryOptions {
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** Base URL of an OTLP/HTTP endpoint, for example `http://127.0.0.1:4318`. */
  readonly otlpEndpoint?: string | undefined;
  readonly version: string;
}

export interface AppTelemetry extends Telemetry, AsyncDisposable {
  /** Own metrics in Prometheus text format 0.0.4. */
  metricsText(): string;
}

export function createTelemetry(options: TelemetryOptions): AppTelemetry {
  const own = createOwnMetrics();
  const sdk = options.otlpEndpoint === undefined ? undefined : startSdk(options.otlpEndpoint, options.version);
  const instruments = createInstruments();
  const tracer = trace.getTracer("homeostat", options.version);

  return {
    log: createLogger(options.level),
    count(name, amount = 1, attributes = {}) {
      own.add(name, amount, attributes);
      instruments.counter(name).add(amount, attributes as Attributes);
    },
    record(name, value, attributes = {}) {
      own.observe(name, value, attributes);
      instruments.histogram(name).record(value, attributes as Attributes);
    },
    gauge(name, value, attributes = {}) {
      own.set(name, value, attributes);
      instruments.gauge(name).record(value, attributes as Attributes);
    },
    span: (name, work, attributes) => inSpan(tracer, own, name, work, attributes),
    metricsText: () => own.text(),
    async [Symbol.asyncDispose]() {
      await sdk?.shutdown();
    },
  };
}

function createLogger(level: TelemetryOptions["level"]): Logger {
  // Synchronous stderr: what is said just before a crash is said.
  const log = pino({ level, base: { service: "homeostat" } }, pino.destination({ dest: 2, sync: true }));
  return {
    debug: (message, fields) => log.debug(fields ?? {}, message),
    info: (message, fields) => log.info(fields ?? {}, message),
    warn: (message, fields) => log.warn(fields ?? {}, message),
    error: (message, fields) => log.error(fields ?? {}, message),
  };
}

function startSdk(endpoint: string, version: string): NodeSDK {
  const base = endpoint.replace(/\/+$/, "");
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({ "service.name": "homeostat", "service.version": version }),
    traceExporter: new OTLPTraceExporter({ url: `${base}/v1/traces` }),
    metricReaders: [
      new PeriodicExportingMetricReader({
        exporter: new OTLPMetricExporter({ url: `${base}/v1/metrics` }),
        exportIntervalMillis: 15_000,
      }),
    ],
    instrumentations: [],
  });
  sdk.start();
  return sdk;
}

function createInstruments() {
  const meter = metrics.getMeter("homeostat");
  const cached = <T>(make: (name: string) => T): ((name: string) => T) => {
    const known = new Map<string, T>();
    return (name) => {
      const found = known.get(name) ?? make(name);
      known.set(name, found);
      return found;
    };
  };
  return {
    counter: cached((name) => meter.createCounter(name)),
    histogram: cached((name) => meter.createHistogram(name)),
    gauge: cached((name) => meter.createGauge(name)),
  };
}

async function inSpan<T>(
  tracer: ReturnType<typeof trace.getTracer>,
  own: OwnMetrics,
  name: string,
  work: () => Promise<T>,
  attributes: Labels = {},
): Promise<T> {
  const start = performance.now();
  return tracer.startActiveSpan(name, { attributes: { ...attributes } }, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      own.add("homeostat.span_failed", 1, { span: name });
      throw error;
    } finally {
      span.end();
      own.observe("homeostat.span_seconds", (performance.now() - start) / 1000, { span: name });
    }
  });
}
