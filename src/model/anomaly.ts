// What the decider makes of detectors' scores, and what a rule makes of a query.
import type { EntityId } from "./entity.ts";
import type { Evidence } from "./evidence.ts";
import type { Labels } from "./labels.ts";
import type { SignalId } from "./signal.ts";
import type { DurationMs, Instant } from "./time.ts";

/** `variance`: about as high, but wilder or calmer. `mix`: a distribution of another form. `pattern`: a course never seen. */
export const shapes = [
  "level-shift",
  "ramp",
  "spike",
  "variance",
  "mix",
  "pattern",
  "flatline",
  "dropout",
  "joint",
] as const;
export type Shape = (typeof shapes)[number];

/** An episode in which a series (or an entity's signals together) left what is normal for it. */
export interface Anomaly {
  readonly id: string;
  readonly entity: EntityId;
  /** "joint" when it is about all core signals of the entity together, "series" when `series` says what it is about. */
  readonly signal: SignalId | "joint" | "series";
  /** Labels, `__name__` among them, of a series that is none of the judged signals. */
  readonly series?: Labels;
  /** Episodes of one entity's series and its siblings' that began together have one. */
  readonly group?: string;
  readonly onset: Instant;
  readonly lastSeen: Instant;
  /** Set once the episode is over. */
  readonly endedAt?: Instant;
  /** Who said that it is normal, if somebody did. */
  readonly acceptedBy?: string;
  /** Probability of a score at least this high while nothing is wrong. */
  readonly tail: number;
  readonly direction: "up" | "down" | "both";
  readonly shape: Shape;
  readonly observed: number;
  /** Event time that was learned of the entity when it was told; absent where nobody counted. */
  readonly knownMs?: DurationMs;
  /** Band the value should have been in; NaN where a detector has none. */
  readonly expected: { readonly low: number; readonly high: number };
  /** Detector that decided it. */
  readonly detector: string;
  readonly evidence: readonly Evidence[];
}

export type AlertState = "inactive" | "pending" | "firing" | "unknown";

/** A rule's verdict on one label set. */
export interface Alert {
  readonly id: string;
  readonly rule: string;
  readonly group: string;
  readonly state: AlertState;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Slug of the failure mode the rule points at, from its label `failure_mode`. */
  readonly failureMode?: string;
  readonly entity?: EntityId;
  readonly activeAt: Instant;
  readonly resolvedAt?: Instant;
  readonly value: number;
  /** Why the state is unknown. */
  readonly error?: string;
}

/** Event time in which an entity's points must enter no baseline and no training set. */
export interface Exclusion {
  readonly entity: EntityId;
  readonly from: Instant;
  /** Open while the incident is. */
  readonly to?: Instant;
  readonly reason: string;
}
