// Faults of GPUs and the links between them. They stay with the device: a drained node is left for another.
import { z } from "zod";
import type { Gpu, Node } from "../machines.ts";
import { defineFault, type FaultKind, type Scene } from "./define.ts";

const targets = ["gpu", "node"] as const;

/** Xids after which the process on the GPU is gone. */
const deadly = new Set([8, 13, 31, 32, 46, 48, 62, 64, 68, 69, 79, 94, 95, 109, 110, 119, 120, 136, 140, 143]);
const xidTexts: Readonly<Record<number, string>> = {
  13: "Graphics SM Warp Exception on (GPC 2, TPC 1, SM 0): Out Of Range Address",
  31: "Ch 00000008, intr 00000000. MMU Fault: ENGINE GRAPHICS GPC3 faulted @ 0x7f_2a000000. Fault is of type FAULT_PDE ACCESS_TYPE_VIRT_READ",
  43: "Ch 00000010",
  45: "Ch 00000018",
  48: "DBE (double bit error) ECC Error Detected",
  63: "Row Remapper: New row marked for remapping, reset gpu to activate.",
  64: "Row Remapper: Error recording new row for remapping",
  74: "NVLink: fatal error detected on link 2(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)",
  79: "GPU has fallen off the bus.",
  94: "Contained: SM (0x1). RST: No, D-RST: No",
  95: "Uncontained: LTC TAG (0x2,0x0). RST: Yes, D-RST: No",
  119: "Timeout after 6s of waiting for RPC response from GPU0 GSP! Expected function 76 (GSP_RM_CONTROL) (0x20800a4c 0x4).",
  120: "GSP Error: Task 1 raised error code 0x5",
  145: "RLW_SRC_TRACK, Nonfatal, Link 4 (0x00000001)",
};

export const gpuFaults: readonly FaultKind[] = [
  defineFault({
    kind: "xid",
    says: "the driver reports an Xid; where it is a deadly one, the process on the GPU ends",
    targets,
    params: { code: z.int().min(1).max(300).default(79), repeat_seconds: z.number().min(0).default(0) },
    begin: (scene, { code }, nowMs) => report(scene, code, nowMs),
    everyMs: 1000,
    run(scene, { code, repeat_seconds }, nowMs) {
      if (repeat_seconds > 0 && Math.round(nowMs / 1000) % Math.round(repeat_seconds) === 0) report(scene, code, nowMs);
    },
  }),
  defineFault({
    kind: "ecc",
    says: "the memory of a GPU makes errors: corrected ones at a rate, then perhaps one that cannot be",
    targets,
    params: {
      sbe_rate: z.number().min(0).default(2),
      dbe: z.boolean().default(true),
      /** After so long the uncorrectable one comes. */
      dbe_after_seconds: z.number().min(0).default(60),
    },
    begin(scene, { dbe, dbe_after_seconds }, nowMs) {
      if (!dbe) return;
      const struck = gpusOf(scene);
      scene.world.timeline.add(nowMs + dbe_after_seconds * 1000, (atMs) => {
        for (const { gpu } of struck) {
          gpu.eccDouble++;
          gpu.remapped++;
          gpu.remapPending = true;
        }
        report(scene, 48, atMs);
        report(scene, 63, atMs + 1);
      });
    },
    set(scene, { sbe_rate }, level) {
      for (const { gpu } of gpusOf(scene)) gpu.eccSinglePerSecond = level * sbe_rate;
    },
  }),
  defineFault({
    kind: "gpu_missing",
    says: "a GPU falls off the bus: its series end, its siblings' go on, and the process on it dies and cannot start",
    targets: ["gpu"],
    params: { xid: z.boolean().default(true) },
    begin(scene, { xid }, nowMs) {
      for (const { gpu, node } of gpusOf(scene)) {
        gpu.pcieReplays += 40;
        gpu.missing = true;
        if (!xid) scene.world.kernel(node, `NVRM: GPU ${kernelPci(gpu)}.0: GPU has fallen off the bus.`, nowMs);
      }
      if (xid) report(scene, 79, nowMs);
      else crashOn(scene, nowMs);
    },
    end(scene) {
      for (const { gpu } of gpusOf(scene)) gpu.missing = false;
    },
  }),
  defineFault({
    kind: "nvlink_degrade",
    says: "links between GPUs make errors and become slow",
    targets,
    params: { factor: z.number().min(1).max(100).default(12), errors_per_second: z.number().min(0).default(3) },
    begin(scene, _params, nowMs) {
      for (const { gpu, node } of gpusOf(scene)) {
        scene.world.kernel(node, `NVRM: GPU ${kernelPci(gpu)}.0: NVLink: link 2 degraded, replay errors`, nowMs);
      }
    },
    set(scene, params, level) {
      for (const { gpu } of gpusOf(scene)) {
        gpu.nvlinkFactor = 1 + level * (params.factor - 1);
        gpu.nvlinkErrorsPerSecond = level * params.errors_per_second;
      }
    },
  }),
  defineFault({
    kind: "nccl_hang",
    says: "a collective never ends: all ranks spin at full utilisation and little power, until the watchdog kills them",
    targets: ["replica"],
    params: { watchdog_seconds: z.number().positive().default(600) },
    begin({ world, at }, { watchdog_seconds }, nowMs) {
      for (const replica of world.replicasAt(at)) {
        const { epoch } = replica;
        replica.engine.setHung(true, nowMs);
        const shm =
          "No available shared memory broadcast block found in 60 seconds. This typically happens when some processes are hanging or doing some time-consuming work.";
        const alive = (): boolean => replica.epoch === epoch && replica.engine.hung;
        world.timeline.add(nowMs + 60_000, (atMs) => {
          if (alive()) world.log(replica, "INFO", shm, "vllm.distributed.device_communicators.shm_broadcast", atMs);
        });
        world.timeline.add(nowMs + watchdog_seconds * 1000, (atMs) => {
          if (!alive()) return;
          const ms = watchdog_seconds * 1000;
          const text = `[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=118734, OpType=ALLREDUCE, NumelIn=8192, NumelOut=8192, Timeout(ms)=${ms}) ran for ${ms + 51} milliseconds before timing out.`;
          world.log(replica, "ERROR", text, "torch.distributed", atMs);
          world.processes.crash(replica, "Error", 134, atMs);
        });
      }
    },
    end({ world, at }, _params, nowMs) {
      for (const { engine } of world.replicasAt(at)) if (engine.hung) engine.setHung(false, nowMs);
    },
  }),
  defineFault({
    kind: "thermal",
    says: "the air around a node becomes hot: GPUs throttle",
    targets,
    params: { ambient: z.number().min(20).max(110).default(75) },
    set(scene, { ambient }, level) {
      for (const { gpu } of allGpusOf(scene)) gpu.ambientCelsius = 32 + level * (ambient - 32);
    },
  }),
  defineFault({
    kind: "power_cap",
    says: "somebody lowers the power limit of GPUs",
    targets,
    params: { watts: z.number().positive().default(250) },
    set(scene, { watts }, level) {
      for (const { gpu, usual } of gpusOf(scene)) gpu.limitWatts = usual + level * (Math.min(watts, usual) - usual);
    },
  }),
  defineFault({
    kind: "straggler",
    says: "one GPU is slower than its kind, and nothing says why",
    targets,
    params: { factor: z.number().gt(1).max(20).default(1.8) },
    set(scene, params, level) {
      for (const { gpu } of gpusOf(scene)) gpu.slowFactor = 1 + level * (params.factor - 1);
    },
  }),
  defineFault({
    kind: "miscompute",
    says: "one GPU computes some answers wrongly, and nothing says so: no Xid, no memory error, no slower token",
    targets: ["gpu"],
    params: { share: z.number().gt(0).max(1).default(0.3) },
    set: (scene, { share }, level) => miscomputes(scene, level * share),
    everyMs: 1000,
    // A process that starts anew on the same GPU errs as the one before.
    run: (scene, { share }) => miscomputes(scene, share),
  }),
];

interface Struck {
  readonly gpu: Gpu;
  readonly node: Node;
  readonly usual: number;
}

const struckOf = new WeakMap<Scene, readonly Struck[]>();

/** The devices as they were when the fault first struck: what comes in their place is whole. */
function gpusOf(scene: Scene): readonly Struck[] {
  let struck = struckOf.get(scene);
  if (struck === undefined) {
    const [node] = scene.world.nodesAt(scene.at);
    struck = scene.world.gpusAt(scene.at).map((gpu) => ({ gpu, node: node!, usual: gpu.limitWatts }));
    struckOf.set(scene, struck);
  }
  return struck;
}

/** Of the processes that still run on the devices that were struck. */
function miscomputes(scene: Scene, share: number): void {
  for (const { gpu } of gpusOf(scene)) {
    const { replica } = gpu;
    if (replica === undefined || !scene.world.nodes[replica.index]!.gpus.includes(gpu)) continue;
    replica.condition.miscomputedShare = share;
  }
}

/** Spare ones too. */
function allGpusOf(scene: Scene): readonly Struck[] {
  if (scene.at.kind === "gpu" || struckOf.has(scene)) return gpusOf(scene);
  const struck = scene.world
    .nodesAt(scene.at)
    .flatMap((node) => node.gpus.map((gpu) => ({ gpu, node, usual: gpu.limitWatts })));
  struckOf.set(scene, struck);
  return struck;
}

/** `0000:1b:00`, as the kernel writes a place on the bus. */
function kernelPci({ pci }: Gpu): string {
  return pci.slice(4, -2).toLowerCase();
}

function report(scene: Scene, code: number, nowMs: number): void {
  const { world } = scene;
  for (const { gpu, node } of gpusOf(scene)) {
    // One that is gone cannot be asked: the exporter never shows its last Xid.
    if (!gpu.missing) gpu.xid = code;
    const process = gpu.replica === undefined ? "" : `, pid=${2400 + gpu.replica.epoch}, name=VLLM::EngineCor`;
    world.kernel(
      node,
      `NVRM: Xid (PCI:${kernelPci(gpu)}): ${code}${process}, ${xidTexts[code] ?? "Ch 00000008"}`,
      nowMs,
    );
  }
  if (code === 119) for (const { gpu } of gpusOf(scene)) gpu.missing = true;
  if (deadly.has(code)) crashOn(scene, nowMs, code);
}

/** What ran on the GPUs dies. */
function crashOn(scene: Scene, nowMs: number, code = 79): void {
  const { world } = scene;
  const memory = code === 48 || code === 94 || code === 95 || code === 140;
  const said = memory
    ? "uncorrectable ECC error encountered"
    : code === 31
      ? "an illegal memory access was encountered"
      : "unspecified launch failure";
  for (const { gpu } of gpusOf(scene)) {
    const { replica } = gpu;
    if (replica === undefined || replica.state !== "serving") continue;
    world.log(replica, "ERROR", `torch.AcceleratorError: CUDA error: ${said}`, "vllm.v1.engine.core", nowMs);
    const dead =
      "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.";
    world.log(replica, "ERROR", dead, "vllm.entrypoints.launcher", nowMs);
    world.processes.crash(replica, "Error", 1, nowMs);
  }
}
