// Faults that somebody rolls out: a configuration or a version that does harm. A rollback undoes them.
import { z } from "zod";
import { wouldNotStart } from "../actions.ts";
import type { Condition } from "../condition.ts";
import { gpus, kvBlocks, models, utilizationFor } from "../hardware.ts";
import { earlierSpec, type Spec } from "../replica.ts";
import { EngineConfig } from "../scenario.ts";
import { entityOf } from "../targets.ts";
import { defineFault, type FaultKind, type Scene } from "./define.ts";

const knobs = [
  "max_num_seqs",
  "max_num_batched_tokens",
  "gpu_memory_utilization",
  "long_prefill_token_threshold",
  "enable_prefix_caching",
  "num_speculative_tokens",
] as const;
const share = z.number().gt(0).max(1).default(0.9);
const deployer = "ci/deploy-pipeline";

export const rolloutFaults: readonly FaultKind[] = [
  defineFault({
    kind: "kv_pool_shrink",
    says: "somebody rolls out a smaller share of GPU memory, say to make room for a neighbour on the same GPU",
    targets: ["replica", "deployment"],
    params: {
      /** Share of the KV blocks that is left. */
      factor: z.number().gt(0).lt(1).optional(),
      /** Or the flag itself. */
      gpu_memory_utilization: z.number().gt(0).max(1).optional(),
    },
    check(scene, params) {
      const { scenario } = scene.world;
      const reason = wouldNotStart(scenario, { ...scenario.engine, gpu_memory_utilization: shareOf(scene, params) });
      if (reason !== undefined) throw new RangeError(`fault kv_pool_shrink: ${reason}`);
    },
    begin(scene, params, nowMs) {
      const gpu_memory_utilization = shareOf(scene, params);
      const specOf = (spec: Spec): Spec => ({ ...spec, config: { ...spec.config, gpu_memory_utilization } });
      rollOut(scene, "config", "config rollout", specOf, nowMs);
    },
    end: (scene, _params, nowMs) => takeBack(scene, "config", nowMs),
  }),
  defineFault({
    kind: "canary_regress",
    says: "somebody upgrades to a version that is slower at every step",
    targets: ["replica", "deployment"],
    params: { factor: z.number().positive().default(2.2), version: z.string().min(1).default("0.11.0") },
    begin(scene, { version, factor }, nowMs) {
      rollOut(scene, "version", "image upgrade", (spec) => ({ ...spec, version, stepTimeFactor: factor }), nowMs);
    },
    end: (scene, _params, nowMs) => takeBack(scene, "version", nowMs),
  }),
  defineFault({
    kind: "knob_change",
    says: "somebody rolls out another value of an engine flag",
    targets: ["replica", "deployment"],
    params: {
      knob: z.enum(knobs, { error: `must be one of ${knobs.join(", ")}` }).default("max_num_seqs"),
      value: z.union([z.number(), z.boolean()]).default(16),
    },
    check(scene, { knob, value }) {
      const { scenario } = scene.world;
      const next = EngineConfig.safeParse({ ...scenario.engine, [knob]: value });
      if (!next.success) throw new RangeError(`fault knob_change: ${value} is no value for ${knob}`);
      const reason = wouldNotStart(scenario, next.data);
      if (reason !== undefined) throw new RangeError(`fault knob_change: ${reason}`);
    },
    begin(scene, { knob, value }, nowMs) {
      const specOf = (spec: Spec): Spec => ({ ...spec, config: { ...spec.config, [knob]: value } });
      rollOut(scene, "config", "config rollout", specOf, nowMs);
    },
    end: (scene, _params, nowMs) => takeBack(scene, "config", nowMs),
  }),
  defineFault({
    kind: "config_error",
    says: "somebody rolls out a configuration with which the engine does not start",
    targets: ["replica", "deployment"],
    params: {},
    begin(scene, _params, nowMs) {
      const failsWith = [
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
        "RuntimeError: Engine core initialization failed. See root cause above.",
      ];
      const specOf = (spec: Spec): Spec => ({
        ...spec,
        config: { ...spec.config, gpu_memory_utilization: 0.2 },
        failsWith,
      });
      rollOut(scene, "config", "config rollout", specOf, nowMs);
    },
    end: (scene, _params, nowMs) => takeBack(scene, "config", nowMs),
  }),
  release("prefix_cache_off", "a version under which nothing is found in the prefix cache", {}, () => ({
    prefixOff: true,
  })),
  release("eos_broken", "a version whose end token is wrong: answers run on to the limit", { share }, (params) => ({
    runsOnShare: params.share,
  })),
  release(
    "spec_accept_drop",
    "a draft model that does not fit: hardly any proposed token is accepted",
    { acceptance: z.number().min(0).max(1).default(0.05) },
    (params) => ({
      acceptance: params.acceptance,
    }),
  ),
  release(
    "gibberish",
    "a kernel that garbles a share of the answers",
    { fraction: z.number().gt(0).max(1).default(0.3) },
    (params) => ({
      garbledShare: params.fraction,
    }),
  ),
  release(
    "quality_shift",
    "a version that answers a little worse, and shows nothing else",
    { delta: z.number().gt(0).max(1).default(0.08) },
    (params) => ({
      qualityLoss: params.delta,
    }),
  ),
  release("kv_corruption", "a KV connector that hands one request the cache of another", { share }, (params) => ({
    foreignShare: params.share,
  })),
  defineFault({
    kind: "deploy_noop",
    says: "a version that changes nothing is rolled out",
    targets: ["deployment", "replica"],
    params: {
      version: z.string().min(1).default("0.10.3"),
      /** Without it only the change is told. */
      restart: z.boolean().default(false),
    },
    begin(scene, { version, restart }, nowMs) {
      if (restart) {
        rollOut(scene, "version", "image upgrade", (spec) => ({ ...spec, version }), nowMs);
        return;
      }
      const target = entityOf(scene.at, scene.world.scenario);
      const summary = "labels and annotations changed";
      scene.world.change({ atMs: nowMs, kind: "deploy", target, summary, before: {}, after: {}, by: deployer });
    },
  }),
];

/** A version with a defect that no step time shows. */
function release<S extends z.ZodRawShape>(
  kind: string,
  says: string,
  params: S,
  defectsOf: (params: z.output<z.ZodObject<S>>) => Partial<Condition>,
): FaultKind {
  return defineFault({
    kind,
    says: `${says}, is rolled out`,
    targets: ["deployment", "replica"],
    params: { ...params, version: z.string().min(1).default("0.11.0") },
    begin(scene, all, nowMs) {
      const { version, ...rest } = all as { version: string } & z.output<z.ZodObject<S>>;
      const defects = defectsOf(rest as never);
      rollOut(scene, "version", "image upgrade", (spec) => ({ ...spec, version, defects }), nowMs);
    },
    end: (scene, _params, nowMs) => takeBack(scene, "version", nowMs),
  });
}

function shareOf(
  { world: { scenario } }: Scene,
  params: { readonly factor?: number | undefined; readonly gpu_memory_utilization?: number | undefined },
): number {
  if (params.gpu_memory_utilization !== undefined) return params.gpu_memory_utilization;
  const model = models[scenario.model];
  const gpu = gpus[scenario.gpu];
  const { block_size, gpu_memory_utilization } = scenario.engine;
  const blocks = kvBlocks(model, gpu, gpu_memory_utilization, block_size, scenario.tp);
  return utilizationFor(model, gpu, blocks * (params.factor ?? 0.4), block_size, scenario.tp);
}

/** Change event, then restarts one after the other with what `specOf` makes of each replica's own. */
function rollOut(
  { world, at }: Scene,
  part: "config" | "version",
  why: string,
  specOf: (spec: Spec) => Spec,
  nowMs: number,
): void {
  const replicas = world.replicasAt(at);
  const kind = part === "config" ? "config" : "deploy";
  const next = ({ spec }: { readonly spec: Spec }): Spec => specOf(spec);
  const target = entityOf(at, world.scenario);
  world.actions.rollOut({ target, replicas, specOf: next, kind, why, by: deployer, nowMs });
}

/** The same way back, for those that somebody has not taken back already. */
function takeBack({ world, at }: Scene, part: "config" | "version", nowMs: number): void {
  const replicas = world.replicasAt(at).filter((replica) => earlierSpec(replica, part) !== undefined);
  world.actions.rollOut({
    target: entityOf(at, world.scenario),
    replicas,
    specOf: (replica) => earlierSpec(replica, part) ?? replica.spec,
    kind: part === "config" ? "config" : "deploy",
    why: `${part} reverted`,
    by: deployer,
    nowMs,
  });
}
