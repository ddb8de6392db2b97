// What faults within an engine process leave.
import { expect } from "vitest";
import { dcgm, gpu, one, per, type Row, tokens, v } from "./row.ts";

export const engineRows: Readonly<Record<string, Row>> = {
  engine_hang: {
    target: "replica:1",
    holds(sick) {
      expect(tokens(sick)).toBe(0);
      expect(sick.gauge(v("num_requests_running"), one)).toBeGreaterThan(0);
      expect(sick.gained(v("e2e_request_latency_seconds"), one)).toBe(0);
      expect(sick.gauge("up", { source: "vllm-1 vllm-1" })).toBe(1);
      expect(sick.gauge(dcgm("DEV_GPU_UTIL"), gpu)).toBeGreaterThan(80);
      expect(sick.gauge(dcgm("DEV_POWER_USAGE"), gpu)).toBeLessThan(0.4 * 700);
      expect(sick.gauge(dcgm("PROF_DRAM_ACTIVE"), gpu)).toBeLessThan(0.1);
    },
  },
  kv_leak: {
    target: "replica:1",
    params: "blocks_per_minute: 8000",
    holds(sick, well) {
      expect(sick.gauge(v("kv_cache_usage_perc"), one)).toBeGreaterThan(
        well.gauge(v("kv_cache_usage_perc"), one) + 0.3,
      );
    },
  },
  lost_requests: {
    target: "replica:1",
    holds(sick) {
      expect(sick.gauge(v("num_requests_running"), one)).toBe(0);
      expect(sick.gauge(v("num_requests_waiting"), one)).toBe(0);
      expect(sick.gauge("http.server.active_requests")).toBeGreaterThan(20);
    },
  },
  unschedulable_request: {
    target: "replica:1",
    holds(sick) {
      expect(tokens(sick)).toBe(0);
      expect(sick.gauge(v("num_requests_running"), one)).toBe(0);
      expect(sick.gauge(v("num_requests_waiting"), one)).toBeGreaterThan(1);
      expect(sick.gauge(v("kv_cache_usage_perc"), one)).toBeLessThan(0.01);
    },
  },
  zombies: {
    target: "replica:1",
    holds(sick, well) {
      expect(sick.gauge(v("num_requests_running"), one)).toBeGreaterThan(
        well.gauge(v("num_requests_running"), one) + 10,
      );
      expect(per(tokens(sick), sick.gained(v("request_success_total"), one))).toBeGreaterThan(
        2 * per(tokens(well), well.gained(v("request_success_total"), one)),
      );
    },
  },
  gc_pause: {
    target: "replica:1",
    params: "period_seconds: 5, pause_ms: 1500",
    holds(sick, well) {
      expect(sick.gained("python_gc_collections_total", one)).toBeGreaterThan(2);
      expect(sick.mean(v("inter_token_latency_seconds"), one)).toBeGreaterThan(
        1.15 * well.mean(v("inter_token_latency_seconds"), one),
      );
    },
  },
  tokenizer_slow: {
    target: "replica:1",
    params: "ms_per_kilotoken: 400",
    holds(sick, well) {
      expect(sick.gained("process_cpu_seconds_total", one)).toBeGreaterThan(
        10 * well.gained("process_cpu_seconds_total", one),
      );
      expect(sick.gauge(dcgm("DEV_POWER_USAGE"), gpu)).toBeLessThan(well.gauge(dcgm("DEV_POWER_USAGE"), gpu));
      expect(sick.mean("http.server.request.duration")).toBeGreaterThan(
        1.5 * well.mean("http.server.request.duration"),
      );
      expect(sick.mean(v("request_queue_time_seconds"), one)).toBeLessThan(0.2);
    },
  },
  grammar_stall: {
    target: "deployment",
    holds: (sick, well) =>
      expect(sick.mean(v("inter_token_latency_seconds"))).toBeGreaterThan(
        2 * well.mean(v("inter_token_latency_seconds")),
      ),
  },
  lora_churn: {
    target: "deployment",
    engine: "max_loras: 4, lora_adapters: 16",
    params: "load_ms: 250",
    holds(sick, well) {
      expect(sick.mean(v("time_to_first_token_seconds"))).toBeGreaterThan(
        1.5 * well.mean(v("time_to_first_token_seconds")),
      );
      expect(sick.samples(v("lora_requests_info"))).toBeGreaterThan(0);
    },
  },
  kv_transfer_stall: {
    target: "replica:1",
    holds(sick) {
      expect(sick.gauge(v("num_requests_waiting_by_reason"), { ...one, reason: "deferred" })).toBeGreaterThan(10);
      expect(sick.mean(v("time_to_first_token_seconds"), one)).toBeGreaterThan(15);
      expect(sick.gained(v("nixl_num_failed_transfers_total"), one)).toBeGreaterThan(50);
      expect(sick.logs(/Timeout waiting for P side ready/)).toBeGreaterThan(3);
    },
  },
  rss_leak: {
    target: "replica:1",
    params: "mib_per_minute: 30000",
    holds(sick, well) {
      expect(sick.logs(/Memory cgroup out of memory: Killed process/)).toBeGreaterThan(0);
      expect(sick.gauge("container_memory_working_set_bytes", { pod: "vllm-1" })).toBeGreaterThan(
        1.2 * well.gauge("container_memory_working_set_bytes", { pod: "vllm-1" }),
      );
      expect(sick.samples("kube_pod_container_status_last_terminated_reason", { reason: "OOMKilled" })).toBeGreaterThan(
        0,
      );
    },
  },
  gpu_oom_class: {
    target: "replica:1",
    holds(sick) {
      expect(sick.logs(/CUDA out of memory/)).toBeGreaterThan(0);
      expect(sick.gauge("kube_pod_container_status_restarts_total", { pod: "vllm-1" })).toBeGreaterThan(0.5);
      expect(sick.gauge("up", { source: "vllm-1 vllm-1" })).toBeLessThan(1);
    },
  },
  cuda_illegal_access: {
    target: "replica:1",
    holds(sick) {
      expect(sick.logs(/illegal memory access/)).toBeGreaterThan(0);
      expect(sick.logs(/NVRM: Xid \(PCI:0000:1b:00\): 31, pid=/)).toBe(1);
      expect(sick.gauge(dcgm("DEV_XID_ERRORS"), gpu)).toBeGreaterThan(25);
    },
  },
};
