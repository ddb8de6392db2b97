// One replica: an engine process that can be killed and started again with another configuration or version.
import { createCostModel } from "./cost-model.ts";
import type { Engine, OnFinish } from "./engine.ts";
import { createEngine } from "./engine.ts";
import { gpus, kvBlocks, models } from "./hardware.ts";
import type { Requests } from "./requests.ts";
import type { EngineConfig, Scenario } from "./scenario.ts";

/** What a process is started with. */
export interface Spec {
  readonly version: string;
  /** How much slower than it should be this version is; 1 = as it should be. */
  readonly stepTimeFactor: number;
  readonly config: EngineConfig;
}

export interface Replica {
  readonly name: string;
  readonly index: number;
  readonly host: string;
  state: "serving" | "starting";
  spec: Spec;
  /** What it ran before, oldest first. */
  readonly history: Spec[];
  engine: Engine;
  /** Virtual milliseconds at which this process began to serve (or will). */
  startedAt: number;
  /** Processes so far. */
  epoch: number;
  /** Requests the gateway waits for. */
  inFlight: number;
}

const historyMax = 16;

export function createReplica(scenario: Scenario, index: number, requests: Requests, onFinish: OnFinish): Replica {
  const spec: Spec = { version: scenario.version, stepTimeFactor: 1, config: scenario.engine };
  return {
    name: `vllm-${index}`,
    index,
    host: `gpu-node-${index}`,
    state: "serving",
    spec,
    history: [],
    engine: startEngine(scenario, spec, requests, onFinish),
    startedAt: 0,
    epoch: 1,
    inFlight: 0,
  };
}

export function startEngine(scenario: Scenario, spec: Spec, requests: Requests, onFinish: OnFinish): Engine {
  const model = models[scenario.model];
  const gpu = gpus[scenario.gpu];
  const blocks = kvBlocks(model, gpu, spec.config.gpu_memory_utilization, spec.config.block_size, scenario.tp);
  const cost = createCostModel(model, gpu, {
    moeConfigTuned: scenario.moeConfigTuned,
    stepTimeFactor: spec.stepTimeFactor,
    tp: scenario.tp,
  });
  return createEngine(spec.config, blocks, cost, requests, onFinish);
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
      return { ...now, config: then.config };
    }
    if (part === "version" && then.version !== now.version) {
      return { ...now, version: then.version, stepTimeFactor: then.stepTimeFactor };
    }
  }
  return undefined;
}
