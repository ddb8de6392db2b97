// Modes of what is asked and answered: caches of prefixes, drafts, adapters, and answers that go wrong.
import { describe } from "vitest";
import { tell } from "./situations.ts";

const hot = "replica:vllm-1";
const all = "deployment:chat";
const early = [["replica", "ttft", "up"]] as const;

describe("the prefix cache", () => {
  const always = { replica: { prefix_cache_hit: 0.66, prefill_time: 0.2 } };
  tell([
    [
      "is missed everywhere since a prompt changed",
      {
        is: "prefix-cache-collapse",
        at: all,
        always,
        trouble: { replica: { prefix_cache_hit: 0.05, prefill_time: 0.6, ttft: 1.4, waiting: 2 } },
        anomalies: [...early, ["replica", "waiting", "up"], ["replica", "joint", "up"]],
        changes: [["deploy", all, -30, "app 41 -> 42: system prompt with time of day"]],
        not: ["upgrade-regression", "cold-start", "traffic-burst"],
      },
    ],
    [
      "is missed at one replica alone",
      {
        is: "prefix-cache-collapse",
        at: hot,
        always,
        trouble: { [hot]: { prefix_cache_hit: 0.02, prefill_time: 0.7, ttft: 1.6 } },
        anomalies: [
          [hot, "ttft", "up"],
          [hot, "joint", "up"],
        ],
        not: ["lora-thrash", "unbalanced-router"],
      },
    ],
    [
      "is not it when the version itself is slower",
      {
        is: "upgrade-regression",
        at: hot,
        always,
        version: (name) => (name === "vllm-1" ? "2" : "1"),
        trouble: { [hot]: { itl: 0.05, ttft: 0.9, running: 20 } },
        anomalies: [
          [hot, "ttft", "up"],
          [hot, "itl", "up"],
        ],
        changes: [["deploy", hot, -10, "image 1 -> 2"]],
        not: ["prefix-cache-collapse", "cold-start"],
      },
    ],
  ]);
});

describe("speculation", () => {
  const always = { replica: { spec_acceptance: 0.7, spec_length: 2.4 } };
  const slower = [
    ["replica", "itl", "up"],
    ["replica", "ttft", "up"],
  ] as const;
  tell([
    [
      "collapses when the draft does not fit any more",
      {
        is: "speculative-acceptance-collapse",
        at: all,
        always,
        trouble: { replica: { spec_acceptance: 0.2, spec_length: 0.6, itl: 0.045 } },
        anomalies: slower,
        changes: [["deploy", all, -30, "target model revision a1 -> a2"]],
        not: ["upgrade-regression"],
      },
    ],
    [
      "does not when the draft fits and the version is slower",
      {
        is: "upgrade-regression",
        at: hot,
        always,
        version: (name) => (name === "vllm-1" ? "2" : "1"),
        trouble: { [hot]: { itl: 0.05, ttft: 0.8 } },
        anomalies: [
          [hot, "itl", "up"],
          [hot, "ttft", "up"],
        ],
        changes: [["deploy", hot, -30, "image 1 -> 2"]],
        not: ["speculative-acceptance-collapse"],
      },
    ],
  ]);
});

describe("adapters", () => {
  const always = { replica: { lora_usage: 0.4, prefix_cache_hit: 0.6 }, gpu: { gpu_pcie_receive: 1e8 } };
  const late = [
    [hot, "ttft", "up"],
    [hot, "waiting", "up"],
  ] as const;
  tell([
    [
      "thrash when more are in use than fit",
      {
        is: "lora-thrash",
        at: hot,
        always,
        trouble: {
          [hot]: { lora_usage: 1, waiting: 9, ttft: 6, running: (s) => 8 + (s % 45) / 15 },
          "gpu:GPU-1": { gpu_pcie_receive: 6e9 },
        },
        anomalies: late,
        not: ["prefix-cache-collapse", "cold-start", "traffic-burst"],
      },
    ],
    [
      "do not when a start explains it",
      {
        is: "cold-start",
        at: hot,
        always: { ...always, [hot]: { process_start_time_seconds: 0 } },
        trouble: {
          [hot]: { prefix_cache_hit: 0.1, ttft: 2, process_start_time_seconds: Date.UTC(2026, 0, 5, 12, 20) / 1000 },
        },
        anomalies: [
          [hot, "ttft", "up"],
          [hot, "generated_tokens", "down"],
        ],
        changes: [["restart", hot, -40, "pod replaced"]],
        logs: [["vllm-1", "Application startup complete."]],
        not: ["lora-thrash", "prefix-cache-collapse"],
      },
    ],
  ]);
});

describe("answers", () => {
  const always = { replica: { truncated: 0.2, output_length: 200, output_limit: 1024, corrupted: 0 } };
  const long = {
    truncated: 1.6,
    finished: 1.8,
    output_length: 950,
    running: 28,
    kv_usage: 0.85,
    generated_tokens: 900,
  };
  const grown = [
    ["replica", "kv_usage", "up"],
    ["replica", "finished", "down"],
  ] as const;
  tell([
    [
      "run on since a model was rolled out",
      {
        is: "runaway-generation",
        at: all,
        always,
        trouble: { replica: long },
        anomalies: grown,
        changes: [["model", all, -60, "tokenizer revision 3 -> 4"]],
        not: ["zombie-requests", "nan-logits", "kv-cache-saturation", "traffic-burst"],
      },
    ],
    [
      "run on until the cache is full: still the answers are the cause",
      {
        is: "runaway-generation",
        at: all,
        always,
        trouble: { replica: { ...long, kv_usage: 0.98, preemptions: 0.5, waiting: 9 } },
        anomalies: [...grown, ["replica", "waiting", "up"]],
        changes: [["model", all, -60, "tokenizer revision 3 -> 4"]],
        not: ["kv-cache-saturation", "traffic-burst"],
      },
    ],
    [
      "turn into rubbish on one replica",
      {
        is: "nan-logits",
        at: hot,
        always,
        trouble: { [hot]: { corrupted: 0.8, truncated: 1.2, finished: 2.5, output_length: 700 } },
        alerts: [["nan-logits", hot]],
        logs: [["vllm-1", "ValueError: Out of range float values are not JSON compliant"]],
        not: ["runaway-generation"],
      },
    ],
    [
      "are no rubbish when only the cache is full",
      {
        is: "kv-cache-saturation",
        at: hot,
        always,
        trouble: { [hot]: { kv_usage: 0.99, preemptions: 2, waiting: 20, running: 30, ttft: 5 } },
        anomalies: [
          [hot, "kv_usage", "up"],
          [hot, "ttft", "up"],
        ],
        not: ["runaway-generation", "nan-logits"],
      },
    ],
  ]);
});
