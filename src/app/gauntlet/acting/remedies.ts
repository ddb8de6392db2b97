// Which repairs are right for a scenario's fault, and which targets are ill: what executed actions are judged by.
import type { Action } from "../../../model/action.ts";
import type { EntityId } from "../../../model/entity.ts";
import type { ActionKind, FailureMode } from "../../../model/failure-mode.ts";
import type { GroundTruth } from "../../../simulate/ground-truth.ts";
import { baseCode } from "../score.ts";

/** What scenario files call each kind of action. */
const names: Readonly<Record<ActionKind, readonly string[]>> = {
  "rollback-config": ["rollback"],
  "rollback-version": ["rollback"],
  "restart-replica": ["restart_replica"],
  "shed-load": ["shed"],
  "scale-out": ["scale_out", "scale"],
  "set-knob": ["set_knob"],
  notify: ["notify"],
  none: ["noop"],
};

export interface Remedies {
  /** The scenario names a repair that changes something; whether this product can do it is another matter. */
  readonly repairable: boolean;
  /** One of the scenario's repairs, or one of those the catalogue names for its true mode. */
  isRight(action: Pick<Action, "kind" | "target">): boolean;
  /** The target has no part in the fault; false where the scenario names no place. */
  isHealthy(target: EntityId): boolean;
}

/** `places`: where the fault is, in the names of telemetry; `deployment` holds all replicas, so it is never quite healthy. */
export function remediesOf(
  truth: GroundTruth,
  places: readonly EntityId[],
  deployment: EntityId,
  catalogue: readonly FailureMode[],
): Remedies {
  const isFault = truth.mode !== "NONE";
  const known = catalogue
    .filter(({ code }) => baseCode(code) === baseCode(truth.mode))
    .flatMap(({ remedies }) => remedies);
  const isWhole = (target: EntityId): boolean => target === deployment || target.startsWith("service:");

  function isHealthy(target: EntityId): boolean {
    if (!isFault) return true;
    if (places.length === 0 || isWhole(target)) return false;
    // What befalls a whole deployment or service is an illness of each of its replicas.
    return !places.includes(target) && !places.some(isWhole);
  }

  return {
    repairable: truth.acceptable_actions.some(({ action }) => action !== "notify" && action !== "noop"),
    isHealthy,
    isRight({ kind, target }) {
      if (!isFault) return false;
      const named = truth.acceptable_actions.some(({ action }) => names[kind].includes(action));
      return (named || known.some(({ action }) => action === kind)) && !isHealthy(target);
    },
  };
}
