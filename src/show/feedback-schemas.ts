// Shapes of what people say.
import { z } from "zod";
import { type DiagnosisVerdict, feedbackReasons, type Rating } from "../model/feedback.ts";
import { instant, shapeOf } from "./shapes.ts";

const undone = z.object({ at: instant, by: z.string() }).optional().describe("Taken back.");
const about = { id: z.string(), at: instant, by: z.string(), undone };

const rating = shapeOf<Rating>()({
  ...about,
  kind: z.literal("rating"),
  model: z.string().optional(),
  entity: z.string().optional(),
  service: z.string().optional(),
  score: z.number(),
  reason: z.enum(feedbackReasons).optional(),
  text: z.string().optional().describe("As the privacy policy lets it in."),
});

const verdict = shapeOf<DiagnosisVerdict>()({
  ...about,
  kind: z.literal("diagnosis"),
  diagnosis: z.string(),
  incident: z.string(),
  verdict: z.enum(["confirm", "deny"]),
  failureMode: z.string().describe("What was diagnosed."),
  rightCause: z.string().optional().describe("What it was."),
  shares: z.record(z.string(), z.number()).describe("Probabilities of the first causes then, by failure mode."),
  observed: z
    .array(z.object({ failureMode: z.string(), seen: z.array(z.string()), unseen: z.array(z.string()) }))
    .describe("Symptoms of those causes that were looked for with an answer."),
});

const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}*$/u, "contains control characters; send one line of plain text");

const ratingInput = z.strictObject({
  kind: z.literal("rating"),
  score: z.number().min(0).max(1).describe("0 = bad, thumbs down; 1 = good, thumbs up."),
  model: line(200).optional().describe("The model that answered."),
  entity: line(256).optional().describe("What answered, as /api/v1/signals names it, such as replica:vllm-2."),
  service: line(200).optional().describe("The application that asked."),
  reason: z.enum(feedbackReasons).optional().describe("What the user did."),
  text: z.string().max(10_000).optional().describe("What the user wrote; redacted before anything is stored."),
});

const verdictInput = z.strictObject({
  kind: z.literal("diagnosis"),
  diagnosis: line(200).describe("Id of the diagnosis."),
  verdict: z.enum(["confirm", "deny"]),
  cause: line(100).optional().describe("Failure mode that it was, where the diagnosis is denied and somebody knows."),
});

/** As it may be posted. */
export const feedbackInput = z.discriminatedUnion("kind", [ratingInput, verdictInput]);

export const feedbackSchemas = {
  Feedback: z.discriminatedUnion("kind", [rating, verdict]),
  FeedbackInput: feedbackInput,
} as const;
