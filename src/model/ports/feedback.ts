// Where the API hands in what people say.
import type { DiagnosisVerdict, Feedback, FeedbackReason, Rating } from "../feedback.ts";

export interface RatingInput {
  readonly model?: string | undefined;
  readonly entity?: string | undefined;
  readonly service?: string | undefined;
  readonly score: number;
  readonly reason?: FeedbackReason | undefined;
  /** As the user wrote it: redacted before anything else is done with it. */
  readonly text?: string | undefined;
}

export interface VerdictInput {
  readonly diagnosis: string;
  readonly verdict: "confirm" | "deny";
  readonly cause?: string | undefined;
}

/** `unknown`: it names what is not there. `wrong`: it contradicts itself. The reason says what to do. */
export type FeedbackOutcome<T extends Feedback> =
  | { readonly kind: "done"; readonly feedback: T }
  | { readonly kind: "unknown" | "wrong"; readonly parameter: string; readonly reason: string };

/** All reject where the store does not take it; then nothing counts. */
export interface FeedbackDesk {
  rate(input: RatingInput, by: string): Promise<FeedbackOutcome<Rating>>;
  /** One voice a person and diagnosis: a later one replaces it. */
  judge(input: VerdictInput, by: string): Promise<FeedbackOutcome<DiagnosisVerdict>>;
  undo(id: string, by: string): Promise<FeedbackOutcome<Feedback>>;
}
