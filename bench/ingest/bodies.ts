// What an LLM service sends, a thousand items a request: GenAI spans, scrapes of vLLM as points, and its log lines.
import { gzipSync } from "node:zlib";
import { normal, type Random } from "../../src/math/random.ts";
import {
  type Attributes,
  type LogRecord,
  logsRequest,
  type Metric,
  metricsRequest,
  nano,
  type Part,
  type Span,
  tracesRequest,
} from "../lib/otlp-wire.ts";

export type Signal = "traces" | "metrics" | "logs";

export const itemsPerBody = 1000;
const model = "meta-llama/Llama-3.1-8B-Instruct";

export function bodiesOf(signal: Signal, count: number, random: Random, nowMs: number): Uint8Array[] {
  const make = { traces: spans, metrics: scrapes, logs: lines }[signal];
  return Array.from({ length: count }, (_, i) => make(random, nowMs - (count - i) * 1000));
}

export function gzipped(bodies: readonly Uint8Array[]): Uint8Array[] {
  return bodies.map((body) => gzipSync(body));
}

/** Eight attributes of the resource, twelve of the span, and an event in every third. */
function spans(random: Random, nowMs: number): Uint8Array {
  const perReplica = itemsPerBody / 4;
  return tracesRequest(
    Array.from(
      { length: 4 },
      (_, replica): Part<Span> => ({
        resource: resourceOf(replica),
        scope: "vllm.llm_engine",
        items: Array.from({ length: perReplica }, () => {
          const startMs = nowMs + random() * 1000;
          const queueMs = lognormal(random, 8, 1);
          const firstTokenMs = queueMs + lognormal(random, 120, 0.6);
          const output = 1 + Math.floor(lognormal(random, 180, 0.8));
          const totalMs = firstTokenMs + output * lognormal(random, 12, 0.2);
          return {
            traceId: bytes(random, 16),
            spanId: bytes(random, 8),
            ...(random() < 0.7 ? { parentSpanId: bytes(random, 8) } : {}),
            name: `chat ${model}`,
            kind: 2,
            startNano: nanoOf(startMs),
            endNano: nanoOf(startMs + totalMs),
            attributes: {
              "gen_ai.operation.name": "chat",
              "gen_ai.provider.name": "vllm",
              "gen_ai.request.model": model,
              "gen_ai.response.model": model,
              "gen_ai.request.max_tokens": 2 ** (8 + Math.floor(random() * 4)),
              "gen_ai.request.temperature": Math.floor(random() * 11) / 10,
              "gen_ai.response.id": `chatcmpl-${hex(random, 16)}`,
              "gen_ai.response.finish_reasons": [random() < 0.9 ? "stop" : "length"],
              "gen_ai.usage.input_tokens": 1 + Math.floor(lognormal(random, 900, 1)),
              "gen_ai.usage.output_tokens": output,
              "gen_ai.latency.time_to_first_token": firstTokenMs / 1000,
              "server.address": `10.2.${replica}.${Math.floor(random() * 200)}`,
            },
            ...(random() < 1 / 3
              ? {
                  events: [
                    {
                      timeNano: nanoOf(startMs + firstTokenMs),
                      name: "gen_ai.first_token",
                      attributes: { "gen_ai.token.index": 0, "queue.ms": queueMs },
                    },
                  ],
                }
              : {}),
          };
        }),
      }),
    ),
  );
}

const gauges = ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "lora_requests_info"]
  .concat(["num_requests_swapped", "cpu_cache_usage_perc", "gpu_prefix_cache_hit_rate", "spec_decode_efficiency"])
  .map((name) => `vllm:${name}`)
  .concat(["process_resident_memory_bytes", "process_virtual_memory_bytes", "process_open_fds", "up"]);
const counters = [
  "prompt_tokens_total",
  "generation_tokens_total",
  "prefix_cache_queries_total",
  "prefix_cache_hits_total",
]
  .concat(["num_preemptions_total", "request_success_total", "http_requests_total", "iteration_tokens_total"])
  .map((name) => `vllm:${name}`)
  .concat(["process_cpu_seconds_total", "python_gc_objects_collected_total", "python_gc_collections_total"]);
const histograms = ["time_to_first_token", "inter_token_latency", "e2e_request_latency", "request_queue_time"]
  .concat(["request_inference_time", "request_prefill_time", "request_decode_time", "request_time_per_output_token"])
  .map((name) => `vllm:${name}_seconds`);
const bounds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80];
const reasons = ["stop", "length", "abort", "error"];

/** Scrapes of replicas in turn, ten seconds apart, until there are enough points: as many of each kind as vLLM gives. */
function scrapes(random: Random, nowMs: number): Uint8Array {
  const parts: Part<Metric>[] = [];
  let left = itemsPerBody;
  for (let scrape = 0; left > 0; scrape++) {
    const timeNano = nanoOf(nowMs + Math.floor(scrape / 8) * 10_000);
    const startNano = nanoOf(nowMs - 3_600_000);
    const labels = { model_name: model, engine: "0" };
    const items: Metric[] = [];
    const add = (metric: Metric): void => {
      const points = metric.points.slice(0, left);
      left -= points.length;
      if (points.length > 0) items.push({ ...metric, points } as Metric);
    };
    const head = (name: string) => ({ name, description: `${name} of the engine, as vLLM describes it.`, unit: "" });
    const point = (attributes: Attributes) => ({
      timeNano,
      startNano,
      attributes,
      value: Math.floor(random() * 1e6) / 8,
    });
    for (const name of gauges) add({ ...head(name), kind: "gauge", points: [point(labels)] });
    for (const name of counters) {
      const several = /success|http|gc/.test(name) ? reasons : [undefined];
      const points = several.map((reason) =>
        point(reason === undefined ? labels : { ...labels, finished_reason: reason }),
      );
      add({ ...head(name), kind: "counter", points });
    }
    for (const name of histograms) {
      const buckets = Array.from({ length: bounds.length + 1 }, () => Math.floor(random() * 5000));
      const count = buckets.reduce((sum, one) => sum + one, 0);
      const whole = { timeNano, startNano, attributes: labels, buckets, bounds, count, sum: random() * count };
      add({ ...head(name), kind: "histogram", points: [whole] });
    }
    parts.push({ resource: resourceOf(scrape % 8), scope: "prometheus", items });
  }
  return metricsRequest(parts);
}

function lines(random: Random, nowMs: number): Uint8Array {
  const perReplica = itemsPerBody / 4;
  return logsRequest(
    Array.from(
      { length: 4 },
      (_, replica): Part<LogRecord> => ({
        resource: resourceOf(replica),
        scope: "vllm.engine.metrics",
        items: Array.from({ length: perReplica }, () => {
          const warning = random() < 0.03;
          return {
            timeNano: nanoOf(nowMs + random() * 1000),
            severity: warning ? 13 : 9,
            severityText: warning ? "WARNING" : "INFO",
            body: line(random, warning),
            attributes: { "code.file.path": "vllm/v1/metrics/loggers.py", "code.line.number": 116, "thread.id": 1 },
            ...(random() < 0.5 ? { traceId: bytes(random, 16), spanId: bytes(random, 8) } : {}),
          };
        }),
      }),
    ),
  );
}

/** A log line of an engine: mostly numbers. */
export function line(random: Random, warning: boolean): string {
  const some = (top: number): string => (random() * top).toFixed(1);
  if (warning)
    return `Sequence group chatcmpl-${hex(random, 16)} is preempted because there is not enough KV cache space.`;
  if (random() < 0.5)
    return `Engine 000: Avg prompt throughput: ${some(9000)} tokens/s, Avg generation throughput: ${some(3000)} tokens/s, Running: ${Math.floor(random() * 200)} reqs, Waiting: ${Math.floor(random() * 30)} reqs, GPU KV cache usage: ${some(100)}%, Prefix cache hit rate: ${some(80)}%`;
  return `Received request chatcmpl-${hex(random, 16)}: params: SamplingParams(n=1, temperature=${some(1)}, max_tokens=${2 ** (8 + Math.floor(random() * 4))})`;
}

function resourceOf(replica: number): Attributes {
  return {
    "service.name": "vllm",
    "service.version": "0.11.0",
    "service.instance.id": `vllm-${replica}`,
    "service.namespace": "inference",
    "k8s.deployment.name": "vllm-llama",
    "k8s.pod.name": `vllm-llama-6d5f9c7b8-x${replica}k2p`,
    "k8s.node.name": `gpu-node-${replica}`,
    "host.name": `gpu-node-${replica}`,
  };
}

function lognormal(random: Random, middle: number, sigma: number): number {
  return middle * Math.exp(sigma * normal(random));
}

/** Microseconds are kept. */
function nanoOf(ms: number): bigint {
  return nano(ms) + BigInt(Math.floor((ms % 1) * 1000)) * 1000n;
}

function bytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => 1 + Math.floor(random() * 255));
}

function hex(random: Random, length: number): string {
  return Buffer.from(bytes(random, length / 2)).toString("hex");
}
