// Shapes of what receivers say became of an action.
import { z } from "zod";

const key = z
  .string()
  .max(300)
  .regex(/^[\w.:-]+$/, "is no idempotency key; send the one of the request")
  .describe("Of the action, as the request has it.");
const outcome = z
  .enum(["succeeded", "failed", "running", "refused"])
  .describe("`failed` and `refused` end the attempt, `succeeded` begins verification, `running` is noted.");
const says = z
  .string()
  .default("")
  .describe(
    "Why, for people: the first line of it, with secrets masked and at most 500 characters, goes to the ledger.",
  );

/** As a receiver may write it by hand. */
const plain = z.strictObject({
  idempotencyKey: key,
  outcome,
  says,
  undo: z.boolean().default(false).describe("It is about taking the action back."),
});

/** As `homeostat agent` sends it; what else is in it is not kept. */
const message = z.object({
  type: z.literal("action.result"),
  data: z.object({
    idempotencyKey: key,
    outcome,
    says,
    type: z.enum(["action.requested", "action.undo"]).default("action.requested"),
  }),
});

export const resultInput = z.union([plain, message]);

export const resultSchemas = {
  ResultInput: resultInput,
  ResultReceipt: z.object({
    outcome: z
      .enum(["noted", "known", "over"])
      .describe("noted: it counts; known: said before; over: its attempt is over. The last two change nothing."),
    says: z.string(),
  }),
} as const;
