// Shapes of log templates and of what was found in logs.
import { z } from "zod";
import type { LogFinding } from "../model/log-finding.ts";
import type { LogTemplateRow } from "./contract.ts";

const instant = z.int().describe("Unix time in milliseconds.");

const template = z.object({
  id: z.string().describe("As in the label `template_id` of `log_template_records`."),
  text: z.string().describe("The line with `<*>` for what varies."),
  lines: z.number().describe("Since it was first seen."),
  severity: z.string(),
  example: z.string().describe("A line of it, masked when it was received and cut short."),
  lastAt: instant,
  tenant: z.string().optional(),
} satisfies Record<keyof LogTemplateRow, z.ZodType>);

const finding = z.object({
  id: z.string(),
  kind: z.enum(["new", "vanished", "burst", "mix", "kernel"]),
  at: instant,
  entity: z.string(),
  service: z.string(),
  version: z.string(),
  tenant: z.string().optional(),
  severity: z.string(),
  templateId: z.string().optional(),
  template: z.string().optional(),
  example: z.string().optional(),
  observed: z.number().describe("Lines in the step; for a mix, its G statistic."),
  expected: z.number().describe("Lines a step before."),
  tail: z.number().describe("Probability of this or more while nothing changed."),
  says: z.string(),
  incident: z.string().optional(),
} satisfies Record<keyof LogFinding, z.ZodType>);

export const logSchemas = { LogTemplate: template, LogFinding: finding } as const;
