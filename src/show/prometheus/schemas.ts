// Shapes of Prometheus's own answers.
import { z } from "zod";

export const prometheusError = z.object({ status: z.literal("error"), errorType: z.string(), error: z.string() });

export const prometheusAnswer = z.object({
  status: z.literal("success"),
  data: z.unknown(),
  warnings: z.array(z.string()).optional(),
  infos: z.array(z.string()).optional(),
});
