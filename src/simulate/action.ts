// Actions as they are asked for and answered, and the changes they make known.
import type { ChangeKind } from "../model/change.ts";
import type { Labels } from "../model/labels.ts";
import type { Replica, Spec } from "./replica.ts";

export interface Request {
  /** `restart-replica`, or as scenario files write it: `restart_replica`. */
  readonly action: string;
  /** `replica:<name>`, `deployment:<name>`, `node:<name>`, `gateway`, … */
  readonly target: string;
  readonly parameters: Labels;
}

export type Answer =
  /** What will be done, in a sentence. */
  | { readonly kind: "accepted"; readonly will: string }
  | { readonly kind: "refused"; readonly status: 404 | 409 | 422; readonly reason: string };

export interface Change {
  readonly atMs: number;
  readonly kind: ChangeKind;
  readonly target: string;
  readonly summary: string;
  readonly before: Labels;
  readonly after: Labels;
  readonly by: string;
}

export interface Rollout {
  readonly target: string;
  readonly replicas: readonly Replica[];
  readonly specOf: (replica: Replica) => Spec;
  readonly kind: ChangeKind;
  readonly why: string;
  readonly by: string;
  readonly nowMs: number;
}

export interface Actions {
  /** Does it, or says why not. `by` goes into the change event. */
  perform(request: Request, by: string, nowMs: number): Answer;
  /** A rollout somebody ordered: change event, then restarts. */
  rollOut(rollout: Rollout): void;
}

/** What only a fleet can do: more replicas or fewer, and another machine for one. */
export interface Capacity {
  scale(replicas: number, nowMs: number): void;
  replaceNode(node: number, nowMs: number): void;
}
