// Anomalies as they come back from a snapshot: checked, and numbers that JSON cannot write are NaN again.
import { z } from "zod";
import { type Anomaly, shapes } from "../model/anomaly.ts";
import { evidenceKinds } from "../model/evidence.ts";
import { signals } from "../model/signal.ts";

/** JSON has no NaN: what is not known is null there. */
export const numberOrNaN = z.union([z.number(), z.nan(), z.null()]).transform((value) => value ?? Number.NaN);
/** Far more than there ever are. */
const slotMax = 2 ** 24;
export const slotShape = z.int().min(0).max(slotMax);

const band = z.object({ low: numberOrNaN, high: numberOrNaN });

const evidence = z.object({
  kind: z.enum(evidenceKinds),
  says: z.string(),
  at: z.number(),
  entity: z.string().optional(),
  subject: z.string().optional(),
  observed: numberOrNaN.optional(),
  expected: band.optional(),
  ref: z.string().optional(),
});

/** Optional parts that are absent stay absent, so that it is an {@link Anomaly}. */
export const anomalyShape = z
  .object({
    id: z.string(),
    entity: z.string(),
    signal: z.enum(["joint", "series", ...signals.map(({ id }) => id)]),
    series: z.record(z.string(), z.string()).optional(),
    group: z.string().optional(),
    onset: z.number(),
    lastSeen: z.number(),
    endedAt: z.number().optional(),
    acceptedBy: z.string().optional(),
    tail: z.number(),
    direction: z.enum(["up", "down", "both"]),
    shape: z.enum(shapes),
    observed: numberOrNaN,
    knownMs: z.number().optional(),
    expected: band,
    detector: z.string(),
    evidence: z.array(evidence),
  })
  .transform((read) => read as Anomaly);
