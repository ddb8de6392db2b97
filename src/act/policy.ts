// What may run: the operator's policies, and which of them is for an action.
import type { Action, Mode } from "../model/action.ts";
import type { DurationMs } from "../model/time.ts";

export interface Policy {
  /** What the ledger calls it. */
  readonly id: string;
  /** Action kind, or `*`. */
  readonly action: string;
  /** Entity id; `*` at its end matches any rest. */
  readonly target: string;
  /** Slug of the diagnosis; `*` at its end matches any rest. */
  readonly failureMode: string;
  readonly mode: Mode;
  /** So many distinct kinds of evidence (signal, log, change, …) have to speak for the cause. */
  readonly minEvidence: number;
  /** Maintenance windows it runs in; empty: at any time. */
  readonly onlyIn: readonly string[];
  readonly minProbability: number;
  /** Pause after an action before the next on the same target. */
  readonly cooldown: DurationMs;
  /** How often the same repair of the same incident is tried within a day. */
  readonly attempts: number;
  /** Telemetry of the target older than this is no ground to act on, nor to verify by. */
  readonly maxEvidenceAge: DurationMs;
  /** A repair whose checks hold is compared with its siblings, and they are watched for harm, for so long before it is a success. */
  readonly watch: DurationMs;
  readonly approval: ApprovalRule;
  readonly blastRadius?: BlastRadius;
}

export interface ApprovalRule {
  /** So many different people have to approve. */
  readonly quorum: number;
  /** How long an action waits for them, and how long an approval holds; after that it is denied. */
  readonly ttl: DurationMs;
}

export interface BlastRadius {
  /** Actions under way at once, of all targets. Default 1. */
  readonly maxConcurrent?: number;
  /** Share of a failure domain's replicas acted on within an hour, one always allowed. Default 0.34. */
  readonly maxShare?: number;
  /** Actions within an hour, of all targets. Default 6. */
  readonly maxPerHour?: number;
  /** Different targets on one node, or in one zone, within an hour. Default: no limit of its own. */
  readonly maxPerNode?: number;
  readonly maxPerZone?: number;
  /** What of the domain's other replicas has to be healthy. Default: nothing. */
  readonly minHealthy?: { readonly count?: number; readonly percent?: number };
}

const observe: Policy = {
  id: "none",
  action: "*",
  target: "*",
  failureMode: "*",
  mode: "observe",
  minEvidence: 1,
  onlyIn: [],
  minProbability: 0.7,
  cooldown: 15 * 60_000,
  attempts: 2,
  maxEvidenceAge: 2 * 60_000,
  watch: 2 * 60_000,
  approval: { quorum: 1, ttl: 15 * 60_000 },
};

/** The first policy that matches, as written; without one the action is only observed. */
export function policyFor(action: Action, policies: readonly Policy[]): Policy {
  return (
    policies.find(
      (policy) =>
        matches(policy.action, action.kind) &&
        matches(policy.target, action.target) &&
        matches(policy.failureMode, action.failureMode ?? ""),
    ) ?? observe
  );
}

export function matches(pattern: string, text: string): boolean {
  return pattern.endsWith("*") ? text.startsWith(pattern.slice(0, -1)) : pattern === text;
}
