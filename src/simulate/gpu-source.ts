// NVIDIA's DCGM exporter on a node: the few fields of its default counters, or many.
import type { Labels } from "../model/labels.ts";
import { gpus as gpuSpecs } from "./hardware.ts";
import type { Gpu, Node } from "./machines.ts";
import { counter, gauge, type Series, type Source } from "./samples.ts";
import type { Scenario } from "./scenario.ts";

export function gpuSource(scenario: Scenario, node: Node): Source {
  let last: readonly Series[] = [];
  return {
    key: `dcgm ${node.index}`,
    resource: () => ({
      "service.name": "dcgm-exporter",
      "service.instance.id": `${node.name}:9400`,
      "k8s.node.name": node.name,
    }),
    since: () => node.exportersSince,
    clockMs: () => node.clockMs,
    page() {
      if (node.exportersDown) return undefined;
      if (node.frozenAt === undefined)
        last = node.gpus.filter(({ missing }) => !missing).flatMap((gpu) => fields(scenario, node, gpu));
      return last;
    },
  };
}

function fields(scenario: Scenario, node: Node, gpu: Gpu): Series[] {
  const spec = gpuSpecs[scenario.gpu];
  const labels = labelsOf(scenario, node, gpu);
  const totalMib = spec.memoryGib * 1024;
  const g = (name: string, value: number): Series => gauge(`DCGM_FI_${name}`, value, labels);
  const c = (name: string, value: number): Series => counter(`DCGM_FI_${name}`, value, labels);
  const few = [
    g("DEV_SM_CLOCK", Math.round(gpu.clockMhz)),
    g("DEV_MEMORY_TEMP", Math.round(gpu.celsius + 6)),
    g("DEV_GPU_TEMP", Math.round(gpu.celsius)),
    g("DEV_POWER_USAGE", Math.round(gpu.watts * 1000) / 1000),
    c("DEV_TOTAL_ENERGY_CONSUMPTION", Math.round(gpu.millijoules)),
    c("DEV_PCIE_REPLAY_COUNTER", gpu.pcieReplays),
    g("DEV_GPU_UTIL", Math.round(gpu.utilization * 100)),
    g("DEV_MEM_COPY_UTIL", Math.round(gpu.dram * 100)),
    g("DEV_XID_ERRORS", gpu.xid),
    g("DEV_FB_USED", Math.round(gpu.memoryUsedMib)),
    g("DEV_FB_FREE", Math.round(totalMib - gpu.memoryUsedMib)),
    c("DEV_UNCORRECTABLE_REMAPPED_ROWS", gpu.remapped),
    c("DEV_CORRECTABLE_REMAPPED_ROWS", 0),
    g("DEV_ROW_REMAP_FAILURE", gpu.remapFailed ? 1 : 0),
    g("PROF_GR_ENGINE_ACTIVE", gpu.utilization),
    g("PROF_PIPE_TENSOR_ACTIVE", gpu.tensor),
    g("PROF_DRAM_ACTIVE", gpu.dram),
  ];
  if (scenario.telemetry.dcgm !== "full") return few;
  return [
    ...few,
    g("DEV_CLOCKS_EVENT_REASONS", gpu.reasons),
    g("DEV_ENFORCED_POWER_LIMIT", gpu.limitWatts),
    g("DEV_POWER_MGMT_LIMIT", gpu.limitWatts),
    g("DEV_ROW_REMAP_PENDING", gpu.remapPending ? 1 : 0),
    c("DEV_THERMAL_VIOLATION", gpu.thermalNs),
    c("DEV_POWER_VIOLATION", gpu.powerNs),
    c("DEV_ECC_SBE_VOL_TOTAL", gpu.eccSingle),
    c("DEV_ECC_DBE_VOL_TOTAL", gpu.eccDouble),
    c("DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL", gpu.nvlinkErrors),
    c("DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL", Math.floor(gpu.nvlinkErrors / 8)),
    c("DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL", Math.floor(gpu.nvlinkErrors / 2)),
    c("DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL", Math.floor(gpu.nvlinkErrors / 30)),
    g("PROF_SM_ACTIVE", gpu.utilization * 0.9),
    g("PROF_NVLINK_TX_BYTES", Math.round((gpu.link / gpu.nvlinkFactor) * 2e11)),
  ];
}

function labelsOf(scenario: Scenario, node: Node, gpu: Gpu): Labels {
  return {
    gpu: String(gpu.index),
    UUID: gpu.uuid,
    pci_bus_id: gpu.pci,
    device: `nvidia${gpu.index}`,
    modelName: gpuSpecs[scenario.gpu].name.replaceAll("_", " "),
    Hostname: node.name,
    ...(gpu.replica === undefined ? {} : { namespace: "serving", pod: gpu.replica.name, container: "vllm" }),
  };
}
