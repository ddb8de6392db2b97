// Nodes, control plane, disks, clocks and the telemetry itself.
import { type Case, judgeAll } from "./judge.ts";
import {
  alert,
  changed,
  counter,
  deployment,
  each,
  engine,
  gauge,
  gpusOf,
  kernel,
  replicas,
  slow,
  slowAnomalies,
  stuck,
  stuckAnomalies,
} from "./situation.ts";

const slot1 = ["replica:chat-1", "node:n1", ...gpusOf(1)];
const failing = { "app:error_ratio": 0.3 };
const busier = { ...slow, "llm:requests_running": 19 };
const controller = "container:ns/kserve-controller-0/manager";
const apiSlow = ["0.5", "1", "4", "+Inf"].map((le, i) =>
  counter(
    "apiserver_request_duration_seconds_bucket",
    { entity: "replica:api", verb: "LIST", le },
    20,
    [1, 2, 5, 20][i]!,
  ),
);
const offset = (during: number) =>
  gauge("node_timex_offset_seconds", { entity: "replica:n1:9100", instance: "n1:9100" }, 0.001, during);

const cases: readonly Case[] = [
  [
    "a node and all on it gone, the rest overloaded, callers fail",
    "capacity-loss",
    deployment,
    {
      signals: {
        ...each(slot1, null),
        "node:n1": { "node:ready": 0 },
        "service:gateway": failing,
        "replica:chat-0": busier,
        "replica:chat-2": busier,
      },
      anomalies: [...slowAnomalies(0), ...slowAnomalies(2)],
      changes: [changed("other", deployment, "daily OS update of the node pool")],
    },
  ],
  [
    "all of a node silent while callers are answered as ever",
    "telemetry-loss",
    "node:n1",
    { signals: each(slot1, null), alerts: [alert("capacity-loss", "node:n1")] },
  ],
  [
    "two of three replicas gone though nobody says anything of nodes",
    "capacity-loss",
    deployment,
    {
      signals: {
        ...each(["replica:chat-1", "replica:chat-2", ...gpusOf(1), ...gpusOf(2)], null),
        "service:gateway": failing,
        "replica:chat-0": busier,
      },
      anomalies: slowAnomalies(0),
      alerts: [alert("telemetry-loss", "replica:chat-1")],
    },
  ],
  [
    "a slow API server since an agent was rolled out",
    "control-plane-overload",
    deployment,
    {
      raw: apiSlow,
      changes: [changed("deploy", deployment, "telemetry DaemonSet on all nodes")],
      alerts: [alert("control-plane-overload", deployment)],
    },
  ],
  [
    "lost nodes with an API server that is well",
    "capacity-loss",
    deployment,
    {
      signals: {
        ...each(slot1, null),
        "node:n1": { "node:ready": 0 },
        "service:gateway": failing,
        "replica:chat-0": busier,
        "replica:chat-2": busier,
      },
      anomalies: [...slowAnomalies(0), ...slowAnomalies(2)],
      raw: apiSlow.map((one) => ({ ...one, during: one.before })),
      alerts: [alert("control-plane-overload", deployment)],
    },
  ],
  [
    "a file system without room",
    "disk-full",
    "node:n1",
    {
      signals: { "node:n1": { "node:disk_usage_ratio": 0.99 }, "replica:chat-1": slow },
      anomalies: slowAnomalies(1),
      logs: [kernel(1, "write error: No space left on device")],
    },
  ],
  [
    "a file system without inodes",
    "disk-full",
    "node:n1",
    {
      raw: [
        gauge("node_filesystem_files_free", { instance: "n1:9100", mountpoint: "/" }, 5e6, 10),
        gauge("node_filesystem_files", { instance: "n1:9100", mountpoint: "/" }, 1e7, 1e7),
      ],
      logs: [kernel(1, "cannot create: No space left on device")],
      alerts: [alert("disk-full", "node:n1")],
    },
  ],
  [
    "a broken shard on a node with room",
    "corrupted-weights",
    "container:ns/chat-1/engine",
    {
      signals: {
        "replica:chat-1": null,
        "replica:chat-0": slow,
        "container:ns/chat-1/engine": { "container:ready": 0, "container:waiting": 1 },
      },
      anomalies: slowAnomalies(0),
      logs: [engine(1, "SafetensorError: Error while deserializing header: HeaderTooLarge")],
      alerts: [alert("disk-full", "node:n1")],
    },
  ],
  [
    "an exporter that repeats what it once read",
    "telemetry-loss",
    "gpu:GPU-1a",
    {
      signals: each(gpusOf(1), { "gpu:power_watts": 512.3, "gpu:utilization_ratio": 0.85 }),
      troubleMs: 9 * 60_000,
      alerts: [alert("telemetry-loss", "gpu:GPU-1a")],
    },
  ],
  [
    "one GPU of two silent: the bus, no exporter",
    "gpu-off-bus",
    "gpu:GPU-1a",
    {
      signals: { "gpu:GPU-1a": null, "replica:chat-1": stuck },
      anomalies: stuckAnomalies(1),
      logs: [kernel(1, "NVRM: GPU 0000:9b:00.0: GPU has fallen off the bus.")],
      alerts: [alert("telemetry-loss", "gpu:GPU-1a")],
    },
  ],
  [
    "an engine that is stuck, not its telemetry",
    "stuck-engine",
    "replica:chat-1",
    {
      signals: { "replica:chat-1": stuck },
      anomalies: stuckAnomalies(1),
      raw: [counter("process_cpu_seconds_total", { entity: "replica:chat-1" }, 0.9, 1)],
      alerts: [alert("telemetry-loss", "replica:chat-1")],
    },
  ],
  [
    "a clock that is off",
    "clock-skew",
    "node:n1",
    {
      raw: [offset(2.4)],
      logs: [kernel(1, "chronyd: System clock wrong by 2.401 seconds")],
      alerts: [alert("clock-skew", "node:n1")],
    },
  ],
  [
    "a silent node with the clock right",
    "telemetry-loss",
    "node:n1",
    { signals: each(slot1, null), raw: [offset(0.001)], alerts: [alert("clock-skew", "node:n1")] },
  ],
  [
    "a controller that restarts while replicas serve on",
    "controller-death",
    deployment,
    {
      signals: { [controller]: { "container:ready": 0, "container:restarts:rate": 0.01 } },
      logs: [engine(1, "ray: Failed to connect to GCS at 10.0.0.5:6379")],
      alerts: [alert("controller-death", deployment)],
    },
  ],
  [
    "replicas lost with their nodes, and the controller's pod with them",
    "capacity-loss",
    deployment,
    {
      signals: {
        ...each(slot1, null),
        "node:n1": { "node:ready": 0 },
        [controller]: { "container:ready": 0 },
        "service:gateway": failing,
        "replica:chat-0": busier,
        "replica:chat-2": busier,
      },
      anomalies: [...slowAnomalies(0), ...slowAnomalies(2)],
      alerts: [alert("controller-death", deployment)],
    },
  ],
  [
    "an API server that is slow, and its controllers restart for it",
    "control-plane-overload",
    deployment,
    {
      raw: apiSlow,
      signals: { [controller]: { "container:restarts:rate": 0.01 }, ...each(replicas, {}) },
      changes: [changed("deploy", deployment, "log collector DaemonSet")],
      alerts: [alert("controller-death", deployment)],
    },
  ],
];

judgeAll(cases);
