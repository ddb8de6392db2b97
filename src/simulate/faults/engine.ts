// Faults within one engine process: they end with the process, and come back with it where the cause does.
import { z } from "zod";
import { ABANDONED, LOST, ZOMBIE } from "../requests.ts";
import { plainRequest } from "../traffic.ts";
import { defineFault, type FaultKind, type Scene } from "./define.ts";

const targets = ["replica", "deployment"] as const;
const share = z.number().gt(0).max(1);

/** Sets what `change` says on the condition of every process that is hit. */
function each(
  { world, at }: Scene,
  change: (condition: Scene["world"]["replicas"][number]["condition"]) => void,
): void {
  for (const { condition } of world.replicasAt(at)) change(condition);
}

export const engineFaults: readonly FaultKind[] = [
  defineFault({
    kind: "engine_hang",
    says: "the engine core blocks for good: processes live, health answers, no token comes",
    targets,
    params: {},
    begin({ world, at }, _params, nowMs) {
      for (const replica of world.replicasAt(at)) replica.engine.setHung(true, nowMs);
    },
    end({ world, at }, _params, nowMs) {
      for (const { engine } of world.replicasAt(at)) if (engine.hung) engine.setHung(false, nowMs);
    },
  }),
  defineFault({
    kind: "kv_leak",
    says: "blocks of finished requests are not given back",
    targets,
    params: { blocks_per_minute: z.number().positive().default(600) },
    everyMs: 10_000,
    run({ world, at }, { blocks_per_minute }) {
      for (const { condition, engine } of world.replicasAt(at)) {
        const most = 0.98 * engine.blocksTotal - engine.blocksUsed;
        condition.leakedBlocks = Math.floor(
          Math.max(0, Math.min(most, condition.leakedBlocks + blocks_per_minute / 6)),
        );
      }
    },
    end: (scene) =>
      each(scene, (condition) => {
        condition.leakedBlocks = 0;
      }),
  }),
  defineFault({
    kind: "lost_requests",
    says: "the process forgets its requests while their connections stay open",
    targets,
    params: { share: share.default(1) },
    begin({ world, at }) {
      for (const { engine } of world.replicasAt(at)) {
        for (const slot of engine.slots()) {
          engine.forget(slot);
          world.requests.state[slot] = LOST;
        }
      }
    },
    set: (scene, params, level) =>
      each(scene, (condition) => {
        condition.losesShare = level * params.share;
      }),
  }),
  defineFault({
    kind: "unschedulable_request",
    says: "a request that the KV cache could never hold stands at the head of the queue, and its client does not give up",
    targets: ["replica"],
    params: {},
    begin({ world, at }, _params, nowMs) {
      for (const replica of world.replicasAt(at)) {
        send(world, replica, replica.engine.blocksTotal * 16 + 1000, 0, nowMs);
      }
    },
  }),
  defineFault({
    kind: "zombies",
    says: "requests of clients that left go on for ever",
    targets,
    params: { requests: z.int().min(1).max(500).default(24), prompt_tokens: z.int().min(1).default(1500) },
    begin({ world, at }, params, nowMs) {
      for (const replica of world.replicasAt(at)) {
        for (let i = 0; i < params.requests; i++) send(world, replica, params.prompt_tokens, ZOMBIE, nowMs);
      }
    },
  }),
  defineFault({
    kind: "gc_pause",
    says: "the garbage collector stops the process every so often, each time a little longer",
    targets,
    params: {
      period_seconds: z.number().min(1).default(20),
      pause_ms: z.number().positive().default(900),
      /** Milliseconds that each pause is longer than the one before. */
      growth_ms: z.number().min(0).default(20),
    },
    everyMs: 1000,
    run({ world, at }, { period_seconds, pause_ms, growth_ms }, nowMs) {
      const period = Math.round(period_seconds);
      const second = Math.round(nowMs / 1000);
      if (second % period !== 0) return;
      for (const replica of world.replicasAt(at)) {
        if (replica.state !== "serving") continue;
        replica.gcPauses++;
        replica.engine.stall(pause_ms + growth_ms * replica.gcPauses);
      }
    },
  }),
  defineFault({
    kind: "tokenizer_slow",
    says: "one thread turns text into tokens, more slowly than prompts come",
    targets,
    params: { ms_per_kilotoken: z.number().positive().default(140) },
    set({ world, at }, { ms_per_kilotoken }, level) {
      for (const { api } of world.replicasAt(at)) api.msPerKiloToken = level * ms_per_kilotoken;
    },
  }),
  defineFault({
    kind: "grammar_stall",
    says: "requests ask for structured output, and compiling each grammar holds everybody up",
    targets,
    params: { share: share.default(0.3), compile_ms: z.number().positive().default(350) },
    set(scene, params, level) {
      scene.world.traffic.structuredShare = level > 0 ? params.share : 0;
      each(scene, (condition) => {
        condition.grammarMs = level * params.compile_ms;
      });
    },
  }),
  defineFault({
    kind: "lora_churn",
    says: "more adapters are asked for than a batch holds, and loading them takes long",
    targets: ["deployment"],
    params: { adapters: z.int().min(2).max(256).default(16), load_ms: z.number().positive().default(120) },
    check({ world: { scenario } }, { adapters }) {
      if (scenario.engine.max_loras > 0 && scenario.loraAdapters >= adapters) return;
      throw new RangeError(`fault lora_churn: the engine needs max_loras and at least ${adapters} lora_adapters`);
    },
    set(scene, params, level) {
      scene.world.traffic.adapters = level > 0 ? params.adapters : 1;
      each(scene, (condition) => {
        condition.loraLoadMs = level > 0 ? params.load_ms : 20;
      });
    },
  }),
  defineFault({
    kind: "kv_transfer_stall",
    says: "the prefill side of a split engine does not hand over its KV cache: requests wait until the transfer times out",
    targets,
    params: { timeout_seconds: z.number().positive().default(20) },
    set: (scene, { timeout_seconds }, level) =>
      each(scene, (condition) => {
        condition.deferMs = level > 0 ? timeout_seconds * 1000 : 0;
      }),
    everyMs: 10_000,
    run({ world, at }, _params, nowMs) {
      const body = "NIXL transfer failed: pulling kv_caches from the prefill side: Timeout waiting for P side ready";
      const logger = "vllm.distributed.kv_transfer.kv_connector.v1.nixl_connector";
      for (const replica of world.replicasAt(at)) world.log(replica, "ERROR", body, logger, nowMs);
    },
  }),
  defineFault({
    kind: "rss_leak",
    says: "host memory is not given back, until the container's limit kills the process",
    targets,
    params: { mib_per_minute: z.number().positive().default(1500) },
    set: (scene, { mib_per_minute }, level) =>
      each(scene, (condition) => {
        condition.rssLeakPerSecond = (level * mib_per_minute * 2 ** 20) / 60;
      }),
    everyMs: 10_000,
    run: (scene, { mib_per_minute }) =>
      each(scene, (condition) => {
        condition.rssLeakPerSecond = (mib_per_minute * 2 ** 20) / 60;
      }),
  }),
  crash("gpu_oom_class", "requests of one class need more GPU memory than there is: the process dies of it", [
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.14 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.02 GiB is free.",
    "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.",
  ]),
  crash(
    "cuda_illegal_access",
    "a kernel touches memory that is not its own: the process dies, and the driver says Xid 31",
    [
      "torch.AcceleratorError: CUDA error: an illegal memory access was encountered",
      "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.",
    ],
  ),
];

/** The process dies now, and again every so often. */
function crash(kind: string, says: string, lines: readonly string[]): FaultKind {
  const die = ({ world, at }: Scene, nowMs: number): void => {
    for (const replica of world.replicasAt(at)) {
      if (replica.state !== "serving") continue;
      for (const body of lines) world.log(replica, "ERROR", body, "vllm.v1.engine.core", nowMs);
      if (kind === "cuda_illegal_access") {
        for (const gpu of world.nodes[replica.index]!.gpus.filter((one) => one.replica === replica)) {
          gpu.xid = 31;
          const pci = gpu.pci.slice(4, -2).toLowerCase();
          const text = `NVRM: Xid (PCI:${pci}): 31, pid=${2400 + replica.epoch}, name=VLLM::EngineCor, Ch 00000008, intr 00000000. MMU Fault: ENGINE GRAPHICS GPC3 faulted`;
          world.kernel(world.nodes[replica.index]!, text, nowMs);
        }
      }
      world.processes.crash(replica, "Error", 1, nowMs);
    }
  };
  return defineFault({
    kind,
    says,
    targets: ["replica"],
    params: { again_after_seconds: z.number().min(1).default(400) },
    begin: (scene, _params, nowMs) => die(scene, nowMs),
    everyMs: 1000,
    run(scene, { again_after_seconds }, nowMs) {
      const [replica] = scene.world.replicasAt(scene.at);
      if (replica !== undefined && nowMs - replica.startedAt >= again_after_seconds * 1000) die(scene, nowMs);
    },
  });
}

/** A request that no client of the gateway sent, straight to an engine. */
function send(
  world: Scene["world"],
  replica: Scene["world"]["replicas"][number],
  tokens: number,
  marks: number,
  nowMs: number,
): void {
  const { requests } = world;
  const slot = replica.state === "serving" ? requests.take() : -1;
  if (slot < 0) return;
  requests.ask(slot, { ...plainRequest(tokens, 1000), marks });
  requests.state[slot] = ABANDONED;
  requests.replica[slot] = replica.index;
  requests.dispatchedAt[slot] = nowMs;
  requests.arrivedAt[slot] = nowMs;
  replica.engine.add(slot, nowMs);
}
