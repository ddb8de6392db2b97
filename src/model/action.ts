// Repairs: proposed, gated, executed, verified, undone.
import type { EntityId } from "./entity.ts";
import type { ActionKind, CheckSpec, Safety } from "./failure-mode.ts";
import type { IncidentId } from "./incident.ts";
import type { Labels } from "./labels.ts";
import type { Instant } from "./time.ts";

export type Mode = "observe" | "propose" | "approve" | "auto";

export interface Action {
  readonly id: string;
  readonly kind: ActionKind;
  readonly target: EntityId;
  /** Failure domain: one action at a time for each. */
  readonly domain: EntityId;
  readonly incident?: IncidentId;
  readonly failureMode?: string;
  readonly probability: number;
  /** Only declared parameters with checked values; text from telemetry never enters here. */
  readonly parameters: Labels;
  readonly safety: Safety;
  readonly verify: readonly CheckSpec[];
  readonly why: string;
  /** The same for the same repair of the same incident and attempt, so that receivers can drop repeats. */
  readonly idempotencyKey: string;
  readonly proposedAt: Instant;
}

export interface Proposal {
  readonly origin: "diagnosis" | "recommendation" | "preventive" | "manual";
  readonly action: Action;
}

export type Verdict =
  | { readonly kind: "pass" }
  /** `by` names the stage, `reason` is for the operator: nothing is held silently. */
  | { readonly kind: "hold"; readonly by: string; readonly reason: string; readonly retryAt?: Instant };

export type ActionState = "proposed" | "held" | "sent" | "accepted" | "verifying" | "verified" | "failed" | "undone";

/** A line of the ledger: what happened to an action, when and why. Append-only. */
export interface LedgerEntry {
  readonly action: Action;
  readonly state: ActionState;
  readonly at: Instant;
  readonly by: string;
  readonly reason: string;
}
