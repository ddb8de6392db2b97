// What engines run on: nodes and containers.
import { defineSignals } from "./define.ts";

const node = defineSignals("node", [
  ["node_cpu", "node:cpu_usage_ratio", "CPU use of the node", "1", "ratio", "rise"],
  ["node_load", "node:load1", "Load, one minute", "{thread}", "gauge", "rise"],
  ["node_memory_usage", "node:memory_usage_ratio", "Memory use of the node", "1", "ratio", "rise"],
  ["node_memory_available", "node:memory_available_bytes", "Memory available", "By", "gauge", "fall"],
  ["node_memory_pressure", "node:memory_pressure_ratio", "Time stalled on memory", "1", "ratio", "rise"],
  ["node_swap_usage", "node:swap_usage_ratio", "Swap in use", "1", "ratio", "rise"],
  ["node_disk_usage", "node:disk_usage_ratio", "Fullest file system", "1", "ratio", "rise"],
  ["node_disk_busy", "node:disk_busy_ratio", "Busiest disk", "1", "ratio", "rise"],
  ["node_disk_read", "node:disk_read_bytes:rate", "Disk reads per second", "By/s", "rate", "either"],
  ["node_disk_write", "node:disk_write_bytes:rate", "Disk writes per second", "By/s", "rate", "either"],
  ["node_network_receive", "node:network_receive_bytes:rate", "Network received per second", "By/s", "rate", "either"],
  ["node_network_transmit", "node:network_transmit_bytes:rate", "Network sent per second", "By/s", "rate", "either"],
  ["node_network_errors", "node:network_errors:rate", "Network errors per second", "{error}/s", "rate", "rise"],
  ["node_network_drops", "node:network_drops:rate", "Packets dropped per second", "{packet}/s", "rate", "rise"],
  ["node_oom_kills", "node:oom_kills:rate", "Processes killed for memory per second", "{process}/s", "rate", "rise"],
  ["node_ready", "node:ready", "Node is ready", "1", "ratio", "fall"],
]);

const container = defineSignals("container", [
  ["container_cpu", "container:cpu_cores:rate", "CPU use of the container", "{cpu}", "rate", "either"],
  ["container_cpu_throttling", "container:cpu_throttling_ratio", "CPU periods throttled", "1", "ratio", "rise"],
  ["container_memory", "container:memory_working_set_bytes", "Memory working set", "By", "gauge", "rise"],
  ["container_memory_limit", "container:memory_limit_bytes", "Memory limit", "By", "gauge", "either"],
  ["container_restarts", "container:restarts:rate", "Restarts per second", "{restart}/s", "rate", "rise"],
  ["container_oom_kills", "container:oom_kills:rate", "Kills for memory per second", "{event}/s", "rate", "rise"],
  ["container_oom_killed", "container:oom_killed", "Last ended by a kill for memory", "1", "ratio", "rise"],
  ["container_ready", "container:ready", "Container is ready", "1", "ratio", "fall"],
  ["container_waiting", "container:waiting", "Container cannot start", "1", "ratio", "rise"],
]);

export const hostSignals = [...node, ...container];
