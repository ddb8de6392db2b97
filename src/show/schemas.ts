// Every shape this API takes or gives, once: handlers check by these, openapi.json is generated from them.
import { z } from "zod";
import { type Alert, type Anomaly, shapes } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import { type Entity, entityKinds } from "../model/entity.ts";
import type { Recommendation } from "../model/recommendation.ts";
import { catalogue, type SignalId, signals } from "../model/signal.ts";
import { alertingSchemas } from "./alerting-schemas.ts";
import { changeKind, whatChanged } from "./change-schemas.ts";
import { compareSchemas } from "./compare-schemas.ts";
import type {
  ChangeReceipt,
  ChangesPage,
  Check,
  CoverageRow,
  Problem,
  Receipt,
  Receipts,
  ReportReceipt,
  SignalRow,
  Status,
} from "./contract.ts";
import { deliverySchemas } from "./delivery-schemas.ts";
import { feedbackSchemas } from "./feedback-schemas.ts";
import { attributeReport, diagnosis, incident } from "./incident-schemas.ts";
import { ledgerEntry, ledgerSchemas } from "./ledger-schemas.ts";
import { logSchemas } from "./log-schemas.ts";
import { prometheusAnswer, prometheusError } from "./prometheus/schemas.ts";
import { resultSchemas } from "./result-schemas.ts";
import { band, evidence, instant, labels, real, shapeOf } from "./shapes.ts";

const roles = z.array(z.enum(["viewer", "operator", "approver", "admin"]));
const catalogueIds = catalogue.map((signal) => signal.id) as [string, ...string[]];
const signalIds = signals.map((signal) => signal.id) as [SignalId, ...SignalId[]];

const signal = shapeOf<SignalRow>()({
  id: z.string().describe("`<entity>/<signal>`"),
  entity: z.string(),
  signal: z.enum(catalogueIds),
  metric: z.string(),
  title: z.string(),
  unit: z.string().describe("UCUM."),
  at: instant,
  value: real,
  quality: z
    .int()
    .describe("Bits: stale 1, missing 2, reset 4, late 8, out of range 16, frozen 32, thin 64, suspect 128."),
});

const entity = shapeOf<Entity>()({
  id: z.string().describe("`<kind>:<name>`"),
  kind: z.enum(entityKinds),
  name: z.string(),
  parent: z.string().optional().describe("What it belongs to; siblings share it."),
  labels: labels.describe("Engine, model, version and so on."),
  place: labels.optional().describe("Node, pod, bus address and so on."),
});

const coverage = shapeOf<CoverageRow>()({
  engine: z.string().describe("Empty for metrics that belong to none that is known."),
  entities: z.int(),
  present: z.array(z.string()),
  absent: z.array(z.string()),
  mapped: z.array(z.object({ metric: z.string(), signals: z.array(z.string()) })),
  leftOut: z.array(z.object({ metric: z.string(), reason: z.string() })),
  unmapped: z.array(z.string()),
});

const anomaly = shapeOf<Anomaly>()({
  id: z.string(),
  entity: z.string(),
  signal: z.enum([...signalIds, "joint", "series"]),
  series: labels.optional().describe("Labels of a series that is none of the judged signals."),
  group: z
    .string()
    .optional()
    .describe("Shared by episodes of an entity's series and its siblings' that began together."),
  onset: instant,
  lastSeen: instant,
  endedAt: instant.optional(),
  acceptedBy: z.string().optional(),
  tail: z.number().describe("Probability of a score at least this high while nothing is wrong."),
  direction: z.enum(["up", "down", "both"]),
  shape: z.enum(shapes),
  observed: real,
  knownMs: z.number().optional().describe("Event time that was learned of the entity when it was told."),
  expected: band,
  detector: z.string(),
  evidence: z.array(evidence),
});

const alert = shapeOf<Alert>()({
  id: z.string(),
  rule: z.string(),
  group: z.string(),
  state: z.enum(["inactive", "pending", "firing", "unknown"]),
  labels,
  annotations: labels,
  failureMode: z.string().optional(),
  entity: z.string().optional(),
  activeAt: instant,
  resolvedAt: instant.optional(),
  value: real,
  error: z.string().optional(),
});

const recommendation = shapeOf<Recommendation>()({
  id: z.string(),
  at: instant,
  kind: z.enum(["engine-knob", "gpu-kernel", "capacity", "compression"]),
  target: z.string(),
  title: z.string(),
  changes: z.array(z.object({ parameter: z.string(), from: z.string().optional(), to: z.string() })),
  searchSpace: z.record(z.string(), z.array(z.union([z.string(), z.number()]))).optional(),
  why: z.string(),
  expected: z.string(),
  risk: z.string(),
  evidence: z.array(evidence),
});

const change = shapeOf<ChangeEvent>()({
  id: z.string(),
  at: instant,
  kind: changeKind,
  target: z.string(),
  summary: z.string(),
  before: labels.optional(),
  after: labels.optional(),
  by: z.string().optional(),
  source: z.string().optional(),
  url: z.string().optional(),
});

const changesPage = shapeOf<ChangesPage>()({
  data: z.array(change),
  next: z.string().optional().describe("Path and query of the next, older page; absent on the last one."),
  known: whatChanged.optional().describe("On the first page, where both ends of the range were given."),
});

/** A change event as it may be posted. */
export const changeInput = (() => {
  const line = (max: number) =>
    z
      .string()
      .min(1)
      .max(max)
      .regex(/^\P{Cc}*$/u, "contains control characters; send one line of plain text");
  const values = z
    .record(z.string().min(1).max(128), z.string().max(4096))
    .refine((record) => Object.keys(record).length <= 64, "has more than 64 entries; send only what changed");
  return z.strictObject({
    id: z
      .string()
      .regex(/^[\w.:@-]{1,128}$/, "must be 1 to 128 letters, digits or . _ : @ -")
      .optional()
      .describe("The same id twice is one event. Default: derived from the content."),
    at: z
      .union([z.int(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))], {
        error: "must be Unix time in milliseconds or RFC 3339 text such as 2026-01-31T12:00:00Z",
      })
      .refine(
        (at) => at >= instantMin && at < instantMax,
        "is not between 2001 and 2100; send Unix time in milliseconds",
      )
      .optional()
      .describe("When it was changed: Unix ms or RFC 3339. Default: now."),
    kind: changeKind,
    target: line(256)
      .regex(
        /^(replica|deployment|node|gpu|container|service):./,
        "must be <kind>:<name> with kind replica, deployment, node, gpu, container or service",
      )
      .describe("Entity that was changed, such as deployment:chat."),
    summary: line(1000).describe("One line, as a person would say it."),
    before: values.optional(),
    after: values.optional(),
    by: line(200).optional().describe("Who or what did it. Default: the name of the token."),
  });
})();

/** Instants the API takes: below are seconds sent as milliseconds, above is beyond the store's dates. */
export const instantMin = 1_000_000_000_000;
export const instantMax = 4_102_444_800_000;

const receipt = shapeOf<Receipt>()({
  index: z.int(),
  status: z.union([z.literal(202), z.literal(400), z.literal(503)]),
  id: z.string().optional(),
  detail: z.string().optional(),
});

const receipts = shapeOf<Receipts>()({ data: z.array(receipt), ids: z.array(z.string()) });

const changeReceipt = shapeOf<ChangeReceipt>()({
  outcome: z.enum(["taken", "known", "ignored"]),
  ids: z.array(z.string()),
  detail: z.string(),
});

const reportReceipt = shapeOf<ReportReceipt>()({ tool: z.string(), findings: z.int(), left: z.int() });

const status = shapeOf<Status>()({
  version: z.string(),
  now: instant,
  principal: z.object({ name: z.string(), tenant: z.string(), roles }),
  followers: z.int().describe("Clients that follow the event stream."),
  service: z.record(z.string(), z.unknown()),
});

const problem = shapeOf<Problem>()({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  instance: z.string().optional(),
  errors: z.array(z.object({ parameter: z.string(), detail: z.string() })).optional(),
});

const ready = z.object({
  ok: z.boolean(),
  checks: z.array(
    shapeOf<Check>()({ name: z.string(), ok: z.boolean(), detail: z.string() }).partial({ detail: true }),
  ),
});

/** Named shapes of the document, `#/components/schemas/<name>`. */
export const schemas = {
  Signal: signal,
  Coverage: coverage,
  Entity: entity,
  Anomaly: anomaly,
  Alert: alert,
  Incident: incident,
  AttributeReport: attributeReport,
  Diagnosis: diagnosis,
  LedgerEntry: ledgerEntry,
  Recommendation: recommendation,
  Change: change,
  ChangeInput: changeInput,
  ChangesPage: changesPage,
  WhatChanged: whatChanged,
  Receipts: receipts,
  ChangeReceipt: changeReceipt,
  ReportReceipt: reportReceipt,
  Status: status,
  Ready: ready,
  Problem: problem,
  PrometheusAnswer: prometheusAnswer,
  PrometheusError: prometheusError,
  ...alertingSchemas,
  ...feedbackSchemas,
  ...ledgerSchemas,
  ...logSchemas,
  ...compareSchemas,
  ...deliverySchemas,
  ...resultSchemas,
} as const;

export type SchemaName = keyof typeof schemas;
