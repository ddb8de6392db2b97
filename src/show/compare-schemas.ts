// Shapes of comparisons.
import { z } from "zod";
import type { ComparedSide, Comparison, MeasureComparison, SideOfMeasure } from "../model/comparison.ts";
import { instant, shapeOf } from "./shapes.ts";

const sideOfMeasure = shapeOf<SideOfMeasure>()({
  observations: z.int(),
  minutes: z.int().describe("Minutes in which there were any."),
  replicas: z.int(),
  median: z.number().optional().describe("In the measure's unit, of all strata together; of probes the mean."),
});
const effect = z.number().nullable().optional();

const measure = shapeOf<MeasureComparison>()({
  measure: z.enum(["ttft", "itl", "tokens_per_gpu", "output_length", "probes"]),
  title: z.string(),
  unit: z.string().describe("UCUM."),
  source: z.enum(["requests", "metrics", "probes"]),
  verdict: z.enum(["better", "worse", "same", "different", "undecided"]),
  says: z.string(),
  a: sideOfMeasure,
  b: sideOfMeasure,
  effect: effect.describe("How far B lies from A: 0.1 = 10 % higher; of probes the difference of scores."),
  low: effect,
  high: effect,
  confidence: z.number().optional().describe("Of the interval from low to high (Holm)."),
  margin: z.number().describe("Least effect that matters."),
  strata: z.int(),
  comparedShare: z.number().describe("Share of observations in strata that both sides have."),
  more: z
    .object({ times: z.number(), ms: z.number() })
    .optional()
    .describe("Of an undecided one: how many times as much data would decide it, and how much longer that takes."),
});

const comparedSide = shapeOf<ComparedSide>()({
  label: z.string(),
  requests: z.int(),
  replicas: z.array(z.string()),
  models: z.array(z.string()),
  gpus: z.array(z.string()),
  nodes: z.array(z.string()),
  versions: z.array(z.string()),
});

const comparison = shapeOf<Comparison>()({
  range: z.object({ from: instant, to: instant }),
  a: comparedSide,
  b: comparedSide,
  verdict: z.enum(["better", "worse", "same", "undecided"]).describe("Of B against A, all measures together."),
  says: z.string(),
  measures: z.array(measure),
  confounders: z.array(z.string()).describe("What else differs between the sides and may be the reason."),
  notes: z.array(z.string()).describe("What was left out, and why."),
});

export const compareSchemas = { Comparison: comparison } as const;
