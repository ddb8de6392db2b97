// What diagnosis looks at, and what it can find there.
import type { Alert, Anomaly } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { Evidence } from "../model/evidence.ts";
import type { AttributeReport } from "../model/request-attributes.ts";
import type { Instant } from "../model/time.ts";
import type { Topology } from "./topology.ts";

export type Finding =
  /** `further`: what else is known of it, and weighs nothing. */
  | { readonly state: "present"; readonly evidence: Evidence; readonly further?: readonly Evidence[] }
  | { readonly state: "absent" }
  /** No telemetry, or the source did not answer: says nothing either way. */
  | { readonly state: "unknown" };

export interface Scene {
  readonly at: Instant;
  /** When the trouble began. */
  readonly onset: Instant;
  /** Changes after this are answers to the trouble, not causes of it: when the incident opened, or now. */
  readonly knownAt: Instant;
  /** What the entities belong to. */
  readonly scope: EntityId;
  readonly anomalies: readonly Anomaly[];
  readonly alerts?: readonly Alert[];
  /** Undefined when the change log did not answer. */
  readonly changes: readonly ChangeEvent[] | undefined;
  /** Entities with fresh telemetry. */
  readonly alive: ReadonlySet<EntityId>;
  readonly topology: Topology;
  /** Which requests the trouble is of; undefined while nobody looked. */
  readonly attributes?: AttributeReport | undefined;
  /** False while detectors have no past to compare with: that they say nothing then says nothing. */
  readonly silenceTells: boolean;
}
