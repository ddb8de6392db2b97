// Shapes of incidents and of what is thought of them.
import { z } from "zod";
import type { Diagnosis, Incident, PathStep, RankedCause } from "../model/incident.ts";
import { evidence, instant, severity, shapeOf } from "./shapes.ts";

export const incident = shapeOf<Incident>()({
  id: z.string(),
  state: z.enum(["open", "mitigating", "resolved"]),
  title: z.string(),
  severity,
  onset: instant,
  openedAt: instant,
  updatedAt: instant,
  resolvedAt: instant.optional(),
  entities: z.array(z.string()).describe("Most affected first."),
  symptoms: z.array(z.string()).describe("Ids of anomalies and alerts."),
});

const pathStep = shapeOf<PathStep>()({
  id: z.string().describe("`change`, or a step of the failure mode."),
  state: z.enum(["seen", "presumed"]),
  evidence: evidence.optional(),
});

const path = z.array(pathStep).optional().describe("From the cause to what users feel.");

const cause = shapeOf<RankedCause>()({
  failureMode: z.string(),
  code: z.string(),
  title: z.string(),
  probability: z.number().min(0).max(1),
  location: z.string().describe("Where it shows most."),
  everywhere: z.string().optional().describe("The deployment, where most of its replicas show the same."),
  unknown: z.array(z.string()).optional().describe("What would have told more but could not be looked up."),
  trigger: z.string().optional().describe("Id of the change event that set it off."),
  path,
  for: z.array(evidence),
  against: z.array(evidence),
});

export const diagnosis = shapeOf<Diagnosis>()({
  id: z.string(),
  incident: z.string(),
  at: instant,
  causes: z.array(cause).describe("Likeliest first."),
  summary: z.string(),
  falsifiedBy: z.string(),
  undecided: z
    .object({ failureMode: z.string(), title: z.string(), missing: z.array(z.string()) })
    .optional()
    .describe("A cause that is nearly as likely, and what is missing to tell them apart."),
  path,
});
