// What the fixture pages of GPUs, hosts and gateways must become; see expected.ts.
import { type Expected, type PageCase, p95 } from "./expected-page.ts";

const MiB = 2 ** 20;

const dcgm: Expected = {
  "gpu:GPU-aaaa": {
    gpu_utilization: 0.97,
    gpu_sm_clock: 1.98e9,
    gpu_temperature: 48,
    gpu_power: 512.5,
    gpu_energy: 500,
    gpu_memory_used: 72_000 * MiB,
    gpu_memory_usage: 0.9,
    gpu_tensor_active: 0.31,
    gpu_dram_active: 0.62,
    gpu_xid: 0,
    gpu_throttled: 0,
    gpu_power_capped: 1,
    gpu_pcie_transmit: 1e6,
    gpu_ecc_uncorrected: 0,
  },
  "gpu:GPU-bbbb": {
    gpu_utilization: 1,
    gpu_temperature: 86,
    gpu_memory_temperature: 80,
    // The code has stood there since before: no news.
    gpu_xid: 0,
    gpu_throttled: 1,
    gpu_power_capped: 0,
    gpu_thermal_throttling: 0.1,
    gpu_rows_remapped: 2,
    gpu_row_remap_failed: 1,
    gpu_ecc_uncorrected: 0.1,
    gpu_pcie_replays: 0.2,
    gpu_memory_usage: 0.75,
  },
};

export const hostPages: readonly PageCase[] = [
  {
    file: "ray-serve-2.48.prom",
    engine: "ray-serve",
    expected: {
      "replica:ray-serve-host:8000/r1": {
        running: 5,
        waiting: 1,
        kv_usage: 0.4,
        generated_tokens: 250,
        prompt_tokens: 500,
        preemptions: 0.25,
        ttft: p95(0.1, 0.25),
      },
      "service:chat": {
        app_requests: 10,
        app_errors: 0.1,
        app_error_ratio: 0.01,
        app_duration: p95(1, 5),
        app_queued: 3,
        app_running: 6,
        app_replicas_healthy: 1,
        app_replica_starts: 0.05,
      },
      "gpu:10.0.0.7/0": { gpu_utilization: 0.88, gpu_memory_used: 60_000 * 2 ** 20, gpu_memory_usage: 0.75 },
      "node:10.0.0.7": { node_cpu: 0.35, node_memory_usage: 0.3 },
    },
  },
  {
    file: "kserve-0.15.prom",
    engine: "kserve",
    expected: { "replica:kserve-host:8000": { inference_time: p95(1, 2.5), inference_time_mean: 1, finished: 5 } },
  },
  {
    file: "node-exporter-1.9.prom",
    engine: "node",
    expected: {
      "node:node-host": {
        node_cpu: 0.5,
        node_load: 3.5,
        node_memory_usage: 0.75,
        node_memory_available: 2.5e8,
        // The fullest disk; a tmpfs is none.
        node_disk_usage: 0.9,
        node_disk_busy: 0.4,
        node_disk_read: 100,
        node_disk_write: 200,
        // Without the loopback.
        node_network_receive: 1000,
        node_network_transmit: 2000,
        node_network_errors: 0.15,
        node_network_drops: 0.2,
        node_oom_kills: 0.05,
        node_memory_pressure: 0.05,
      },
    },
  },
  {
    file: "kubernetes-1.33.prom",
    engine: "kubernetes",
    expected: {
      "container:llm/chat-7d9f8b6c5d-x2k4p/vllm": {
        // The container, not the pod around it.
        container_cpu: 2,
        container_cpu_throttling: 0.25,
        container_memory: 5e6,
        container_memory_limit: 8e6,
        container_oom_kills: 0.05,
        container_restarts: 0.1,
        container_ready: 0,
        container_oom_killed: 1,
        container_waiting: 1,
      },
      "node:gpu-node-1": { node_ready: 1 },
    },
  },
  {
    file: "dcgm-exporter-3.3.5.prom",
    engine: "dcgm",
    expected: dcgm,
  },
  {
    file: "dcgm-exporter-4.8.2.prom",
    engine: "dcgm",
    expected: dcgm,
  },
];
