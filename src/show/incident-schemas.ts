// Shapes of incidents and of what is thought of them.
import { z } from "zod";
import type { Diagnosis, Incident, PathStep, RankedCause } from "../model/incident.ts";
import {
  type AttributeReport,
  type AttributeValue,
  type Carrier,
  requestAttributes,
  requestTroubles,
  type TroubleByAttribute,
} from "../model/request-attributes.ts";
import { evidence, instant, severity, shapeOf } from "./shapes.ts";

const range = z.object({ from: instant, to: instant });
const values = z.array(shapeOf<AttributeValue>()({ attribute: z.enum(requestAttributes), value: z.string() }));

const carrier = shapeOf<Carrier>()({
  values: values.describe("One value, or two that requests have at once."),
  alike: values.describe("Values that the very same requests have: which of them it is cannot be told from requests."),
  share: z.number().describe("Of the requests with the trouble since the onset."),
  shareBefore: z.number().describe("Of those with the trouble before; of all, where hardly any had it."),
  shareExpected: z.number().describe("What its share would be, had the trouble grown alike everywhere."),
  explains: z.number().describe("Share of what is more than before."),
  tail: z.number().describe("Probability by chance, for all values looked at together."),
  says: z.string(),
});

export const attributeReport = shapeOf<AttributeReport>()({
  at: instant,
  during: range,
  before: range,
  requests: z.object({ during: z.int(), before: z.int() }).describe("Requests looked at: all, or a sample of them."),
  troubles: z
    .array(
      shapeOf<TroubleByAttribute>()({
        trouble: z.enum(requestTroubles),
        from: z.number().optional().describe("From so many seconds or output tokens on."),
        rate: z.number().describe("Share of all requests; of `traffic`, requests a second."),
        rateBefore: z.number(),
        carriers: z.array(carrier).describe("The one that tells most first."),
        even: z.array(z.enum(requestAttributes)).describe("Attributes over which it is spread evenly."),
      }),
    )
    .describe("Troubles that requests have more of than before. Empty: their spans show none."),
}).describe("Which requests carry the change.");

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
  attributes: attributeReport.optional(),
  origin: z.enum(["preventive"]).optional().describe("A forecast says that it will happen; nothing is wrong yet."),
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
