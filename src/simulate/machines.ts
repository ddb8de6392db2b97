// Nodes and their GPUs: heat, power, clocks, errors, disks; what they do to the steps of the engines on them.
import type { GpuSpec } from "./hardware.ts";
import { gpus as gpuSpecs, models } from "./hardware.ts";
import { createRandom, type Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";
import { gpusOf } from "./targets.ts";

export interface Gpu {
  readonly index: number;
  readonly uuid: string;
  /** `00000000:1B:00.0`. */
  readonly pci: string;
  /** The replica that runs on it; undefined = spare. */
  readonly replica: Replica | undefined;
  // As last measured.
  utilization: number;
  tensor: number;
  dram: number;
  link: number;
  watts: number;
  celsius: number;
  clockMhz: number;
  memoryUsedMib: number;
  /** Bits of the clock event reasons. */
  reasons: number;
  // Counters.
  millijoules: number;
  thermalNs: number;
  powerNs: number;
  pcieReplays: number;
  nvlinkErrors: number;
  eccSingle: number;
  eccDouble: number;
  remapped: number;
  // States.
  /** The last Xid, kept until the exporter restarts. */
  xid: number;
  remapPending: boolean;
  remapFailed: boolean;
  missing: boolean;
  // Causes.
  ambientCelsius: number;
  limitWatts: number;
  /** How much slower it is than its kind, for no reason that shows. */
  slowFactor: number;
  nvlinkFactor: number;
  eccSinglePerSecond: number;
  nvlinkErrorsPerSecond: number;
}

export interface Node {
  readonly index: number;
  name: string;
  gpus: readonly Gpu[];
  ready: boolean;
  cordoned: boolean;
  /** Part of the host's work that waits for CPU: 1 = none. */
  hostFactor: number;
  throttledShare: number;
  diskUsedShare: number;
  memoryUsedShare: number;
  busyCpuSeconds: number;
  /** Its GPU exporter repeats what it last said; undefined = it does not. */
  frozenAt: number | undefined;
  /** When its exporters began. */
  exportersSince: number;
  exportersDown: boolean;
  /** How far its clock is ahead, milliseconds. */
  clockMs: number;
  /** Facts of its image that others may share. */
  kernel: string;
}

export const machineTickMs = 5000;
const slowdownCelsius = 87;
const clockStepMhz = 45;
const thermalSeconds = 35;
/** CPU an API process uses with nothing to do. */
const idleApiShare = 0.02;
/** Kelvin at full power above the air around. */
const riseCelsius = 38.5;
export const cpuCores = 32;

export function createNode(scenario: Scenario, replica: Replica, name: string): Node {
  const random = createRandom(scenario.seed, `machine/${name}`);
  const spec = gpuSpecs[scenario.gpu];
  return {
    index: replica.index,
    name,
    gpus: Array.from({ length: gpusOf(scenario) }, (_, i) =>
      createGpu(i, i < scenario.tp ? replica : undefined, spec, random),
    ),
    ready: true,
    cordoned: false,
    hostFactor: 1,
    throttledShare: 0,
    diskUsedShare: 0.42,
    memoryUsedShare: 0.35,
    busyCpuSeconds: 0,
    frozenAt: undefined,
    exportersSince: 0,
    exportersDown: false,
    clockMs: scenario.telemetry.skewMs[String(replica.index)] ?? 0,
    kernel: "5.15.0-1062",
  };
}

function createGpu(index: number, replica: Replica | undefined, spec: GpuSpec, random: Random): Gpu {
  const id = random.hex(16);
  return {
    index,
    uuid: `GPU-${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`,
    pci: `00000000:${(0x1b + 0x10 * index).toString(16).toUpperCase().padStart(2, "0")}:00.0`,
    replica,
    utilization: 0,
    tensor: 0,
    dram: 0,
    link: 0,
    watts: spec.idleWatts,
    celsius: 34,
    clockMhz: spec.clockMaxMhz,
    memoryUsedMib: 0,
    reasons: 1,
    millijoules: 0,
    thermalNs: 0,
    powerNs: 0,
    pcieReplays: 0,
    nvlinkErrors: 0,
    eccSingle: 0,
    eccDouble: 0,
    remapped: 0,
    xid: 0,
    remapPending: false,
    remapFailed: false,
    missing: false,
    ambientCelsius: 30 + 4 * random.uniform(),
    limitWatts: spec.tdpWatts,
    slowFactor: 1,
    nvlinkFactor: 1,
    eccSinglePerSecond: 0,
    nvlinkErrorsPerSecond: 0,
  };
}

/** Slower steps for a replica whose slowest GPU, links or host are slower. */
export function repace(replica: Replica, node: Node, spec: GpuSpec): void {
  let prefill = 1;
  let memory = 1;
  let link = 1;
  for (const gpu of node.gpus) {
    if (gpu.replica !== replica) continue;
    const slower = spec.clockMaxMhz / gpu.clockMhz;
    prefill = Math.max(prefill, gpu.slowFactor * slower);
    memory = Math.max(memory, gpu.slowFactor * (slower === 1 ? 1 : 0.3 * slower + 0.7));
    link = Math.max(link, gpu.nvlinkFactor);
  }
  replica.pace.prefillFactor = prefill;
  replica.pace.memoryFactor = memory;
  replica.pace.linkFactor = link;
  replica.pace.hostFactor = node.hostFactor;
  replica.clockMs = node.clockMs;
}

const works = ["tensorMs", "dramMs", "linkMs", "hostMs"] as const;

/** One tick of {@link machineTickMs}: what the GPUs did since the last, and what that does to heat, power and clocks. */
export function createMachines(scenario: Scenario, nodes: readonly Node[], replicas: readonly Replica[]) {
  const spec = gpuSpecs[scenario.gpu];
  const random = createRandom(scenario.seed, "gpu-noise");
  const seconds = machineTickMs / 1000;
  const before: { pace: object | undefined; tensorMs: number; dramMs: number; linkMs: number; hostMs: number }[] = [];
  const weightsMib = (models[scenario.model].parameters * models[scenario.model].valueBytes) / scenario.tp / 2 ** 20;

  return function tick(): void {
    for (const node of nodes) {
      const replica = replicas[node.index]!;
      before[node.index] ??= { pace: undefined, tensorMs: 0, dramMs: 0, linkMs: 0, hostMs: 0 };
      const work = workOf(replica, before[node.index]!);
      for (const gpu of node.gpus) step(gpu, gpu.replica === replica ? replica : undefined, work);
      repace(replica, node, spec);
      account(replica, node, work);
    }
  };

  /** Shares of the tick that were spent on each kind of work. A step's is told when it begins, and takes until it ends. */
  function workOf(replica: Replica, last: (typeof before)[number]) {
    const { pace } = replica;
    if (last.pace !== pace) Object.assign(last, { pace, tensorMs: 0, dramMs: 0, linkMs: 0, hostMs: 0 });
    const waiting = works.reduce((sum, key) => sum + pace[key] - last[key], 0);
    const part = waiting > machineTickMs ? machineTickMs / waiting : 1;
    const share = (key: (typeof works)[number]): number => {
      const doneMs = part * Math.max(0, pace[key] - last[key]);
      last[key] += doneMs;
      return Math.min(1, doneMs / machineTickMs);
    };
    return { tensor: share("tensorMs"), dram: share("dramMs"), link: share("linkMs"), host: share("hostMs") };
  }

  function step(gpu: Gpu, replica: Replica | undefined, work: ReturnType<typeof workOf>): void {
    const serving = replica !== undefined && replica.state === "serving";
    const spins = serving && (replica.engine.hung || replica.condition.spins);
    const noise = 1 + 0.01 * random.normal();
    gpu.utilization = spins ? 1 : serving ? Math.min(1, work.tensor + work.dram + work.link) : 0;
    gpu.tensor = spins || !serving ? 0 : 0.6 * work.tensor * noise;
    gpu.dram = spins || !serving ? 0 : 0.85 * work.dram * noise;
    gpu.link = spins || !serving ? 0 : work.link;
    gpu.memoryUsedMib = serving ? memoryOf(replica) : 4;
    const wanted = spins ? 0.3 : 0.25 * gpu.utilization + 0.45 * gpu.tensor + 0.3 * gpu.dram;
    const full = (spec.idleWatts + (spec.tdpWatts - spec.idleWatts) * wanted) * noise;
    const capped = full > gpu.limitWatts;
    gpu.watts = Math.min(full, gpu.limitWatts);
    const target = gpu.ambientCelsius + (riseCelsius * gpu.watts) / spec.tdpWatts;
    gpu.celsius += (target - gpu.celsius) * (1 - Math.exp(-seconds / thermalSeconds));
    const hot = gpu.celsius > slowdownCelsius;
    const floor = spec.clockMaxMhz * 0.4;
    // Dynamic power falls about with the cube of the clock.
    const byPower = capped
      ? spec.clockMaxMhz * Math.cbrt((gpu.limitWatts - spec.idleWatts) / (full - spec.idleWatts))
      : spec.clockMaxMhz;
    const byHeat = hot ? gpu.clockMhz - clockStepMhz : gpu.clockMhz + clockStepMhz;
    gpu.clockMhz = Math.max(floor, Math.min(byPower, byHeat, spec.clockMaxMhz));
    gpu.reasons =
      (wanted === 0 ? 0x1 : 0) | (capped ? 0x4 : 0) | (hot ? 0x20 : 0) | (gpu.celsius > slowdownCelsius + 3 ? 0x48 : 0);
    if (hot) gpu.thermalNs += machineTickMs * 1e6;
    if (capped) gpu.powerNs += machineTickMs * 1e6;
    gpu.millijoules += gpu.watts * machineTickMs;
    gpu.eccSingle += countOf(gpu.eccSinglePerSecond * seconds);
    gpu.nvlinkErrors += countOf(gpu.nvlinkErrorsPerSecond * seconds);
  }

  function countOf(mean: number): number {
    return mean === 0 ? 0 : Math.floor(mean + random.uniform());
  }

  function memoryOf({ spec: { config } }: Replica): number {
    return Math.max(weightsMib, spec.memoryGib * 1024 * config.gpu_memory_utilization) + 900;
  }

  /** CPU and memory of the container. */
  function account(replica: Replica, node: Node, work: ReturnType<typeof workOf>): void {
    if (replica.state !== "serving") return;
    // Answering scrapes and probes costs something even when nobody asks for tokens.
    replica.api.busyMs += idleApiShare * machineTickMs;
    // The core process waits for the GPU by looking, not by sleeping.
    const core = replica.engine.hung ? 1 : Math.min(1, 0.15 + work.tensor + work.dram + work.link + work.host);
    replica.cpuSeconds += seconds * (core + 0.05);
    replica.leakedBytes += replica.condition.rssLeakPerSecond * seconds;
    replica.periods += seconds * 10;
    replica.throttledPeriods += seconds * 10 * node.throttledShare;
    node.busyCpuSeconds += seconds * (core + 0.6);
  }
}
