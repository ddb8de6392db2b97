// One step of event time, as observe hands it to detection: the judged signals of all replicas at one instant.
import type { Entity } from "./entity.ts";
import type { SignalId } from "./signal.ts";
import type { Instant } from "./time.ts";

/**
 * Only replicas that send a judged signal are in it; other entities and signals are canonical series without a frame.
 * `values[entity * signals.length + signal]`; NaN with quality MISSING where there is none.
 * `slots[entity]` is stable for an entity for the life of the process and never reused.
 */
export interface Frame {
  readonly at: Instant;
  readonly stepMs: number;
  readonly entities: readonly Entity[];
  readonly slots: Int32Array;
  readonly signals: readonly SignalId[];
  readonly values: Float64Array;
  readonly quality: Uint8Array;
}
