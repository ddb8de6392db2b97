// What a cluster tells of nodes, containers and itself: node exporter, cAdvisor, kube-state-metrics, API server, controller.
import type { Fleet } from "./fleet.ts";
import { cpuCores, type Node } from "./machines.ts";
import { memoryLimitBytes, residentBytes } from "./memory.ts";
import type { Replica } from "./replica.ts";
import { counter, gauge, type HistogramSeries, type Series, type Source } from "./samples.ts";
import { createHistogram, observe } from "./stats.ts";

const diskBytes = 1.8e12;
const memoryBytes = 1024 * 2 ** 30;

/** Node exporter and the kubelet's cAdvisor, each node's own. */
export function nodeSource(node: Node, replica: Replica): Source {
  return {
    key: `node ${node.index}`,
    resource: () => ({
      "service.name": "node-exporter",
      "service.instance.id": `${node.name}:9100`,
      "k8s.node.name": node.name,
    }),
    since: () => node.exportersSince,
    clockMs: () => node.clockMs,
    page(nowMs) {
      if (node.exportersDown) return undefined;
      const disk = { device: "/dev/nvme0n1p1", fstype: "ext4", mountpoint: "/" };
      const pod = { namespace: "serving", pod: replica.name, container: "vllm", node: node.name };
      const seconds = nowMs / 1000;
      return [
        gauge("node_filesystem_size_bytes", diskBytes, disk),
        gauge("node_filesystem_avail_bytes", Math.round(diskBytes * (1 - node.diskUsedShare)), disk),
        gauge("node_memory_MemTotal_bytes", memoryBytes),
        gauge("node_memory_MemAvailable_bytes", Math.round(memoryBytes * (1 - node.memoryUsedShare))),
        gauge("node_load1", 1 + replica.engine.stats.running / 64),
        gauge("node_timex_offset_seconds", node.clockMs / 1000),
        counter("node_cpu_seconds_total", cpuCores * seconds - node.busyCpuSeconds, { cpu: "0", mode: "idle" }),
        counter("node_cpu_seconds_total", node.busyCpuSeconds, { cpu: "0", mode: "user" }),
        gauge("container_memory_working_set_bytes", Math.round(residentBytes(replica)), pod),
        counter("container_cpu_usage_seconds_total", replica.cpuSeconds + replica.api.busyMs / 1000, pod),
        counter("container_cpu_cfs_periods_total", Math.round(replica.periods), pod),
        counter("container_cpu_cfs_throttled_periods_total", Math.round(replica.throttledPeriods), pod),
      ];
    },
  };
}

export function kubeStateSource(fleet: Fleet): Source {
  return {
    key: "kube-state-metrics",
    resource: () => ({ "service.name": "kube-state-metrics", "service.instance.id": "kube-state-metrics:8080" }),
    since: () => 0,
    clockMs: () => 0,
    page() {
      const { deployment } = fleet.scenario;
      const there = fleet.replicas.filter(({ state }) => state !== "absent");
      const ready = there.filter(({ state }) => state === "serving").length;
      const of = { namespace: "serving", deployment };
      return [
        gauge("kube_deployment_spec_replicas", there.length, of),
        gauge("kube_deployment_status_replicas_available", ready, of),
        gauge("kube_deployment_status_replicas_updated", there.length, of),
        ...there.flatMap((replica) => podSeries(replica, fleet.nodes[replica.index]!)),
        ...fleet.nodes.flatMap(({ name, ready: well, kernel }) => [
          gauge("kube_node_status_condition", well ? 1 : 0, { node: name, condition: "Ready", status: "true" }),
          gauge("kube_node_status_condition", well ? 0 : 1, { node: name, condition: "Ready", status: "unknown" }),
          gauge("kube_node_info", 1, { node: name, kernel_version: kernel }),
        ]),
      ];
    },
  };
}

function podSeries(replica: Replica, { name: node }: Node): Series[] {
  const pod = { namespace: "serving", pod: replica.name, container: "vllm" };
  const { lastEnd, state } = replica;
  const series = [
    counter("kube_pod_container_status_restarts_total", replica.restarts, pod),
    gauge("kube_pod_container_status_ready", state === "serving" ? 1 : 0, pod),
    gauge("kube_pod_container_resource_limits", memoryLimitBytes, { ...pod, resource: "memory", unit: "byte", node }),
  ];
  if (state === "down") {
    series.push(gauge("kube_pod_container_status_waiting_reason", 1, { ...pod, reason: "CrashLoopBackOff" }));
  }
  if (lastEnd !== undefined) {
    series.push(gauge("kube_pod_container_status_last_terminated_reason", 1, { ...pod, reason: lastEnd.reason }));
    series.push(gauge("kube_pod_container_status_last_terminated_exitcode", lastEnd.exitCode, pod));
  }
  return series;
}

/** The API server and the controller that heals and scales. */
export function controlPlaneSources(fleet: Fleet): readonly Source[] {
  const { cluster } = fleet.surroundings;
  const durations = createHistogram([0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 4, 6, 10, 20, 30, 60]);
  let told = 0;
  const apiServer: Source = {
    key: "apiserver",
    resource: () => ({ "service.name": "apiserver", "service.instance.id": "10.0.0.1:6443" }),
    since: () => 0,
    clockMs: () => 0,
    page(nowMs) {
      // About twenty requests a second, one in twenty slow.
      for (; told < nowMs / 50; told++)
        observe(durations, told % 20 === 0 ? cluster.apiServerSeconds : cluster.apiServerSeconds / 10);
      const histogram: HistogramSeries = {
        name: "apiserver_request_duration_seconds",
        kind: "histogram",
        labels: { verb: "GET", resource: "pods", subresource: "" },
        histogram: durations,
      };
      return [histogram, counter("apiserver_request_total", told, { verb: "GET", resource: "pods", code: "200" })];
    },
  };
  const controller: Source = {
    key: "controller",
    resource: () => ({ "service.name": "serving-controller", "service.instance.id": "serving-controller:8080" }),
    since: () => cluster.controllerSince,
    clockMs: () => 0,
    page: (nowMs) =>
      cluster.controllerDown
        ? undefined
        : [
            counter("controller_runtime_reconcile_total", Math.floor((nowMs - cluster.controllerSince) / 5000), {
              controller: "inferenceservice",
              result: "success",
            }),
          ],
  };
  return [apiServer, controller];
}
