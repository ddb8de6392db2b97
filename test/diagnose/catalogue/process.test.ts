// Modes of the process an engine is: its memory, its GPU context, its processor, its probes.
import { describe } from "vitest";
import { tell } from "./situations.ts";

const hot = "replica:vllm-1";
const box = "container:vllm-1";
const fell = [
  [hot, "generated_tokens", "down"],
  [hot, "ttft", "up"],
] as const;
const gib = 2 ** 30;
const back = { generated_tokens: 200, finished: 1.5, running: (s: number) => 4 + (s % 60) / 20, ttft: 2 };
const restarted = ["restart", hot, -20, "container restarted"] as const;

describe("memory of the host", () => {
  const always = {
    container: {
      container_memory_limit: 64 * gib,
      container_oom_kills: 0,
      container_oom_killed: 0,
      container_restarts: 0,
    },
    [box]: { container_memory: (s: number) => (58 + s / 300) * gib },
    [hot]: { process_resident_memory_bytes: (s: number) => (58 + s / 200) * gib },
  };
  tell([
    [
      "leaks: it grows in a line, and the container is killed at its limit",
      {
        is: "host-memory-leak",
        at: hot,
        always,
        trouble: { [box]: { container_oom_killed: 1, container_restarts: 0.004 }, [hot]: back },
        anomalies: fell,
        changes: [restarted],
        not: ["cuda-out-of-memory", "probe-restart-loop", "cold-start"],
      },
    ],
    [
      "is not it when the GPU is what ran out",
      {
        is: "cuda-out-of-memory",
        at: hot,
        always: { container: { container_restarts: 0, container_oom_killed: 0 } },
        trouble: { [box]: { container_restarts: 0.002 }, [hot]: { ...back, errors: 2 } },
        anomalies: fell,
        changes: [restarted],
        logs: [
          ["vllm-1", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 128.00 MiB."],
          ["vllm-1", "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue."],
        ],
        not: ["host-memory-leak", "cuda-illegal-access", "cold-start", "probe-restart-loop"],
      },
    ],
  ]);
});

describe("a CUDA context", () => {
  tell([
    [
      "is lost to an illegal memory access",
      {
        is: "cuda-illegal-access",
        at: hot,
        always: { gpu: { gpu_xid: 0 }, "gpu:GPU-1": { gpu_xid: 0 } },
        trouble: { [hot]: back, "gpu:GPU-1": { gpu_xid: 31 } },
        anomalies: fell,
        changes: [restarted],
        logs: [
          ["vllm-1", "RuntimeError: CUDA error: an illegal memory access was encountered"],
          ["vllm-1", "EngineDeadError: EngineCore encountered an issue."],
        ],
        not: ["cuda-out-of-memory", "cold-start"],
      },
    ],
    [
      "is not lost when a replica was only scaled out",
      {
        is: "cold-start",
        at: hot,
        always: { [hot]: { process_start_time_seconds: 0 } },
        trouble: { [hot]: { ...back, process_start_time_seconds: Date.UTC(2026, 0, 5, 12, 20) / 1000 } },
        anomalies: fell,
        changes: [["scale", hot, -20, "3 -> 4 replicas"]],
        logs: [["vllm-1", "Application startup complete."]],
        not: ["cuda-illegal-access", "cuda-out-of-memory", "probe-restart-loop", "stuck-engine"],
      },
    ],
  ]);
});

describe("the processor", () => {
  const always = { container: { container_cpu_throttling: 0.02 }, gpu: { gpu_dram_active: 0.5, gpu_utilization: 0.9 } };
  const cores = (per: number) => ({ process_cpu_seconds_total: (s: number) => 10_000 + s * per });
  const queued = [
    [hot, "ttft", "up"],
    [hot, "waiting", "up"],
    [hot, "itl", "up"],
  ] as const;
  tell([
    [
      "is the bottleneck: the container is throttled and the GPU idles beside a queue",
      {
        is: "cpu-bottleneck",
        at: hot,
        always: { ...always, [hot]: cores(0.99) },
        trouble: {
          [hot]: {
            waiting: (s) => 4 + s / 10,
            running: (s) => 20 + s / 20,
            generated_tokens: 480,
            ttft: 4,
            kv_usage: 0.55,
          },
          [box]: { container_cpu_throttling: 0.6 },
          "gpu:GPU-1": { gpu_dram_active: 0.1, gpu_utilization: 0.35 },
        },
        anomalies: queued,
        not: ["concurrency-cap", "traffic-burst", "grammar-stall"],
      },
    ],
    [
      "is not it when the GPU is busy and running is capped",
      {
        is: "concurrency-cap",
        at: hot,
        always: { ...always, [hot]: cores(0.4) },
        trouble: {
          [hot]: { waiting: (s) => 4 + s / 10, running: 16, generated_tokens: 640, ttft: 4, kv_usage: 0.55 },
          [box]: { container_cpu_throttling: 0.02 },
          "gpu:GPU-1": { gpu_dram_active: 0.6, gpu_utilization: 0.95 },
        },
        anomalies: queued.slice(0, 2),
        changes: [["config", hot, -20, "max_num_seqs 32 -> 16"]],
        not: ["cpu-bottleneck"],
      },
    ],
    [
      "stalls on grammars",
      {
        is: "grammar-stall",
        at: hot,
        always: { ...always, replica: { waiting_grammar: 0, grammar_compile_time: 0.05, structured: 0.2 } },
        trouble: {
          [hot]: {
            waiting_grammar: 9,
            grammar_compile_time: 6,
            structured: 3,
            generated_tokens: 150,
            ttft: 5,
            waiting: 9,
          },
          "gpu:GPU-1": { gpu_dram_active: 0.08, gpu_utilization: 0.2 },
        },
        anomalies: fell,
        logs: [["vllm-1", "xgrammar: compiling grammar took 6.1 s"]],
        not: ["cpu-bottleneck", "stuck-engine"],
      },
    ],
    [
      "stops to collect garbage, again and again",
      {
        is: "gc-pauses",
        at: hot,
        trouble: { [hot]: { generated_tokens: (s) => (s % 60 < 30 ? 620 : 20), itl: 0.4 } },
        anomalies: [
          [hot, "itl", "up"],
          [hot, "ttft", "up"],
        ],
        logs: [["vllm-1", "GC took 7031.814ms to complete. 12 objects collected in generation 2"]],
        minutes: 6,
        not: ["long-prefill-starvation", "stuck-engine", "upgrade-regression"],
      },
    ],
    [
      "does not when a long prompt is what holds the steps up",
      {
        is: "long-prefill-starvation",
        at: hot,
        always: { replica: { step_tokens: 300 } },
        trouble: { [hot]: { step_tokens: 8000, itl: 2.5, generated_tokens: 6, prompt_tokens: 0, finished: 0 } },
        anomalies: [
          [hot, "itl", "up"],
          [hot, "generated_tokens", "down"],
        ],
        minutes: 3,
        not: ["gc-pauses", "stuck-engine"],
      },
    ],
  ]);
});

describe("probes", () => {
  const always = { container: { container_restarts: 0, container_oom_killed: 0 }, [box]: { container_oom_killed: 0 } };
  tell([
    [
      "kill a busy replica again and again",
      {
        is: "probe-restart-loop",
        at: hot,
        always,
        trouble: { [box]: { container_restarts: 0.015 }, [hot]: { ...back, waiting: 8 } },
        anomalies: fell,
        changes: [restarted],
        logs: [["vllm-1", "Liveness probe failed: Get http://10.0.0.7:8000/health: context deadline exceeded"]],
        not: ["host-memory-leak", "cold-start", "cuda-illegal-access"],
      },
    ],
    [
      "do not when the kernel killed it for memory",
      {
        is: "host-memory-leak",
        at: hot,
        always: { ...always, [hot]: { process_resident_memory_bytes: (s) => (40 + s / 200) * gib } },
        trouble: { [box]: { container_restarts: 0.015, container_oom_killed: 1 }, [hot]: { ...back, waiting: 8 } },
        anomalies: fell,
        changes: [restarted],
        not: ["probe-restart-loop", "cold-start"],
      },
    ],
  ]);
});
