// Repairs: proposed, gated, executed, verified, undone.
import type { EntityId } from "./entity.ts";
import type { ActionKind, CheckSpec, Safety } from "./failure-mode.ts";
import type { IncidentId } from "./incident.ts";
import type { Labels } from "./labels.ts";
import type { Seal } from "./ledger.ts";
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
  /** When the trouble began, as far as the diagnosis knows: what its effect is compared with lies before. */
  readonly troubleSince?: Instant;
  /** The person who proposed it, where one did; somebody else has to approve. */
  readonly author?: string;
  /** What the diagnosis rests on, for the ledger; no connector can send it. */
  readonly evidence?: EvidenceSummary;
}

export interface EvidenceSummary {
  /** Distinct kinds of evidence for the cause: what one broken exporter cannot fake alone. */
  readonly kinds: readonly string[];
  /** The strongest few, as sentences. */
  readonly says: readonly string[];
}

export interface Proposal {
  readonly origin: "diagnosis" | "recommendation" | "preventive" | "manual";
  readonly action: Action;
  /** The rest of the ladder: what to try where the action was tried and did not help, in this order. */
  readonly otherwise?: readonly Action[];
}

export type Verdict =
  | { readonly kind: "pass" }
  /** `by` names the stage, `reason` is for the operator: nothing is held silently. */
  | { readonly kind: "hold"; readonly by: string; readonly reason: string; readonly retryAt?: Instant };

export const actionStates = [
  "proposed",
  "held",
  "denied",
  "sent",
  "accepted",
  "verifying",
  "verified",
  "failed",
  "undone",
] as const;
export type ActionState = (typeof actionStates)[number];

/** What an entry of the ledger tells: a repair's state, or something that was decided about it. */
export const ledgerStates = [
  ...actionStates,
  "approved",
  "refused",
  "killed",
  "revived",
  "demoted",
  "rearmed",
  "reported",
  "replayed",
  "void",
] as const;
export type LedgerState = (typeof ledgerStates)[number];

/** A line of the ledger: what happened to an action, when and why. Append-only; {@link Seal} chains it to the line before. */
export interface LedgerEntry extends Partial<Seal> {
  readonly action: Action;
  readonly state: LedgerState;
  readonly at: Instant;
  /** Who decided: a person's name, or the stage or part of act. */
  readonly by: string;
  readonly reason: string;
  /** The policy that applied; absent where none was asked. */
  readonly policy?: AppliedPolicy;
  /** The action's checks right before it was sent, and when its effect was judged. */
  readonly before?: readonly Reading[];
  readonly after?: readonly Reading[];
  /** Felt signals when the effect was judged, of the target and of siblings nobody touched. */
  readonly compared?: readonly Compared[];
  readonly verdict?: "success" | "fail" | "inconclusive";
  /** Of a demotion or its end: whose `auto` asks for approval, and on which target. */
  readonly concerns?: PolicyOnTarget;
  /** Of an approval: SHA-256 of the kind, target and parameters that were approved. */
  readonly approves?: string;
  /** Of a report: what the receiver says became of the action. Nobody's word stands in for verification. */
  readonly reports?: ReportedOutcome;
  /** Sequence of an entry that counts for nothing: the store did not say in time that it had it. */
  readonly voids?: number;
}

/** What a receiver says of an action it was asked for. */
export type ReportedOutcome = "succeeded" | "failed" | "running";

export interface PolicyOnTarget {
  readonly policy: string;
  readonly target: EntityId;
}

export interface AppliedPolicy {
  readonly id: string;
  readonly mode: Mode;
}

/** Medians before the trouble, during it and since the checks hold, in the metric's unit; null where nothing was measured. */
export interface Compared {
  readonly metric: string;
  readonly target: Medians;
  readonly siblings?: Medians & { readonly count: number };
}

export interface Medians {
  readonly before: number | null;
  readonly during: number | null;
  readonly after: number | null;
}

/** A check at one instant; `holds` is null where there was no telemetry to answer it. */
export interface Reading {
  readonly check: string;
  readonly holds: boolean | null;
}
