// Shapes of repairs and of the ledger that keeps them.
import { z } from "zod";
import type { Action, LedgerEntry } from "../model/action.ts";
import type { CheckSpec } from "../model/failure-mode.ts";
import type { LedgerReport } from "../model/ledger.ts";
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
  evidence: z
    .object({ kinds: z.array(z.string()), says: z.array(z.string()) })
    .optional()
    .describe("What the diagnosis rests on."),
});

const readings = z.array(z.object({ check: z.string(), holds: z.boolean().nullable() })).optional();
const mode = z.enum(["observe", "propose", "approve", "auto"]);

export const ledgerEntry = shapeOf<LedgerEntry>()({
  action,
  state: z.enum(["proposed", "held", "sent", "accepted", "verifying", "verified", "failed", "undone", "void"]),
  at: instant,
  by: z.string(),
  reason: z.string(),
  policy: z.object({ id: z.string(), mode }).optional().describe("The policy that applied."),
  before: readings.describe("The checks right before the action was sent; null: no telemetry to tell."),
  after: readings.describe("The checks when its effect was judged."),
  verdict: z.enum(["success", "fail", "inconclusive"]).optional(),
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

export const ledgerSchemas = { LedgerReport: ledgerReport } as const;
