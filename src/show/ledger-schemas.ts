// Shapes of repairs and of the ledger that keeps them.
import { z } from "zod";
import { type Action, actionStates, type LedgerEntry, ledgerStates } from "../model/action.ts";
import type { CheckSpec } from "../model/failure-mode.ts";
import type { LedgerReport } from "../model/ledger.ts";
import type { ActStatus, OpenAction } from "../model/ports/act-desk.ts";
import { instant, labels, shapeOf } from "./shapes.ts";

const check = shapeOf<CheckSpec>()({
  id: z.string(),
  says: z.string(),
  expr: z.string().describe("PromQL; a non-empty result means it holds."),
  forMs: z.number(),
  withinMs: z.number(),
});

const action = shapeOf<Action>()({
  id: z.string(),
  kind: z.string(),
  target: z.string(),
  domain: z.string(),
  incident: z.string().optional(),
  failureMode: z.string().optional(),
  probability: z.number(),
  parameters: labels,
  safety: z.enum(["A", "B", "C", "N"]),
  verify: z.array(check),
  why: z.string(),
  idempotencyKey: z.string(),
  proposedAt: instant,
  troubleSince: instant.optional().describe("When the trouble began, as far as the diagnosis knows."),
  author: z.string().optional().describe("The person who proposed it; somebody else has to approve."),
  evidence: z
    .object({ kinds: z.array(z.string()), says: z.array(z.string()) })
    .optional()
    .describe("What the diagnosis rests on."),
});

const median = z.number().nullable();
const medians = { before: median, during: median, after: median };
const compared = z
  .array(
    z.object({
      metric: z.string(),
      target: z.object(medians),
      siblings: z.object({ count: z.int(), ...medians }).optional(),
    }),
  )
  .optional();

const readings = z.array(z.object({ check: z.string(), holds: z.boolean().nullable() })).optional();
const mode = z.enum(["observe", "propose", "approve", "auto"]);

export const ledgerEntry = shapeOf<LedgerEntry>()({
  action,
  state: z.enum(ledgerStates),
  at: instant,
  by: z.string(),
  reason: z.string(),
  policy: z.object({ id: z.string(), mode }).optional().describe("The policy that applied."),
  before: readings.describe("The checks right before the action was sent; null: no telemetry to tell."),
  after: readings.describe("The checks when its effect was judged."),
  compared: compared.describe(
    "Medians of felt signals before the trouble, during it and since the checks hold: of the target, and of siblings nobody touched.",
  ),
  verdict: z.enum(["success", "fail", "inconclusive"]).optional(),
  concerns: z
    .object({ policy: z.string(), target: z.string() })
    .optional()
    .describe("Of a demotion or its end: whose auto asks for approval, and where."),
  approves: z.string().optional().describe("Of an approval: SHA-256 of the kind, target and parameters approved."),
  reports: z
    .enum(["succeeded", "failed", "running"])
    .optional()
    .describe("Of a report: what the receiver says became of the action. It is no proof that it helped."),
  voids: z.int().optional().describe("Sequence of an entry that counts for nothing."),
  sequence: z.int().optional().describe("Place in the chain, from 1; absent on entries of versions before the chain."),
  previous: z.string().optional().describe("Hash of the entry before."),
  hash: z.string().optional().describe("SHA-256 of the entry's canonical JSON (RFC 8785) without this member."),
});

const end = z.object({ sequence: z.int(), hash: z.string(), at: instant }).optional();

const ledgerReport = shapeOf<LedgerReport>()({
  intact: z.boolean(),
  entries: z.int(),
  repeats: z.int().describe("Written twice by a retry, alike."),
  unsealed: z.int().describe("Of a version before the chain: nothing can be said of them."),
  first: end,
  last: end,
  head: z
    .object({ sequence: z.int(), hash: z.string() })
    .optional()
    .describe("Where the service knows the chain to end."),
  breaks: z.array(
    z.object({
      sequence: z.int(),
      kind: z.enum(["changed", "missing", "inserted", "reordered"]),
      says: z.string(),
    }),
  ),
  says: z.string(),
});

const openAction = shapeOf<OpenAction>()({
  action,
  state: z.enum(actionStates),
  heldBy: z.string().optional().describe("The stage that holds it."),
  reason: z.string(),
  hash: z.string().describe("SHA-256 of kind, target and parameters: an approval names it."),
  waits: z
    .object({ approvedBy: z.array(z.string()), needed: z.int(), until: instant })
    .optional()
    .describe("Where it waits for people: who has approved, how many are needed, until when."),
});

const actStatus = shapeOf<ActStatus>()({
  killed: z.string().optional().describe("Why the kill switch is on; absent while it is off."),
  ledger: z.object({ sequence: z.int(), hash: z.string() }).describe("Where the ledger ends."),
  demoted: z
    .array(z.object({ policy: z.string(), target: z.string(), at: instant, reason: z.string() }))
    .describe("Policies that ask for approval on a target, since an automatic repair did not help there."),
  open: z.array(openAction).describe("Repairs that are not over."),
});

const says = z
  .string()
  .max(1000)
  .regex(/^\P{Cc}*$/u, "contains control characters; send one line of plain text")
  .default("");

/** What somebody who decides about an action has to send. */
export const decisionInput = z.strictObject({
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "is no SHA-256; take it from /api/v1/act")
    .describe("As /api/v1/act shows it: what is approved is exactly what runs."),
  says: says.describe("Why; goes to the ledger."),
});

export const killInput = z.strictObject({ on: z.boolean(), says: says.describe("Why; goes to the ledger.") });

const line = z
  .string()
  .min(1)
  .max(300)
  .regex(/^\P{Cc}*$/u, "contains control characters");

export const rearmInput = z.strictObject({
  policy: line.describe("As /api/v1/act lists it under demoted."),
  target: line,
  says: says.describe("Why; goes to the ledger."),
});

const decided = z.union([
  z.object({ kind: z.literal("approved"), given: z.int(), needed: z.int() }),
  z.object({ kind: z.literal("denied") }),
]);

export const ledgerSchemas = {
  LedgerReport: ledgerReport,
  ActStatus: actStatus,
  DecisionInput: decisionInput,
  KillInput: killInput,
  RearmInput: rearmInput,
  Decided: decided,
} as const;
