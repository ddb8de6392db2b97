// Shapes of the outbox: messages to receivers, and the receivers.
import { z } from "zod";
import type { ReceiverState } from "../model/ports/outbox.ts";
import type { Letter } from "./contract.ts";
import { instant, shapeOf } from "./shapes.ts";

const letter = shapeOf<Letter>()({
  id: z.string().describe("Also the `webhook-id` of every attempt."),
  receiver: z.string(),
  url: z.string().describe("Where it goes; only its origin where the address itself is a secret."),
  state: z.enum(["pending", "delivered", "failed"]).describe("failed: a dead letter; it is not tried any more."),
  attempts: z.int(),
  nextAttemptAt: instant,
  createdAt: instant,
  lane: z.string().optional().describe("Messages of one lane go one after another."),
  change: z
    .object({ action: z.string(), target: z.string(), undo: z.literal(true).optional() })
    .optional()
    .describe("It changes the fleet, for this action of the ledger: held while anything stands against that."),
  status: z.int().optional().describe("HTTP status of the last answer."),
  error: z.string().optional().describe("Why the last try failed, or what holds it."),
  bytes: z.int().describe("Length of its body."),
  body: z
    .string()
    .optional()
    .describe("As it was written, without credentials; only of one that is asked for by its id."),
});

const receiver = shapeOf<ReceiverState>()({
  name: z.string(),
  url: z.string(),
  breaker: z
    .enum(["closed", "open", "half-open"])
    .describe("open: it failed too often in a row, so messages wait; half-open: one is let through to see."),
  opensUntil: instant.optional().describe("While open: from then on one is let through."),
  waiting: z.int().describe("Messages on their way to it."),
});

export const deliverySchemas = {
  Letter: letter,
  Receiver: receiver,
} as const;
