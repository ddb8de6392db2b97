// Modes of traffic and of what stands before engines: bursts, retries, starts, routers, timeouts.
import { describe } from "vitest";
import { tell } from "./situations.ts";

const hot = "replica:vllm-1";
const all = "deployment:chat";
const gateway = "service:gateway";
const queues = [
  ["replica", "ttft", "up"],
  ["replica", "waiting", "up"],
  ["replica", "prompt_tokens", "up"],
] as const;
const always = {
  replica: { aborts: 0.02, truncated: 0.1, prefix_cache_hit: 0.5, e2e: 8 },
  [gateway]: { app_requests: 12, app_error_ratio: 0.001, app_duration: 8 },
};
const burst = {
  prompt_tokens: 9000,
  generated_tokens: 950,
  finished: 6.5,
  waiting: (s: number) => 4 + s / 10,
  running: (s: number) => 24 + (s % 60) / 15,
  kv_usage: 0.85,
  ttft: 5,
};

describe("a burst of traffic", () => {
  tell([
    [
      "fills the queues of replicas that are as fast as ever",
      {
        is: "traffic-burst",
        at: all,
        always,
        trouble: { replica: burst, [gateway]: { app_requests: 24 } },
        anomalies: queues,
        not: ["retry-storm", "concurrency-cap", "kv-cache-saturation", "unbalanced-router"],
      },
    ],
    [
      "stays one when the caches fill up and preempt everywhere",
      {
        is: "traffic-burst",
        at: all,
        always,
        trouble: { replica: { ...burst, kv_usage: 0.97, preemptions: 0.2 }, [gateway]: { app_requests: 24 } },
        anomalies: [...queues, ["replica", "kv_usage", "up"]],
        not: ["retry-storm", "concurrency-cap"],
      },
    ],
    [
      "is not it when no more arrives and less is done",
      {
        is: "upgrade-regression",
        at: "replica:vllm-0",
        always,
        version: () => "2",
        trouble: {
          replica: { itl: 0.05, ttft: 3, waiting: (s) => s / 20, running: 25, generated_tokens: 480, finished: 3.4 },
        },
        anomalies: [...queues.slice(0, 2), ["replica", "itl", "up"]],
        changes: [["deploy", all, -20, "image 1 -> 2"]],
        not: ["traffic-burst", "retry-storm"],
      },
    ],
  ]);
});

describe("a storm of retries", () => {
  const storm = {
    ...burst,
    generated_tokens: 560,
    prompt_tokens: 8000,
    finished: 5.5,
    aborts: 3.2,
    prefix_cache_hit: 0.75,
  };
  tell([
    [
      "asks again and again for what gets aborted",
      {
        is: "retry-storm",
        at: all,
        always,
        trouble: { replica: storm, [gateway]: { app_requests: 22, app_error_ratio: 0.4 } },
        anomalies: queues,
        not: ["traffic-burst", "gateway-timeout-mismatch"],
      },
    ],
    [
      "is not it when more gets through than ever",
      {
        is: "traffic-burst",
        at: all,
        always,
        trouble: { replica: { ...burst, aborts: 0.1 }, [gateway]: { app_requests: 24 } },
        anomalies: queues,
        not: ["retry-storm"],
      },
    ],
  ]);
});

describe("a cold start", () => {
  tell([
    [
      "is slow for a while and over by itself",
      {
        is: "cold-start",
        at: hot,
        always: { ...always, [hot]: { process_start_time_seconds: 0 } },
        trouble: {
          [hot]: {
            ttft: 3,
            generated_tokens: 150,
            finished: 1,
            running: 4,
            process_start_time_seconds: Date.UTC(2026, 0, 5, 12, 19) / 1000,
          },
        },
        anomalies: [
          [hot, "ttft", "up"],
          [hot, "generated_tokens", "down"],
        ],
        changes: [["restart", hot, -60, "node drained, pod moved"]],
        logs: [["vllm-1", "Application startup complete."]],
        not: ["stuck-engine", "probe-restart-loop", "unbalanced-router"],
      },
    ],
    [
      "that ends in a hang is a hang",
      {
        is: "stuck-engine",
        at: hot,
        always,
        trouble: { [hot]: { generated_tokens: 0, prompt_tokens: 0, finished: 0, running: 17, waiting: 4 } },
        anomalies: [
          [hot, "generated_tokens", "down"],
          [hot, "waiting", "up"],
        ],
        changes: [["restart", hot, -500, "node drained, pod moved"]],
        minutes: 6,
        not: ["cold-start"],
      },
    ],
  ]);
});

describe("a router", () => {
  const load = (busy: object, idle: object) => ({ replica: { ...idle }, [hot]: { ...busy } }) as const;
  tell([
    [
      "sends most to one replica, which makes most of the tokens",
      {
        is: "unbalanced-router",
        at: all,
        always,
        trouble: load(
          {
            running: (s: number) => 30 + (s % 60) / 20,
            waiting: 25,
            generated_tokens: 1400,
            finished: 9.5,
            kv_usage: 0.9,
            ttft: 5,
          },
          { running: 2, generated_tokens: 150, finished: 1, kv_usage: 0.1 },
        ),
        anomalies: [
          [hot, "ttft", "up"],
          [hot, "waiting", "up"],
        ],
        changes: [["config", all, -60, "epp scorer weights: prefix 1 -> 10"]],
        not: ["traffic-burst", "concurrency-cap"],
      },
    ],
    [
      "is not to blame when one replica's cache shrank",
      {
        is: "kv-cache-saturation",
        at: hot,
        always,
        trouble: {
          [hot]: { kv_usage: 0.99, preemptions: 2, waiting: 20, running: 30, ttft: 5, generated_tokens: 500 },
        },
        anomalies: [
          [hot, "kv_usage", "up"],
          [hot, "ttft", "up"],
        ],
        changes: [["config", hot, -10, "gpu_memory_utilization 0.9 -> 0.84"]],
        not: ["unbalanced-router"],
      },
    ],
  ]);
});

describe("a timeout of the gateway", () => {
  const cut = { aborts: 0.9, e2e: 58, finished: 4.1 };
  tell([
    [
      "cuts off long answers at the same second while the engine is well",
      {
        is: "gateway-timeout-mismatch",
        at: all,
        always,
        trouble: { replica: cut, [gateway]: { app_duration: 60, app_error_ratio: 0.2 } },
        alerts: [["gateway-timeout-mismatch", hot]],
        changes: [["config", all, -60, "route timeout 1800s -> 60s"]],
        not: ["retry-storm", "stuck-engine", "kv-transfer-stall"],
      },
    ],
    [
      "is not it when no token comes at all",
      {
        is: "stuck-engine",
        at: hot,
        always,
        trouble: {
          [hot]: { generated_tokens: 0, prompt_tokens: 0, finished: 0, running: 17, waiting: 4 },
          [gateway]: { app_duration: 60, app_error_ratio: 0.3 },
        },
        anomalies: [
          [hot, "generated_tokens", "down"],
          [hot, "waiting", "up"],
        ],
        not: ["gateway-timeout-mismatch", "retry-storm"],
      },
    ],
  ]);
});
