// What is foreseen: the part of the configuration about forecasts.
import { z } from "zod";
import { duration } from "./config-duration.ts";

export const Prevent = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe("Whether what will run out is told before it does. Off until its false alarms are known."),
  horizon: duration("2h").refine((ms) => ms >= 300_000 && ms <= 86_400_000, "must be from 5m to 1d"),
  coverage: z
    .number()
    .min(0.5)
    .max(0.99)
    .default(0.8)
    .describe("How often the end is meant to be within the interval that is told."),
  queueLimit: z
    .int()
    .min(1)
    .default(500)
    .describe("Waiting requests of a replica from which on clients are gone before they are served."),
  certificates: duration("14d"),
});
