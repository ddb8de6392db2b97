// One thing that went wrong, and what we think of it.
import type { EntityId } from "./entity.ts";
import type { Evidence } from "./evidence.ts";
import type { AttributeReport } from "./request-attributes.ts";
import type { Instant } from "./time.ts";

export type IncidentId = string;
export type IncidentState = "open" | "mitigating" | "resolved";

export interface Incident {
  readonly id: IncidentId;
  readonly state: IncidentState;
  readonly title: string;
  readonly severity: "critical" | "warning" | "info";
  /** When the first symptom began. */
  readonly onset: Instant;
  readonly openedAt: Instant;
  readonly updatedAt: Instant;
  readonly resolvedAt?: Instant;
  /** Most affected first. */
  readonly entities: readonly EntityId[];
  /** Ids of the anomalies and alerts in it. */
  readonly symptoms: readonly string[];
  /** Which requests carry the change; absent while nothing is known of requests. */
  readonly attributes?: AttributeReport;
  /** Nothing is wrong yet: a forecast says that it will be. Absent: something is. */
  readonly origin?: "preventive";
}

export interface RankedCause {
  /** Slug of the failure mode. */
  readonly failureMode: string;
  readonly code: string;
  readonly title: string;
  /** Of all modes considered, together with "none of them", summing to 1. */
  readonly probability: number;
  /** Where it shows most. */
  readonly location: EntityId;
  /** The deployment, where most of its replicas show the same. */
  readonly everywhere?: EntityId;
  /** What would have told more but could not be looked up, as sentences: telemetry that is not there. */
  readonly unknown?: readonly string[];
  /** The change event that set it off, if one did. */
  readonly trigger?: string;
  /** How it came about. */
  readonly path?: readonly PathStep[];
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
}

export interface PathStep {
  /** `change`, or a step of the failure mode, for example `preemption`. */
  readonly id: string;
  readonly state: "seen" | "presumed";
  /** What shows it. */
  readonly evidence?: Evidence;
}

export interface Diagnosis {
  readonly id: string;
  readonly incident: IncidentId;
  readonly at: Instant;
  /** Likeliest first; never empty once diagnosed. */
  readonly causes: readonly RankedCause[];
  /** One sentence: what, where, why, since when. */
  readonly summary: string;
  /** What would prove it wrong. */
  readonly falsifiedBy: string;
  /** A cause that is nearly as likely as the first, and what is missing to tell them apart. */
  readonly undecided?: { readonly failureMode: string; readonly title: string; readonly missing: readonly string[] };
  /** From the cause to what users feel, as far as it was seen; a step that nothing measures is presumed. */
  readonly path?: readonly PathStep[];
}
