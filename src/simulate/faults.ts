// Faults: what goes wrong with a fleet, and what undoes it.
import type { Actions } from "./actions.ts";
import { wouldNotStart } from "./actions.ts";
import type { Replica, Spec } from "./replica.ts";
import { earlierSpec } from "./replica.ts";
import type { Fault, Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";

/**
 * Lets a fault happen at its time. Throws a RangeError when its target or parameters make no sense for this fleet.
 * `atMs` replaces the fault's own time.
 */
export function scheduleFault(
  fault: Fault,
  atMs: number,
  scenario: Scenario,
  actions: Actions,
  timeline: Timeline,
  onFault: (text: string, atMs: number) => void,
): void {
  if (fault.kind === "none") return;
  const hit = actions.replicasOf(fault.target);
  if (hit.length === 0) throw new RangeError(`fault ${fault.kind}: no such target ${fault.target}`);
  const effect = effects[fault.kind](fault, scenario, actions, hit);
  timeline.add(atMs, (nowMs) => {
    onFault(`${fault.kind} at ${fault.target}`, nowMs);
    effect.begin(nowMs);
  });
  if (fault.holdMs !== undefined) {
    timeline.add(atMs + fault.holdMs, (nowMs) => {
      onFault(`${fault.kind} at ${fault.target} ends`, nowMs);
      effect.end(nowMs);
    });
  }
}

interface Effect {
  begin(nowMs: number): void;
  end(nowMs: number): void;
}

type Effects = {
  readonly [K in Exclude<Fault["kind"], "none">]: (
    fault: Fault,
    scenario: Scenario,
    actions: Actions,
    hit: readonly Replica[],
  ) => Effect;
};

const effects: Effects = { kv_pool_shrink: kvPoolShrink, engine_hang: engineHang, canary_regress: canaryRegress };

/** Somebody rolls out a smaller share of GPU memory, say to make room for a neighbour on the same GPU. */
function kvPoolShrink(fault: Fault, scenario: Scenario, actions: Actions, hit: readonly Replica[]): Effect {
  const share = Number(fault.params["gpu_memory_utilization"] ?? 0.84);
  const reason = wouldNotStart(scenario, { ...scenario.engine, gpu_memory_utilization: share });
  if (reason !== undefined) throw new RangeError(`fault kv_pool_shrink: ${reason}`);
  const specOf = (replica: Replica): Spec => ({
    ...replica.spec,
    config: { ...replica.spec.config, gpu_memory_utilization: share },
  });
  return rolledOut(fault, actions, hit, "config", "config rollout", specOf);
}

/** Somebody upgrades to a version that is slower at every step. */
function canaryRegress(fault: Fault, _scenario: Scenario, actions: Actions, hit: readonly Replica[]): Effect {
  const version = String(fault.params["version"] ?? "0.11.0");
  const stepTimeFactor = Number(fault.params["factor"] ?? 2.2);
  if (!(stepTimeFactor > 0)) throw new RangeError("fault canary_regress: factor must be positive");
  const specOf = (replica: Replica): Spec => ({ ...replica.spec, version, stepTimeFactor });
  return rolledOut(fault, actions, hit, "version", "image upgrade", specOf);
}

function rolledOut(
  { target }: Fault,
  actions: Actions,
  hit: readonly Replica[],
  part: "config" | "version",
  why: string,
  specOf: (replica: Replica) => Spec,
): Effect {
  const kind = part === "config" ? "config" : "deploy";
  return {
    begin: (nowMs) => actions.rollOut({ target, replicas: hit, specOf, kind, why, by: "ci/deploy-pipeline", nowMs }),
    end(nowMs) {
      const back = hit.filter((replica) => earlierSpec(replica, part) !== undefined);
      const earlier = (replica: Replica): Spec => earlierSpec(replica, part) ?? replica.spec;
      const by = "ci/deploy-pipeline";
      actions.rollOut({ target, replicas: back, specOf: earlier, kind, why: `${part} reverted`, by, nowMs });
    },
  };
}

/** The engine core blocks for good: processes live, health answers, no token comes. */
function engineHang(_fault: Fault, _scenario: Scenario, _actions: Actions, hit: readonly Replica[]): Effect {
  return {
    begin(nowMs) {
      for (const replica of hit) replica.engine.setHung(true, nowMs);
    },
    end(nowMs) {
      for (const replica of hit) if (replica.engine.hung) replica.engine.setHung(false, nowMs);
    },
  };
}
