// Something somebody changed: deploys, config rollouts, scaling, restarts.
import type { EntityId } from "./entity.ts";
import type { Labels } from "./labels.ts";
import type { Instant } from "./time.ts";

export type ChangeKind = "deploy" | "config" | "scale" | "restart" | "model" | "other";

export interface ChangeEvent {
  readonly id: string;
  readonly at: Instant;
  readonly kind: ChangeKind;
  /** What was changed: one replica, a deployment. */
  readonly target: EntityId;
  /** One line, as a person would say it. */
  readonly summary: string;
  readonly before?: Labels;
  readonly after?: Labels;
  /** Who or what did it. */
  readonly by?: string;
  /** Which system told of it by its own webhook, such as `github`. */
  readonly source?: string;
  /** Where people see it in that system. */
  readonly url?: string;
}

/** Silences are written into the change log too; they change nothing that serves. */
export function isOfOthers({ target }: ChangeEvent): boolean {
  return target !== "service:homeostat";
}
