// What faults of GPUs and nodes leave.
import { expect } from "vitest";
import { dcgm, gpu, one, type Row, tokens, v } from "./row.ts";

export const machineRows: Readonly<Record<string, Row>> = {
  xid: {
    target: "gpu:1/0",
    params: "code: 31",
    holds(sick, well) {
      expect(sick.logs(/NVRM: Xid \(PCI:0000:1b:00\): 31/)).toBe(1);
      expect(sick.gauge(dcgm("DEV_XID_ERRORS"), gpu)).toBeGreaterThan(20);
      expect(well.gauge(dcgm("DEV_XID_ERRORS"), gpu)).toBe(0);
    },
  },
  ecc: {
    target: "gpu:1/0",
    holds(sick) {
      expect(sick.gained(dcgm("DEV_ECC_SBE_VOL_TOTAL"), gpu)).toBeGreaterThan(100);
      expect(sick.gained(dcgm("DEV_ECC_DBE_VOL_TOTAL"), gpu)).toBe(1);
      expect(sick.logs(/: 48, /)).toBe(1);
      expect(sick.logs(/uncorrectable ECC error/)).toBeGreaterThan(0);
    },
  },
  // Silent by its nature: what it leaves is in answers alone, and only of the replica on it.
  miscompute: {
    target: "gpu:1/0",
    params: "share: 0.4",
    holds(sick, well) {
      const shares = sick.simulation.fleet.replicas.map(({ condition }) => condition.miscomputedShare);
      expect(shares).toEqual([0, 0.4, 0]);
      expect(sick.logs(/NVRM: Xid/)).toBe(0);
      const errors = dcgm("DEV_ECC_SBE_VOL_TOTAL");
      expect(sick.gained(errors, gpu)).toBe(well.gained(errors, gpu));
      expect(tokens(sick)).toBe(tokens(well));
    },
  },
  gpu_missing: {
    target: "gpu:1/0",
    holds(sick) {
      expect(sick.samples(dcgm("DEV_GPU_TEMP"), gpu)).toBeLessThan(9);
      expect(sick.samples(dcgm("DEV_GPU_TEMP"), { ...gpu, gpu: "1" })).toBeGreaterThan(30);
      expect(sick.logs(/fallen off the bus/)).toBeGreaterThan(0);
      expect(sick.gauge("kube_pod_container_status_ready", { pod: "vllm-1" })).toBeLessThan(0.2);
    },
  },
  nvlink_degrade: {
    target: "node:1",
    engine: "tp: 2",
    params: "factor: 60",
    holds(sick, well) {
      expect(sick.gained(dcgm("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL"), { Hostname: "gpu-node-1" })).toBeGreaterThan(
        100,
      );
      expect(sick.mean(v("time_to_first_token_seconds"), one)).toBeGreaterThan(
        1.15 * well.mean(v("time_to_first_token_seconds"), one),
      );
    },
  },
  nccl_hang: {
    target: "replica:1",
    engine: "tp: 2",
    params: "watchdog_seconds: 60",
    holds(sick) {
      expect(sick.logs(/Watchdog caught collective operation timeout/)).toBe(1);
      expect(sick.logs(/No available shared memory broadcast block/)).toBe(1);
    },
  },
  thermal: {
    target: "node:1",
    toMs: 400_000,
    holds(sick, well) {
      expect(sick.gauge(dcgm("DEV_GPU_TEMP"), gpu)).toBeGreaterThan(25 + well.gauge(dcgm("DEV_GPU_TEMP"), gpu));
      expect(sick.gauge(dcgm("DEV_SM_CLOCK"), gpu)).toBeLessThan(0.95 * well.gauge(dcgm("DEV_SM_CLOCK"), gpu));
      expect(sick.gained(dcgm("DEV_THERMAL_VIOLATION"), gpu)).toBeGreaterThan(1e9);
      expect(sick.mean(v("inter_token_latency_seconds"), one)).toBeGreaterThan(
        1.03 * well.mean(v("inter_token_latency_seconds"), one),
      );
    },
  },
  power_cap: {
    target: "node:1",
    params: "watts: 150",
    holds(sick, well) {
      expect(sick.gauge(dcgm("DEV_ENFORCED_POWER_LIMIT"), gpu)).toBe(150);
      expect(sick.gauge(dcgm("DEV_POWER_USAGE"), gpu)).toBeLessThanOrEqual(150);
      expect(sick.gauge(dcgm("DEV_SM_CLOCK"), gpu)).toBeLessThan(0.95 * well.gauge(dcgm("DEV_SM_CLOCK"), gpu));
      expect(sick.gauge(dcgm("DEV_GPU_TEMP"), gpu)).toBeLessThan(60);
    },
  },
  straggler: {
    target: "gpu:1/0",
    holds(sick, well) {
      expect(sick.mean(v("inter_token_latency_seconds"), one)).toBeGreaterThan(
        1.5 * well.mean(v("inter_token_latency_seconds"), one),
      );
      expect(sick.gauge(dcgm("DEV_SM_CLOCK"), gpu)).toBe(well.gauge(dcgm("DEV_SM_CLOCK"), gpu));
    },
  },
  cpu_throttle: {
    target: "node:1",
    holds(sick, well) {
      expect(sick.gained("container_cpu_cfs_throttled_periods_total", { pod: "vllm-1" })).toBeGreaterThan(200);
      expect(well.gained("container_cpu_cfs_throttled_periods_total", { pod: "vllm-1" })).toBe(0);
      expect(sick.mean(v("inter_token_latency_seconds"), one)).toBeGreaterThan(
        1.1 * well.mean(v("inter_token_latency_seconds"), one),
      );
    },
  },
  disk_fill: {
    target: "node:1",
    params: "share_per_minute: 0.5",
    holds(sick, well) {
      expect(sick.gauge("node_filesystem_avail_bytes", { source: "node 1" })).toBeLessThan(
        0.4 * well.gauge("node_filesystem_avail_bytes", { source: "node 1" }),
      );
      expect(sick.logs(/No space left on device/)).toBe(1);
      expect(sick.logs(/low on resource: ephemeral-storage/)).toBe(1);
    },
  },
  node_loss: {
    target: "node:1",
    holds(sick) {
      expect(sick.gauge("kube_node_status_condition", { node: "gpu-node-1", status: "true" })).toBe(0);
      expect(sick.gauge("up", { source: "dcgm 1" })).toBe(0);
      expect(sick.gauge("kube_deployment_status_replicas_available")).toBe(2);
      expect(sick.changes.map(({ summary }) => summary).join()).toContain("kernel updated");
    },
  },
  clock_skew: {
    target: "node:1",
    holds(sick, well) {
      expect(sick.aheadSeconds).toBeGreaterThan(14);
      expect(well.aheadSeconds).toBeLessThan(1);
    },
  },
  exporter_freeze: {
    target: "node:1",
    holds(sick) {
      expect(sick.gained(dcgm("DEV_TOTAL_ENERGY_CONSUMPTION"), gpu)).toBe(0);
      expect(sick.gained(dcgm("DEV_TOTAL_ENERGY_CONSUMPTION"), { ...gpu, Hostname: "gpu-node-0" })).toBeGreaterThan(0);
      expect(sick.gauge("up", { source: "dcgm 1" })).toBe(1);
    },
  },
  exporter_restart: {
    target: "node:1",
    holds: (sick, well) => expect(tokens(sick)).toBe(tokens(well)),
  },
};
