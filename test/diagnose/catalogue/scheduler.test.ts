// Modes of the scheduler and of caches: each told from what looks like it.
import { describe } from "vitest";
import { tell } from "./situations.ts";

const hot = "replica:vllm-1";
const late = [
  [hot, "ttft", "up"],
  [hot, "waiting", "up"],
] as const;
const stopped = { generated_tokens: 0, prompt_tokens: 0, finished: 0 };

describe("the concurrency cap", () => {
  tell([
    [
      "is reached: running lies flat, the cache has room, requests wait",
      {
        is: "concurrency-cap",
        at: hot,
        trouble: { [hot]: { running: 16, waiting: (s) => 2 + s / 10, kv_usage: 0.6, ttft: 4, generated_tokens: 640 } },
        anomalies: [...late, [hot, "finished", "down"]],
        changes: [["config", hot, -20, "max_num_seqs 64 -> 16"]],
        not: ["traffic-burst", "kv-cache-saturation", "stuck-engine"],
      },
    ],
    [
      "is told within a minute, from a count of running requests that only just lies flat at its highest",
      {
        is: "concurrency-cap",
        at: hot,
        minutes: 1,
        trouble: { [hot]: { running: (s) => Math.min(256, 150 + 6 * s), waiting: 70, kv_usage: 0.3 } },
        changes: [["config", hot, -20, "max_num_seqs 1024 -> 256"]],
        alerts: [["concurrency-cap", hot]],
        not: ["kv-cache-saturation", "traffic-burst"],
      },
    ],
    [
      "is not it at a peak of running requests when the cache is what is full",
      {
        is: "kv-cache-saturation",
        at: hot,
        minutes: 1,
        trouble: { [hot]: { running: (s) => Math.min(256, 150 + 6 * s), waiting: 70, kv_usage: 0.99, preemptions: 3 } },
        anomalies: [...late, [hot, "kv_usage", "up"]],
        not: ["concurrency-cap"],
      },
    ],
    [
      "is not what holds requests back when the cache is full and preempts",
      {
        is: "kv-cache-saturation",
        at: hot,
        trouble: {
          [hot]: { running: 16, waiting: 20, kv_usage: 0.99, preemptions: 2, ttft: 5, generated_tokens: 500 },
        },
        anomalies: [...late, [hot, "kv_usage", "up"]],
        not: ["concurrency-cap"],
      },
    ],
  ]);
});

describe("an unschedulable request", () => {
  tell([
    [
      "blocks the queue: nothing runs, the cache is empty",
      {
        is: "unschedulable-request",
        at: hot,
        trouble: { [hot]: { ...stopped, running: 0, waiting: (s) => 1 + s / 20, kv_usage: 0 } },
        anomalies: [
          [hot, "generated_tokens", "down"],
          [hot, "waiting", "up"],
        ],
        not: ["stuck-engine", "cold-start"],
      },
    ],
    [
      "is not it when requests run and make no tokens",
      {
        is: "stuck-engine",
        at: hot,
        trouble: { [hot]: { ...stopped, running: 17, waiting: 4 } },
        anomalies: [
          [hot, "generated_tokens", "down"],
          [hot, "waiting", "up"],
        ],
        not: ["unschedulable-request", "zombie-requests", "unbalanced-router"],
      },
    ],
  ]);
});

describe("a leak of the KV-cache pool", () => {
  tell([
    [
      "shows in what an idle engine uses of its cache",
      {
        is: "kv-pool-leak",
        at: hot,
        trouble: {
          [hot]: { running: 1, waiting: 4, kv_usage: 0.97, preemptions: 0.2, generated_tokens: 30, finished: 0.3 },
        },
        anomalies: [
          [hot, "kv_usage", "up"],
          [hot, "generated_tokens", "down"],
        ],
        not: ["kv-cache-saturation", "zombie-requests"],
      },
    ],
    [
      "is not it when the cache is full of what runs",
      {
        is: "kv-cache-saturation",
        at: hot,
        trouble: {
          [hot]: { running: 30, waiting: 20, kv_usage: 0.99, preemptions: 2, ttft: 5, generated_tokens: 500 },
        },
        anomalies: [...late, [hot, "kv_usage", "up"]],
        not: ["kv-pool-leak", "unbalanced-router"],
      },
    ],
  ]);
});

describe("long prompts", () => {
  const always = { replica: { step_tokens: 300, prompt_length: 1200 } };
  tell([
    [
      "starve decoding: steps are chunks, tokens seconds apart, hardly a queue",
      {
        is: "long-prefill-starvation",
        at: hot,
        always,
        trouble: {
          [hot]: { step_tokens: 8000, itl: 2.5, generated_tokens: 6, waiting: 1, prompt_tokens: 0, finished: 0 },
        },
        anomalies: [
          [hot, "itl", "up"],
          [hot, "generated_tokens", "down"],
        ],
        minutes: 2,
        not: ["stuck-engine", "gc-pauses", "prefill-convoy"],
      },
    ],
    [
      "are not it when the GPU holds its clocks down",
      {
        is: "upgrade-regression",
        at: hot,
        always,
        version: (name) => (name === "vllm-1" ? "2" : "1"),
        trouble: { [hot]: { itl: 0.09, generated_tokens: 400, ttft: 0.9 } },
        anomalies: [
          [hot, "itl", "up"],
          [hot, "ttft", "up"],
        ],
        changes: [["deploy", hot, -10, "image 0.10 -> 0.11"]],
        not: ["long-prefill-starvation", "speculative-acceptance-collapse"],
      },
    ],
    [
      "in a convoy: a long queue, prompts at the ceiling, next to no tokens",
      {
        is: "prefill-convoy",
        at: hot,
        always,
        trouble: {
          [hot]: {
            prompt_tokens: 24_000,
            generated_tokens: 30,
            running: 10,
            waiting: 90,
            kv_usage: 0.2,
            step_tokens: 8000,
            itl: 1.5,
          },
        },
        anomalies: late,
        not: ["long-prefill-starvation", "traffic-burst", "kv-cache-saturation"],
      },
    ],
  ]);
});

describe("zombie requests", () => {
  tell([
    [
      "run on for nobody: tokens flow, nothing finishes",
      {
        is: "zombie-requests",
        at: hot,
        trouble: { [hot]: { running: 3, finished: 0, generated_tokens: 180, prompt_tokens: 0 } },
        anomalies: [
          [hot, "finished", "down"],
          [hot, "kv_usage", "up"],
        ],
        logs: [["vllm-1", "Received output for rid='a1' but the state was deleted in TokenizerManager"]],
        minutes: 6,
        not: ["stuck-engine", "runaway-generation"],
      },
    ],
    [
      "are not it when answers end, by length",
      {
        is: "runaway-generation",
        at: hot,
        always: { replica: { truncated: 0.2, output_length: 200, output_limit: 1024 } },
        trouble: { [hot]: { running: 30, finished: 1.5, truncated: 1.4, output_length: 1000 } },
        anomalies: [
          [hot, "finished", "down"],
          [hot, "kv_usage", "up"],
        ],
        not: ["zombie-requests"],
      },
    ],
  ]);
});

describe("transfers of KV cache", () => {
  tell([
    [
      "stall: requests are held back and transfers fail",
      {
        is: "kv-transfer-stall",
        at: hot,
        always: { replica: { waiting_deferred: 0, waiting_capacity: 0, kv_transfer_failures: 0 } },
        trouble: {
          [hot]: {
            waiting: 12,
            waiting_deferred: 12,
            kv_transfer_failures: 0.3,
            running: 2,
            generated_tokens: 90,
            ttft: 60,
          },
        },
        anomalies: late,
        not: ["kv-cache-saturation", "gateway-timeout-mismatch", "unschedulable-request"],
      },
    ],
    [
      "do not when what waits, waits for room",
      {
        is: "kv-cache-saturation",
        at: hot,
        always: { replica: { waiting_deferred: 0, waiting_capacity: 0, kv_transfer_failures: 0 } },
        trouble: { [hot]: { waiting: 20, waiting_capacity: 20, running: 30, kv_usage: 0.99, preemptions: 2, ttft: 5 } },
        anomalies: [...late, [hot, "kv_usage", "up"]],
        not: ["kv-transfer-stall"],
      },
    ],
  ]);
});

describe("data-parallel ranks", () => {
  const ranks = (waits: readonly number[], runs: readonly number[]) =>
    Object.fromEntries([
      ...runs.map((value, i) => [`vllm:kv_cache_usage_perc{engine="${i}"}`, value / 60]),
      ...waits.map((value, i) => [`vllm:num_requests_waiting{engine="${i}"}`, value]),
      ...runs.map((value, i) => [`vllm:num_requests_running{engine="${i}"}`, value]),
    ]);
  tell([
    [
      "are unbalanced when one of them has all the queue",
      {
        is: "data-parallel-imbalance",
        at: hot,
        always: { replica: ranks([0, 0, 0], [4, 4, 4]) },
        trouble: { [hot]: { ...ranks([60, 0, 0], [51, 2, 2]), waiting: 60, running: 55, ttft: 6 } },
        anomalies: late,
        not: ["unbalanced-router", "kv-cache-saturation"],
      },
    ],
    [
      "are not when a whole replica has too much",
      {
        is: "unbalanced-router",
        at: "deployment:chat",
        always: { replica: ranks([0, 0, 0], [4, 4, 4]) },
        trouble: {
          replica: { running: 2, generated_tokens: 120, finished: 0.6 },
          [hot]: {
            ...ranks([10, 9, 11], [10, 11, 10]),
            waiting: 30,
            running: 31,
            generated_tokens: 1500,
            finished: 10,
            ttft: 6,
          },
        },
        anomalies: late,
        not: ["data-parallel-imbalance", "traffic-burst"],
      },
    ],
  ]);
});
