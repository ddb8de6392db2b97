// What people say: users of what they were answered, engineers of what was diagnosed.
import type { EntityId } from "./entity.ts";
import type { Instant } from "./time.ts";

/** What a user did beside giving a score. */
export const feedbackReasons = ["regenerate", "repeat_contact"] as const;
export type FeedbackReason = (typeof feedbackReasons)[number];

interface About {
  readonly id: string;
  readonly at: Instant;
  /** Who said it, or the program that passed it on. */
  readonly by: string;
  /** Taken back: a verdict moves nothing any more; what a rating added to series stays there. */
  readonly undone?: { readonly at: Instant; readonly by: string };
}

export interface Rating extends About {
  readonly kind: "rating";
  readonly model?: string;
  readonly entity?: EntityId;
  readonly service?: string;
  /** 0 = bad, 1 = good. */
  readonly score: number;
  readonly reason?: FeedbackReason;
  /** As the privacy policy lets it in. */
  readonly text?: string;
}

export interface DiagnosisVerdict extends About {
  readonly kind: "diagnosis";
  readonly diagnosis: string;
  readonly incident: string;
  readonly verdict: "confirm" | "deny";
  /** Slug of the mode that was diagnosed. */
  readonly failureMode: string;
  /** Slug of the mode that it was, where somebody knows. */
  readonly rightCause?: string;
  /** What was thought then, by slug: probabilities of the first causes; what is left to 1 is all else. */
  readonly shares: Readonly<Record<string, number>>;
  /** Symptoms of those causes, by their ids, that were looked for with an answer. */
  readonly observed: readonly {
    readonly failureMode: string;
    readonly seen: readonly string[];
    readonly unseen: readonly string[];
  }[];
}

export type Feedback = Rating | DiagnosisVerdict;
