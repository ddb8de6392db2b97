// Answers, weights, caches and settings: modes that follow a change or a file, most of them without a trace in the engine.
import { type Case, judgeAll } from "./judge.ts";
import {
  alert,
  changed,
  counter,
  deployment,
  each,
  engine,
  replicas,
  slow,
  slowAnomalies,
  stuckAnomalies,
} from "./situation.ts";

const model = { gen_ai_request_model: "m" };
const flagged = (fact: string, before: number, during: number) => [
  counter("homeostat_text_flagged_total", { ...model, side: "output", fact }, before, during),
];
const seen = counter("homeostat_text_seen_total", { ...model, side: "output" }, 4, 4);
const probe = (name: string) => [
  counter("homeostat_probe_failures_total", { ...model, entity: "replica:probe", probe: name }, 0, 0.05),
];
const crashing = { "container:ready": 0, "container:waiting": 1, "container:restarts:rate": 0.02 };
const engineOf = "container:ns/chat-1/engine";
/** One replica does not come up; its siblings carry its load. */
const down = {
  signals: { "replica:chat-1": null, [engineOf]: crashing, "replica:chat-0": slow, "replica:chat-2": slow },
  anomalies: [...slowAnomalies(0), ...slowAnomalies(2)],
};
const badShard = engine(
  1,
  "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
);
const badCache = engine(
  1,
  "File vllm/compilation/backends.py: AssertionError: Expected tensors only; see torch_compile_cache",
);

const cases: readonly Case[] = [
  [
    "foreign script in answers since a deploy",
    "garbled-output",
    deployment,
    {
      raw: [...flagged("garbled", 0, 0.4), ...flagged("wrong_language", 0, 0.5), seen],
      changes: [changed("deploy", deployment, "new kernels")],
      alerts: [alert("garbled-output", deployment)],
    },
  ],
  [
    "golden prompts fail and nothing is garbled",
    "silent-quality-regression",
    deployment,
    {
      raw: [...flagged("garbled", 0, 0), seen, ...probe("golden")],
      changes: [changed("deploy", deployment, "approximate top-k")],
      alerts: [alert("garbled-output", deployment)],
    },
  ],
  [
    "content of other requests out of an external cache",
    "kv-cross-contamination",
    deployment,
    {
      raw: probe("cross_request"),
      signals: each(replicas, { "llm:external_cache_hit_ratio": 0.4 }),
      changes: [changed("config", deployment, "LMCache offload switched on")],
      alerts: [alert("kv-cross-contamination", deployment)],
    },
  ],
  [
    "gibberish with an external cache in use, and no foreign content",
    "garbled-output",
    deployment,
    {
      raw: [...flagged("garbled", 0, 0.6), seen],
      signals: each(replicas, { "llm:external_cache_hit_ratio": 0.4 }),
      changes: [changed("deploy", deployment, "vllm 0.26")],
      alerts: [alert("kv-cross-contamination", deployment)],
    },
  ],
  ["a shard that is cut short", "corrupted-weights", engineOf, { ...down, logs: [badShard] }],
  [
    "a crash loop in the compile cache, though the alert says weights",
    "poisoned-compile-cache",
    engineOf,
    { ...down, logs: [badCache], alerts: [alert("corrupted-weights", engineOf)] },
  ],
  [
    "a broken shard, though the alert says compile cache",
    "corrupted-weights",
    engineOf,
    { ...down, logs: [badShard], alerts: [alert("poisoned-compile-cache", engineOf)] },
  ],
  [
    "answers get worse after a new model: refusals and lengths",
    "silent-quality-regression",
    deployment,
    {
      raw: [...flagged("refusal", 0.02, 0.5), seen, ...probe("golden")],
      signals: each(replicas, { "llm:output_length_tokens:mean": 90 }),
      changes: [changed("model", deployment, "chat-2026-11 instead of chat-2026-10")],
      alerts: [alert("silent-quality-regression", deployment)],
    },
  ],
  [
    "long prompts on a short pool since the router changed",
    "wrong-pool-routing",
    deployment,
    {
      raw: probe("route"),
      signals: each(replicas, { "llm:prompt_length_tokens:mean": 9000, "llm:requests_rejected:rate": 0.4 }),
      changes: [changed("config", deployment, "load balancer: new routing rules")],
      alerts: [alert("silent-quality-regression", deployment)],
    },
  ],
  [
    "slower since a deploy, prompts as ever",
    "upgrade-regression",
    "replica:chat-1",
    {
      signals: { "replica:chat-1": slow },
      anomalies: slowAnomalies(1),
      changes: [changed("deploy", "replica:chat-1", "vllm 0.24")],
      alerts: [alert("wrong-pool-routing", deployment)],
    },
  ],
  [
    "settings the engine refuses",
    "config-error",
    deployment,
    {
      ...down,
      changes: [changed("config", deployment, "max_model_len 131072, tensor_parallel_size 2")],
      logs: [engine(1, "ValueError: No available memory for the cache blocks. Try increasing gpu_memory_utilization.")],
      alerts: [alert("corrupted-weights", engineOf)],
    },
  ],
  [
    "empty answers since a new template",
    "config-error",
    deployment,
    {
      raw: [...flagged("empty", 0, 0.8), seen],
      changes: [changed("config", deployment, "chat template")],
      alerts: [alert("config-error", deployment)],
    },
  ],
  [
    "a smaller cache that is full since a change of memory settings",
    "kv-cache-saturation",
    "replica:chat-1",
    {
      signals: {
        "replica:chat-1": {
          "llm:kv_cache_usage_ratio": 0.99,
          "llm:preemptions:rate": 2,
          "llm:requests_waiting": 20,
          "llm:ttft_seconds:p95": 4,
          "llm:kv_capacity_blocks": 9000,
        },
      },
      anomalies: stuckAnomalies(1).slice(1),
      changes: [changed("config", deployment, "gpu_memory_utilization 0.9 -> 0.6")],
      alerts: [alert("config-error", deployment)],
    },
  ],
  [
    "a fleet that is slower since a deploy, with settings as ever",
    "upgrade-regression",
    "replica:chat-0",
    {
      signals: each(replicas, slow),
      anomalies: [0, 1, 2].flatMap(slowAnomalies),
      changes: [changed("deploy", deployment, "vllm 0.24")],
      alerts: [alert("config-error", deployment)],
    },
  ],
  [
    "retrieval that finds nothing makes answers worse, not the model",
    "rag-staleness",
    "service:gateway",
    {
      raw: [
        counter("homeostat_retrieval_results_total", { entity: "service:gateway", empty: "true" }, 0.01, 2),
        counter("homeostat_retrieval_results_total", { entity: "service:gateway", empty: "false" }, 2, 0.1),
      ],
      changes: [changed("model", "service:gateway", "embedding model text-3 instead of text-2")],
      alerts: [alert("silent-quality-regression", "service:gateway")],
    },
  ],
];

judgeAll(cases);
