// What happens by itself around the engines: heat, probes, memory limits; and why a process does not start.
import { machineTickMs, type Node } from "./machines.ts";
import { memoryLimitBytes, residentBytes } from "./memory.ts";
import type { StartFailure } from "./processes.ts";
import type { Replica } from "./replica.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Target } from "./targets.ts";
import type { World } from "./world.ts";

const probeEveryMs = 10_000;
const probeFailuresMax = 3;

export function targetsOf(
  replicas: readonly Replica[],
  nodes: readonly Node[],
): Pick<World, "replicasAt" | "nodesAt" | "gpusAt"> {
  const one = (kind: Target["kind"]): boolean => kind === "replica" || kind === "node" || kind === "gpu";
  return {
    replicasAt: ({ kind, index }) =>
      one(kind) ? [replicas[index!]!] : replicas.filter(({ state }) => state !== "absent"),
    nodesAt: ({ kind, index }) => (one(kind) ? [nodes[index!]!] : nodes),
    gpusAt({ kind, index, gpu }) {
      if (kind === "gpu") return [nodes[index!]!.gpus[gpu!]!];
      const hit = one(kind) ? [nodes[index!]!] : nodes;
      return hit.flatMap(({ gpus }) => gpus.filter(({ replica }) => replica !== undefined));
    },
  };
}

/** Why a process of this replica would not come up now; undefined if it would. */
export function startFailure(replica: Replica, node: Node, { storage }: Surroundings): StartFailure | undefined {
  if (!node.ready) return { after: 0.05, lines: [], pending: true };
  if (node.gpus.some((gpu) => gpu.replica === replica && gpu.missing)) {
    return { after: 0.1, lines: ["RuntimeError: No CUDA GPUs are available"] };
  }
  if (storage.weightsCorrupt) {
    return {
      after: 0.25,
      lines: [
        "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
        "RuntimeError: Engine core initialization failed. See root cause above.",
      ],
    };
  }
  if (storage.cachePoisoned) {
    return {
      after: 0.45,
      lines: [
        "File \"/usr/local/lib/python3.12/dist-packages/vllm/compilation/compiler_interface.py\": AssertionError: Expected tensors only, but got: <class 'int'> (~/.cache/vllm/torch_compile_cache)",
        "RuntimeError: Engine core initialization failed. See root cause above.",
      ],
    };
  }
  const { failsWith } = replica.spec;
  return failsWith === undefined ? undefined : { after: 0.3, lines: failsWith };
}

/** Starts what recurs. `tick` moves the machines on. */
export function startHousekeeping(world: World, tick: () => void): void {
  const { timeline } = world;
  const machines = (nowMs: number): void => {
    tick();
    for (const replica of world.replicas) limitMemory(replica, world, nowMs);
    timeline.add(nowMs + machineTickMs, machines);
  };
  timeline.add(machineTickMs, machines);
  const failures = world.replicas.map(() => 0);
  const probes = (nowMs: number): void => {
    for (const replica of world.replicas) probe(replica, world, failures, nowMs);
    timeline.add(nowMs + probeEveryMs, probes);
  };
  timeline.add(probeEveryMs, probes);
}

function limitMemory(replica: Replica, world: World, nowMs: number): void {
  if (replica.state !== "serving" || residentBytes(replica) < memoryLimitBytes) return;
  const kilobytes = Math.round(residentBytes(replica) / 1024);
  world.kernel(
    world.nodes[replica.index]!,
    `Memory cgroup out of memory: Killed process ${4000 + replica.epoch} (VLLM::EngineCor) total-vm:${kilobytes * 3}kB, anon-rss:${kilobytes}kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:98304kB oom_score_adj:-997`,
    nowMs,
  );
  world.processes.crash(replica, "OOMKilled", 137, nowMs);
}

/** A probe that asks for a token waits behind all that came before it. */
function probe(replica: Replica, world: World, failures: number[], nowMs: number): void {
  const { probeTimeoutMs } = world.surroundings.cluster;
  const { index, state, engine } = replica;
  if (state !== "serving" || probeTimeoutMs === Number.POSITIVE_INFINITY) {
    failures[index] = 0;
    return;
  }
  const stepMs = engine.stepEndsAt === Number.POSITIVE_INFINITY ? 0 : engine.stepEndsAt - nowMs;
  const queueMs = engine.waiting * 40 + Math.max(0, replica.api.freeAt - nowMs) + engine.running * 5;
  const answersIn = engine.hung ? Number.POSITIVE_INFINITY : stepMs + queueMs;
  failures[index] = answersIn > probeTimeoutMs ? failures[index]! + 1 : 0;
  if (failures[index]! < probeFailuresMax) return;
  failures[index] = 0;
  world.event(replica.name, "Unhealthy", "Liveness probe failed: context deadline exceeded", nowMs);
  world.event(replica.name, "Killing", "Container vllm failed liveness probe, will be restarted", nowMs);
  world.processes.crash(replica, "Error", 137, nowMs);
}
