// What a run of a probe came to.
import type { EntityId } from "../model/entity.ts";
import type { Instant } from "../model/time.ts";

/** `unanswered`: there was nothing to judge, and this probe does not count that as a failure. `skipped`: not asked at all. */
export type Outcome = "passed" | "failed" | "unanswered" | "skipped";

export interface ProbeResult {
  readonly probe: string;
  /** Of the probe's cases; empty for kinds that have none. */
  readonly case: string;
  readonly target: string;
  readonly entity: EntityId;
  /** Empty if it is not known. */
  readonly model: string;
  readonly at: Instant;
  readonly outcome: Outcome;
  /** A word from a small fixed set, for counting; empty if passed. */
  readonly reason: string;
  /** One line for people. Quotes nothing of an answer. */
  readonly says: string;
  /** Of the answer; NaN without one. Of a probe that asks twice, the longer. */
  readonly seconds: number;
  readonly tokens: number;
  /** 0 to 1; NaN without an answer. */
  readonly score: number;
}
