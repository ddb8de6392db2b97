// Faults that somebody rolls out: a configuration or a version that does harm. A rollback undoes them.
import { z } from "zod";
import { wouldNotStart } from "../actions.ts";
import { gpus, kvBlocks, models, utilizationFor } from "../hardware.ts";
import { earlierSpec, type Spec } from "../replica.ts";
import { entityOf } from "../targets.ts";
import { defineFault, type FaultKind, type Scene } from "./define.ts";

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
];

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
