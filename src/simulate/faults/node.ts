// Faults of nodes, of the control plane, and of the telemetry itself.
import { z } from "zod";
import { defineFault, type FaultKind, type Scene } from "./define.ts";

const node = ["node"] as const;

export const nodeFaults: readonly FaultKind[] = [
  defineFault({
    kind: "cpu_throttle",
    says: "the container's CPU limit is too low: the host's part of every step and request waits",
    targets: ["replica", "node"],
    params: { factor: z.number().gt(1).max(200).default(30), throttled: z.number().gt(0).max(1).default(0.8) },
    set({ world, at }, params, level) {
      for (const one of world.nodesAt(at)) {
        one.hostFactor = 1 + level * (params.factor - 1);
        one.throttledShare = level * params.throttled;
        for (const { pace } of world.replicasAt(at)) pace.hostFactor = one.hostFactor;
      }
    },
  }),
  defineFault({
    kind: "disk_fill",
    says: "files pile up until the node's disk is full and its pods are evicted",
    targets: node,
    params: { share_per_minute: z.number().gt(0).max(1).default(0.04) },
    everyMs: 5000,
    run({ world, at }, { share_per_minute }, nowMs) {
      for (const one of world.nodesAt(at)) {
        const before = one.diskUsedShare;
        one.diskUsedShare = Math.min(0.999, before + share_per_minute / 12);
        if (before >= 0.95 || one.diskUsedShare < 0.95) continue;
        const [replica] = world.replicasAt(at);
        if (replica === undefined || replica.state !== "serving") continue;
        world.log(replica, "ERROR", "OSError: [Errno 28] No space left on device", "vllm.v1.engine.core", nowMs);
        world.event(replica.name, "Evicted", "The node was low on resource: ephemeral-storage.", nowMs);
        world.processes.crash(replica, "Evicted", 137, nowMs);
      }
    },
  }),
  defineFault({
    kind: "node_loss",
    says: "nodes lose the network after a change that they have in common",
    targets: ["deployment", "node"],
    params: {
      n: z.int().min(1).max(16).default(1),
      every_seconds: z.number().min(0).default(60),
      /** Kernel version the lost ones were updated to. */
      common_label: z.string().min(1).default("5.15.0-1070"),
    },
    begin({ world, at }, { n, every_seconds, common_label }, nowMs) {
      const first = at.index ?? 0;
      const lost = world.nodes.slice(first, first + n);
      const summary = `kernel updated to ${common_label} on ${lost.map(({ name }) => name).join(", ")}`;
      const change = { kind: "other", target: "cluster", before: {}, after: { kernel: common_label } } as const;
      world.change({ ...change, atMs: nowMs, summary, by: "os/unattended-upgrades" });
      for (const [i, one] of lost.entries()) {
        world.timeline.add(nowMs + i * every_seconds * 1000, (atMs) => lose(world, one.index, common_label, atMs));
      }
    },
    end({ world }, _params, nowMs) {
      for (const one of world.nodes) {
        if (one.ready) continue;
        one.ready = true;
        one.exportersDown = false;
        world.processes.start(world.replicas[one.index]!, nowMs);
      }
    },
  }),
  defineFault({
    kind: "clock_skew",
    says: "the clock of a node runs away",
    targets: node,
    params: { seconds: z.number().min(-3600).max(3600).default(45) },
    set({ world, at }, { seconds }, level) {
      for (const one of world.nodesAt(at)) one.clockMs = level * seconds * 1000;
    },
  }),
  defineFault({
    kind: "exporter_freeze",
    says: "the GPU exporter answers, and repeats what it last knew",
    targets: node,
    params: {},
    begin({ world, at }, _params, nowMs) {
      for (const one of world.nodesAt(at)) one.frozenAt = nowMs;
    },
    end({ world, at }) {
      for (const one of world.nodesAt(at)) one.frozenAt = undefined;
    },
  }),
  defineFault({
    kind: "exporter_restart",
    says: "the exporters of a node are restarted: counters begin anew, nothing else happens",
    targets: node,
    params: { seconds: z.number().min(0).default(20) },
    begin({ world, at }, { seconds }, nowMs) {
      for (const one of world.nodesAt(at)) {
        one.exportersDown = true;
        world.timeline.add(nowMs + seconds * 1000, (atMs) => {
          one.exportersDown = !one.ready;
          one.exportersSince = atMs;
          one.frozenAt = undefined;
          for (const gpu of one.gpus) gpu.xid = 0;
        });
      }
    },
  }),
  defineFault({
    kind: "telemetry_drop",
    says: "the collector's queue is full: a share of everything it is sent gets lost",
    targets: ["cluster"],
    params: { share: z.number().gt(0).max(1).default(0.6) },
    set({ world }, { share }, level) {
      world.surroundings.telemetry.lost = level * share;
    },
  }),
  defineFault({
    kind: "controller_down",
    says: "the controller is dead: replicas serve, nobody heals, scales or rolls out",
    targets: ["cluster"],
    params: {},
    set({ world }, _params, level, nowMs) {
      world.surroundings.cluster.controllerDown = level > 0;
      world.surroundings.cluster.controllerSince = nowMs;
    },
  }),
  defineFault({
    kind: "control_plane_overload",
    says: "an agent on every node asks the API server for everything, all the time",
    targets: ["cluster"],
    params: { p99_seconds: z.number().positive().default(12) },
    begin({ world }, _params, nowMs) {
      const summary = "telemetry-agent DaemonSet rolled out to all nodes";
      const change = {
        kind: "deploy",
        target: "cluster",
        before: {},
        after: { "telemetry-agent": "all nodes" },
        by: "ci/platform-pipeline",
      } as const;
      world.change({ ...change, atMs: nowMs, summary });
    },
    set({ world }, { p99_seconds }, level) {
      world.surroundings.cluster.apiServerSeconds = 0.2 + level * (p99_seconds - 0.2);
    },
  }),
  defineFault({
    kind: "probe_too_tight",
    says: "the liveness probe asks for a token and waits shorter than the queue is long: busy replicas are killed",
    targets: ["deployment", "cluster"],
    params: { timeout_ms: z.number().positive().default(60) },
    begin({ world, at }, { timeout_ms }, nowMs) {
      if (at.kind === "cluster") return;
      const summary = "liveness probe changed";
      const target = `deployment:${world.scenario.deployment}`;
      const after = { "liveness_probe.timeout_ms": String(timeout_ms) };
      const change = { kind: "config", target, before: {}, after, by: "ci/deploy-pipeline" } as const;
      world.change({ ...change, atMs: nowMs, summary });
    },
    set({ world }, { timeout_ms }, level) {
      world.surroundings.cluster.probeTimeoutMs = level > 0 ? timeout_ms : Number.POSITIVE_INFINITY;
    },
  }),
];

function lose(world: Scene["world"], index: number, kernel: string, atMs: number): void {
  const node = world.nodes[index]!;
  const replica = world.replicas[index]!;
  node.kernel = kernel;
  node.ready = false;
  node.exportersDown = true;
  world.event(node.name, "NodeNotReady", `Node ${node.name} status is now: NodeNotReady`, atMs);
  world.processes.stop(replica, atMs);
  world.processes.start(replica, atMs);
}
