// Getting telemetry to the receiver: the SDK's OTLP/HTTP exporters, with retries and in order for each replica.
import { setTimeout as sleep } from "node:timers/promises";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Recorded } from "./otlp.ts";

export interface Shipper {
  /**
   * Resolves once everything was acknowledged or given up (then it is counted as dropped). Batches of one replica arrive
   * in the order of the calls.
   */
  ship(batch: Recorded): Promise<void>;
  stop(): Promise<void>;
}

export interface ShipperOptions {
  /** Base URL of the OTLP receiver, without `/v1/...`. */
  readonly endpoint: string;
  readonly telemetry: Telemetry;
  /** How often a batch is tried before it is dropped. The SDK tries each of these several times itself. */
  readonly attemptsMax: number;
}

interface Exporter<T> {
  export(items: T, done: (result: { readonly code: number; readonly error?: Error }) => void): void;
  shutdown(): Promise<void>;
}

const retryAfterMs = 500;
const timeoutMillis = 30_000;

export function createShipper({ endpoint, telemetry, attemptsMax }: ShipperOptions): Shipper {
  const base = endpoint.replace(/\/+$/, "");
  const metrics = new OTLPMetricExporter({ url: `${base}/v1/metrics`, timeoutMillis });
  const logs = new OTLPLogExporter({ url: `${base}/v1/logs`, timeoutMillis });
  const traces = new OTLPTraceExporter({ url: `${base}/v1/traces`, timeoutMillis });
  const queues = new Map<string, Promise<void>>();
  const stopping = new AbortController();

  /** Behind what went before it under the same key. */
  function inOrder(key: string, work: () => Promise<void>): Promise<void> {
    const next = (queues.get(key) ?? Promise.resolve()).then(work);
    queues.set(key, next);
    return next;
  }

  async function send<T>(exporter: Exporter<T>, items: T, kind: string, rows: number): Promise<void> {
    if (rows === 0) return;
    let reason = "stopped";
    for (let attempt = 1; attempt <= attemptsMax && !stopping.signal.aborted; attempt++) {
      const error = await exportOnce(exporter, items);
      if (error === undefined) {
        telemetry.count("homeostat.simulate.sent", rows, { kind });
        return;
      }
      reason = isFinal(error) ? "refused" : "unreachable";
      telemetry.log.warn("export failed", { kind, attempt, error: error.message });
      if (reason === "refused") break;
      await sleep(retryAfterMs * attempt, undefined, { signal: stopping.signal }).catch(() => {});
    }
    telemetry.count("homeostat.simulate.dropped", rows, { kind, reason });
  }

  return {
    async ship(batch) {
      await Promise.all([
        ...batch.metrics.map(({ replica, data, points }) =>
          inOrder(`metrics ${replica}`, () => send(metrics, data, "metrics", points)),
        ),
        inOrder("logs", () => send(logs, batch.logs, "logs", batch.logs.length)),
        inOrder("traces", () => send(traces, batch.spans, "spans", batch.spans.length)),
      ]);
    },
    async stop() {
      stopping.abort();
      await Promise.allSettled([metrics.shutdown(), logs.shutdown(), traces.shutdown()]);
    },
  };
}

function exportOnce<T>(exporter: Exporter<T>, items: T): Promise<Error | undefined> {
  return new Promise((resolve) => {
    exporter.export(items, ({ code, error }) =>
      resolve(code === 0 ? undefined : (error ?? new Error("export failed"))),
    );
  });
}

/** A status that the same bytes would get again. */
function isFinal(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === "number" && code >= 400 && code < 500 && code !== 408 && code !== 429;
}
