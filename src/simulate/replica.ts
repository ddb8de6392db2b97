// One replica: an engine process that can be killed and started again with another configuration or version.
import { type Condition, neutral } from "./condition.ts";
import { createCostModel, createPace, type Pace } from "./cost-model.ts";
import { createEngine } from "./engine.ts";
import type { Engine, OnFinish } from "./engine-face.ts";
import { gpus, kvBlocks, models } from "./hardware.ts";
import { createRandom } from "./random.ts";
import type { Requests } from "./requests.ts";
import type { EngineConfig, Scenario } from "./scenario.ts";

/** What a process is started with. */
export interface Spec {
  readonly version: string;
  /** How much slower than it should be this version is; 1 = as it should be. */
  readonly stepTimeFactor: number;
  readonly config: EngineConfig;
  /** What else is wrong with this version. */
  readonly defects?: Partial<Condition>;
  /** Why it does not start: lines of its log. */
  readonly failsWith?: readonly string[];
}

/** The API process before the engine core: takes requests one at a time and turns text into tokens. */
export interface ApiProcess {
  /** Milliseconds for each thousand tokens of a prompt; 0 = too little to wait for. */
  msPerKiloToken: number;
  /** Virtual milliseconds at which it is done with what it has. */
  freeAt: number;
  /** CPU time it used, milliseconds. */
  busyMs: number;
}

export interface Replica {
  readonly name: string;
  readonly index: number;
  host: string;
  /** How far its node's clock is ahead, milliseconds. */
  clockMs: number;
  /** `down`: it failed to start, and waits to be tried again. `absent`: scaled away. */
  state: "serving" | "starting" | "down" | "absent";
  spec: Spec;
  /** What it ran before, oldest first. */
  readonly history: Spec[];
  engine: Engine;
  condition: Condition;
  pace: Pace;
  api: ApiProcess;
  /** Virtual milliseconds at which this process began to serve (or will). */
  startedAt: number;
  /** Processes so far. */
  epoch: number;
  /** Restarts by the kubelet, and why the last process ended. */
  restarts: number;
  lastEnd: { readonly reason: string; readonly exitCode: number } | undefined;
  /** Bytes of host memory beyond what a new process has. */
  leakedBytes: number;
  /** Full collections of this process that stopped it. */
  gcPauses: number;
  /** CPU seconds and throttled scheduling periods of its container, for good. */
  cpuSeconds: number;
  periods: number;
  throttledPeriods: number;
  /** Requests the gateway waits for. */
  inFlight: number;
  /** When the step of each replica of the fleet ends. */
  readonly deadlines: Float64Array;
}

const historyMax = 16;

export function createReplica(
  scenario: Scenario,
  index: number,
  requests: Requests,
  onFinish: OnFinish,
  deadlines: Float64Array,
): Replica {
  const spec: Spec = { version: scenario.version, stepTimeFactor: 1, config: scenario.engine };
  const replica: Omit<Replica, "engine"> & { engine?: Engine } = {
    name: `vllm-${index}`,
    index,
    host: `gpu-node-${index}`,
    clockMs: 0,
    state: "serving",
    spec,
    history: [],
    condition: neutral(),
    pace: createPace(),
    api: { msPerKiloToken: 0, freeAt: 0, busyMs: 0 },
    startedAt: 0,
    epoch: 1,
    restarts: 0,
    lastEnd: undefined,
    leakedBytes: 0,
    gcPauses: 0,
    cpuSeconds: 0,
    periods: 0,
    throttledPeriods: 0,
    inFlight: 0,
    deadlines,
  };
  startEngine(replica as Replica, scenario, requests, onFinish);
  return replica as Replica;
}

/** A new process with what `spec` says: nothing of the one before is left. */
export function startEngine(replica: Replica, scenario: Scenario, requests: Requests, onFinish: OnFinish): void {
  const { spec, index, epoch } = replica;
  const model = models[scenario.model];
  const gpu = gpus[scenario.gpu];
  replica.condition = { ...neutral(), ...spec.defects };
  replica.pace = createPace();
  replica.api = { msPerKiloToken: 0, freeAt: 0, busyMs: 0 };
  replica.leakedBytes = 0;
  replica.gcPauses = 0;
  const blocks = kvBlocks(model, gpu, spec.config.gpu_memory_utilization, spec.config.block_size, scenario.tp);
  const cost = createCostModel(model, gpu, {
    moeConfigTuned: scenario.moeConfigTuned,
    stepTimeFactor: spec.stepTimeFactor,
    tp: scenario.tp,
    pace: replica.pace,
  });
  replica.engine = createEngine(spec.config, blocks, cost, requests, onFinish, {
    condition: replica.condition,
    prefixGroups: scenario.workload.prefixGroups,
    adapters: scenario.loraAdapters,
    deadline: { all: replica.deadlines, place: index },
    random: createRandom(scenario.seed, `engine/${index}/${epoch}`),
  });
}

/** Puts `spec` in place of what runs, and keeps that in the history. */
export function replaceSpec(replica: Replica, spec: Spec): void {
  if (spec === replica.spec) return;
  replica.history.push(replica.spec);
  if (replica.history.length > historyMax) replica.history.shift();
  replica.spec = spec;
}

/** The latest earlier spec that differs in what `part` looks at, taken over into the present one; undefined if none. */
export function earlierSpec(replica: Replica, part: "config" | "version"): Spec | undefined {
  const now = replica.spec;
  for (let i = replica.history.length - 1; i >= 0; i--) {
    const then = replica.history[i]!;
    if (part === "config" && JSON.stringify(then.config) !== JSON.stringify(now.config)) {
      const { failsWith: _, ...rest } = now;
      return { ...rest, config: then.config };
    }
    if (part === "version" && then.version !== now.version) return { ...then, config: now.config };
  }
  return undefined;
}
