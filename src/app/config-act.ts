// What may be repaired, by which policy: the part of the configuration about acting.
import { z } from "zod";
import { actionKinds } from "../model/failure-mode.ts";
import { duration } from "./config-duration.ts";

function fitsAction(pattern: string): boolean {
  return actionKinds.some((kind) => (pattern.endsWith("*") ? kind.startsWith(pattern.slice(0, -1)) : kind === pattern));
}

const Policy = z.strictObject({
  id: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits or _ . -")
    .optional()
    .describe("What the ledger calls it; default: its place in the list."),
  action: z
    .string()
    .refine(fitsAction, `is no action; there are ${actionKinds.join(", ")}, and * at its end matches any rest`)
    .default("*")
    .describe("Action kind this policy is for; * at its end matches any rest."),
  target: z.string().default("*").describe("Entity id this policy is for; * at its end matches any rest."),
  mode: z.enum(["observe", "propose", "approve", "auto"]).default("observe"),
  minProbability: z.number().min(0).max(1).default(0.7),
  cooldown: duration("15m"),
  attempts: z.int().min(1).default(2),
  maxEvidenceAge: duration("2m"),
  approval: z
    .strictObject({
      quorum: z.int().min(1).default(1).describe("So many different people have to approve."),
      ttl: duration("15m").describe("An action nobody approved in this time is denied; an approval holds as long."),
    })
    .prefault({}),
});

export const Acting = z.strictObject({
  policies: z.array(Policy).default([]).describe("What may run. None: everything is only observed."),
});
