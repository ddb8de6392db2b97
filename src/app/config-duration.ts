// A length of time in the configuration, as Prometheus writes it.
import { z } from "zod";
import { parseDuration } from "../model/time.ts";

export const duration = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .refine((text) => parseDuration(text) !== undefined, "is not a duration; write it like 30s, 5m or 1h30m")
    .transform((text) => parseDuration(text)!)
    .describe(`Duration such as 30s or 5m (default ${fallback}).`);
