// What log lines tell beside their counts: that they changed, or that the kernel reports broken hardware.
import type { EntityId } from "./entity.ts";
import type { Instant } from "./time.ts";

/** `new`, `vanished`, `burst`: of one template. `mix`: how a service's templates share its lines. `kernel`: one event. */
export type LogFindingKind = "new" | "vanished" | "burst" | "mix" | "kernel";

/**
 * A fact of one step of event time, without an end: evidence, not an alarm. It is no Anomaly, which is an episode of a
 * canonical signal that the budget of false alarms is spent on and that opens incidents.
 */
export interface LogFinding {
  /** The same for the same fact, however often it is found. */
  readonly id: string;
  readonly kind: LogFindingKind;
  /** End of the step; of a kernel event, its own time. */
  readonly at: Instant;
  /** The service's deployment; of a kernel event the GPU, or its node. */
  readonly entity: EntityId;
  readonly service: string;
  readonly version: string;
  readonly tenant?: string;
  /** `info`, `error` and so on, said by the records or inferred from their text. */
  readonly severity: string;
  /** Absent where it is about no single template. */
  readonly templateId?: string;
  readonly template?: string;
  /** A line of it, masked when it was received and cut short. */
  readonly example?: string;
  /** Lines in the step; for a mix, its G statistic. */
  readonly observed: number;
  /** Lines a step before; 0 for a mix or a kernel event. */
  readonly expected: number;
  /** Probability of this or more while nothing changed; 0 where nothing before says anything about it. */
  readonly tail: number;
  /** One line for people. */
  readonly says: string;
  /** The incident that was open on the entity, or on what it belongs to, when it was found. */
  readonly incident?: string;
}
