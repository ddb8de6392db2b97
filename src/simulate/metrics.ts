// The metrics of a vLLM process, declared once: the Prometheus page and the OTLP export are both made from this list.
import type { Labels } from "../model/labels.ts";
import { models } from "./hardware.ts";
import { residentBytes } from "./memory.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";
import type { EngineStats, Histogram } from "./stats.ts";

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export type Family = {
  /** As exposed: counters with `_total`, histograms without `_bucket`. */
  readonly name: string;
  readonly help: string;
} & (
  | {
      readonly kind: "gauge" | "counter";
      /** Its values are moments: seconds of virtual time here, Unix seconds where they go out. */
      readonly moment?: true;
      /** `nowMs`: the fleet's virtual time. */
      samples(replica: Replica, scenario: Scenario, nowMs: number): readonly Sample[];
    }
  | { readonly kind: "histogram"; histogram(stats: EngineStats): Histogram }
);

/** Labels every engine metric carries. */
export function engineLabels(scenario: Scenario): Labels {
  return { model_name: models[scenario.model].name, engine: "0" };
}

export const families: readonly Family[] = [
  gauge("num_requests_running", "Number of requests in model execution batches.", (stats) => stats.running),
  gauge("num_requests_waiting", "Number of requests waiting to be processed.", (stats) => stats.waiting),
  gauge("kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", (stats) => stats.kvUsage),
  counter("num_preemptions", "Cumulative number of preemption from the engine.", (stats) => stats.preemptions),
  counter("prompt_tokens", "Number of prefill tokens processed.", (stats) => stats.promptTokens),
  counter("generation_tokens", "Number of generation tokens processed.", (stats) => stats.generationTokens),
  counter(
    "prefix_cache_queries",
    "Prefix cache queries, in terms of number of queried tokens.",
    (s) => s.prefixQueries,
  ),
  counter("prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens.", (stats) => stats.prefixHits),
  counter("prompt_tokens_recomputed", "Number of prompt tokens computed again.", (stats) => stats.recomputedTokens),
  optional("corrupted_requests", "Corrupted requests, in terms of NaNs in logits.", (s) => s.corrupted),
  optional("spec_decode_num_drafts", "Number of spec decoding drafts.", (stats) => stats.drafts),
  optional("spec_decode_num_draft_tokens", "Number of draft tokens.", (stats) => stats.draftTokens),
  optional("spec_decode_num_accepted_tokens", "Number of accepted tokens.", (stats) => stats.acceptedTokens),
  optional("nixl_num_failed_transfers", "Number of failed NIXL KV Cache transfers.", (s) => s.transfersFailed),
  {
    name: "vllm:num_requests_waiting_by_reason",
    help: "Number of requests waiting, by why.",
    kind: "gauge",
    samples({ engine: { stats } }, scenario) {
      const reasons = { capacity: stats.waiting - stats.deferred, deferred: stats.deferred };
      return Object.entries(reasons).map(([reason, value]) => ({
        labels: { ...engineLabels(scenario), reason },
        value,
      }));
    },
  },
  {
    name: "vllm:lora_requests_info",
    help: "Running stats on lora requests.",
    kind: "gauge",
    moment: true,
    samples({ spec: { config }, engine }, _, nowMs) {
      if (config.max_loras === 0) return [];
      const { running, waiting } = engine.adapters();
      const names = (list: readonly number[]): string => list.map((each) => `adapter-${each}`).join(",");
      const labels = {
        max_lora: String(config.max_loras),
        running_lora_adapters: names(running),
        waiting_lora_adapters: names(waiting),
      };
      // As vLLM does: the value is when this was so.
      return [{ labels, value: nowMs / 1000 }];
    },
  },
  processGauge("process_resident_memory_bytes", "Resident memory size in bytes.", (replica) =>
    Math.round(residentBytes(replica)),
  ),
  {
    name: "process_start_time_seconds",
    help: "Start time of the process.",
    kind: "gauge",
    moment: true,
    samples: ({ startedAt }) => [{ labels: {}, value: startedAt / 1000 }],
  },
  {
    name: "process_cpu_seconds_total",
    help: "Total user and system CPU time spent in seconds.",
    kind: "counter",
    samples: ({ api }) => [{ labels: {}, value: api.busyMs / 1000 }],
  },
  {
    name: "python_gc_collections_total",
    help: "Number of times this generation was collected",
    kind: "counter",
    samples: ({ gcPauses }) => [{ labels: { generation: "2" }, value: gcPauses }],
  },
  {
    name: "vllm:request_success_total",
    help: "Count of successfully processed requests.",
    kind: "counter",
    samples({ engine: { stats } }, scenario) {
      const ends = { stop: stats.stopped, length: stats.lengthCapped, abort: stats.aborted };
      return Object.entries(ends).map(([reason, value]) => ({
        labels: { ...engineLabels(scenario), finished_reason: reason },
        value,
      }));
    },
  },
  {
    name: "vllm:cache_config_info",
    help: "Information of the LLMEngine CacheConfig",
    kind: "gauge",
    samples: (replica) => [{ labels: cacheConfig(replica), value: 1 }],
  },
  histogram("time_to_first_token_seconds", "Histogram of time to first token in seconds.", (stats) => stats.ttft),
  histogram("inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", (stats) => stats.itl),
  histogram("e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", (stats) => stats.e2e),
  histogram("request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", (s) => s.queue),
  histogram("request_prompt_tokens", "Number of prefill tokens processed.", (stats) => stats.promptLength),
  histogram("request_generation_tokens", "Number of generation tokens processed.", (s) => s.generationLength),
  histogram("request_time_per_output_token_seconds", "Histogram of time per output token.", (stats) => stats.tpot),
  histogram("request_prefill_time_seconds", "Histogram of time spent in PREFILL phase.", (stats) => stats.prefill),
  histogram("request_decode_time_seconds", "Histogram of time spent in DECODE phase.", (stats) => stats.decode),
  histogram("request_params_max_tokens", "Histogram of the max_tokens request parameter.", (stats) => stats.limit),
  histogram("iteration_tokens_total", "Histogram of number of tokens per engine_step.", (s) => s.iterationTokens),
];

function cacheConfig({ spec: { config }, engine }: Replica): Labels {
  return {
    block_size: String(config.block_size),
    cache_dtype: "auto",
    enable_prefix_caching: config.enable_prefix_caching ? "True" : "False",
    engine: "0",
    gpu_memory_utilization: String(config.gpu_memory_utilization),
    num_gpu_blocks: String(engine.blocksTotal),
    swap_space: "4",
  };
}

/** Only there once it is not zero: of what is switched off nothing is exposed. */
function optional(name: string, help: string, read: (stats: EngineStats) => number): Family {
  return {
    name: `vllm:${name}_total`,
    help,
    kind: "counter",
    samples({ engine: { stats } }, scenario) {
      const value = read(stats);
      return value === 0 ? [] : [{ labels: engineLabels(scenario), value }];
    },
  };
}

function processGauge(name: string, help: string, read: (replica: Replica) => number): Family {
  return { name, help, kind: "gauge", samples: (replica) => [{ labels: {}, value: read(replica) }] };
}

function gauge(name: string, help: string, read: (stats: EngineStats) => number): Family {
  return scalar(`vllm:${name}`, help, "gauge", read);
}

function counter(name: string, help: string, read: (stats: EngineStats) => number): Family {
  return scalar(`vllm:${name}_total`, help, "counter", read);
}

function scalar(name: string, help: string, kind: "gauge" | "counter", read: (stats: EngineStats) => number): Family {
  return {
    name,
    help,
    kind,
    samples: ({ engine }, scenario) => [{ labels: engineLabels(scenario), value: read(engine.stats) }],
  };
}

function histogram(name: string, help: string, read: (stats: EngineStats) => Histogram): Family {
  return { name: `vllm:${name}`, help, kind: "histogram", histogram: read };
}
