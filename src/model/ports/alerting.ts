// Alerts that come in from elsewhere, and silences: what the API asks of delivery.
import type { Labels } from "../labels.ts";
import type { Instant } from "../time.ts";
import type { LabelMatcher } from "./series-source.ts";

export interface SilenceInput {
  /** Changes this one instead of making another. */
  readonly id?: string;
  readonly matchers: readonly LabelMatcher[];
  readonly startsAt: Instant;
  /** Exclusive. */
  readonly endsAt: Instant;
  readonly comment: string;
  readonly createdBy: string;
}

export interface Silence extends SilenceInput {
  readonly id: string;
  readonly updatedAt: Instant;
}

export type SilenceOutcome =
  | { readonly kind: "done"; readonly silence: Silence }
  | { readonly kind: "wrong" | "unknown" | "full"; readonly reason: string };

export interface Silences {
  /** Latest start first; ended ones stay listed for days. */
  list(): readonly Silence[];
  add(input: SilenceInput, now: Instant): SilenceOutcome;
  /** Ends it now. One that is over already stays as it is. */
  end(id: string, now: Instant): SilenceOutcome;
}

/** An alert of another system, as Alertmanager's API and webhook give it. */
export interface ForeignAlert {
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt?: Instant;
  /** Over from then on. */
  readonly endsAt?: Instant;
  readonly generatorUrl?: string;
}

export interface IntakeReceipt {
  readonly taken: number;
  /** Of Homeostat's own making, come back: not evidence of anything new. */
  readonly own: number;
  /** Known already with the same content. */
  readonly repeated: number;
  /** Let go because too many are kept. */
  readonly dropped: number;
}

export interface AlertIntake {
  /** `silentMs`: without an end, an alert nobody repeats for so long is over. */
  take(alerts: readonly ForeignAlert[], now: Instant, silentMs: number): IntakeReceipt;
}
