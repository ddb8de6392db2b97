// One record of every kind, with every optional member set.
import type { LedgerEntry } from "../../src/model/action.ts";
import type { Alert, Anomaly } from "../../src/model/anomaly.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Evidence } from "../../src/model/evidence.ts";
import type { DiagnosisVerdict, Rating } from "../../src/model/feedback.ts";
import type { Diagnosis, Incident } from "../../src/model/incident.ts";
import type { LogFinding } from "../../src/model/log-finding.ts";
import type { Delivery } from "../../src/model/ports/records.ts";
import type { Recommendation } from "../../src/model/recommendation.ts";
import { type Kept, now } from "./kit.ts";

const evidence: Evidence = {
  kind: "signal",
  says: "KV-cache use is 0.99",
  at: now,
  entity: "replica:vllm-2",
  subject: "kv_usage",
  observed: 0.99,
  expected: { low: Number.NaN, high: 0.8 },
  ref: "change-1",
};

export const anomaly: Anomaly = {
  id: "anomaly-1",
  entity: "replica:vllm-2",
  signal: "kv_usage",
  onset: now - 60_000,
  lastSeen: now - 1000,
  endedAt: now,
  tail: 1e-6,
  direction: "up",
  shape: "level-shift",
  observed: Number.NaN,
  expected: { low: 0.1, high: Number.POSITIVE_INFINITY },
  detector: "seasonal",
  evidence: [evidence],
};

export const alert: Alert = {
  id: "alert-1",
  rule: "KvCacheFull",
  group: "vllm",
  state: "unknown",
  labels: { entity: "replica:vllm-2" },
  annotations: { summary: "full" },
  failureMode: "kv-cache-saturation",
  entity: "replica:vllm-2",
  activeAt: now - 30_000,
  resolvedAt: now,
  value: 0.99,
  error: "store did not answer",
};

const finding: LogFinding = {
  id: "finding-1",
  kind: "burst",
  at: now - 30_000,
  entity: "deployment:vllm",
  service: "vllm",
  version: "0.9",
  tenant: "acme",
  severity: "error",
  templateId: "t1",
  template: "request <*> failed",
  example: "request 7 failed",
  observed: 40,
  expected: 1.5,
  tail: 1e-12,
  says: "burst, 40 a step instead of 1.5: error line of vllm 0.9: request <*> failed",
  incident: "incident-1",
};

export const incident: Incident = {
  id: "incident-1",
  state: "open",
  title: "KV cache of replica:vllm-2 is full",
  severity: "critical",
  onset: now - 60_000,
  openedAt: now - 30_000,
  updatedAt: now - 1000,
  resolvedAt: now,
  entities: ["replica:vllm-2"],
  symptoms: ["anomaly-1", "alert-1"],
  attributes: {
    at: now,
    during: { from: now - 120_000, to: now },
    before: { from: now - 1_920_000, to: now - 120_000 },
    requests: { during: 600, before: 3000 },
    troubles: [
      {
        trouble: "slow",
        from: 2.1,
        rate: 0.4,
        rateBefore: 0.05,
        carriers: [
          {
            values: [{ attribute: "tenant", value: "acme" }],
            alike: [],
            ...{ share: 0.93, shareBefore: 0.11, shareExpected: 0.12, explains: 0.95, tail: 1e-9 },
            says: "93 % of the slow requests (over 2.1 s) since 12:03 UTC are of tenant acme (11 % before)",
          },
        ],
        even: ["model", "replica"],
      },
    ],
  },
};

export const diagnosis: Diagnosis = {
  id: "diagnosis-1",
  incident: "incident-1",
  at: now - 1000,
  causes: [
    {
      failureMode: "kv-cache-saturation",
      code: "FM-01",
      title: "KV-cache saturation",
      probability: 0.93,
      location: "replica:vllm-2",
      trigger: "change-1",
      for: [evidence],
      against: [],
    },
  ],
  summary: "KV-cache saturation of replica:vllm-2 since the rollout",
  falsifiedBy: "KV-cache use below 0.8",
};

export const entry: LedgerEntry = {
  action: {
    id: "action-1",
    kind: "rollback-config",
    target: "replica:vllm-2",
    domain: "deployment:chat",
    incident: "incident-1",
    failureMode: "kv-cache-saturation",
    probability: 0.93,
    parameters: { change: "change-1" },
    safety: "B",
    verify: [{ id: "kv", says: "use is back", expr: "x < 0.8", forMs: 60_000, withinMs: 600_000 }],
    why: "a config rollout set it off",
    idempotencyKey: "incident-1:1",
    proposedAt: now - 900,
    author: "ada",
    evidence: { kinds: ["signal", "change"], says: ["KV-cache use is 0.99"] },
  },
  state: "proposed",
  at: now - 900,
  by: "policy",
  reason: "mode is propose",
  policy: { id: "all", mode: "propose" },
  before: [{ check: "use is back", holds: false }],
  after: [{ check: "use is back", holds: null }],
  verdict: "inconclusive",
  voids: 1,
  concerns: { policy: "all", target: "replica:vllm-2" },
  approves: "2".repeat(64),
  sequence: 2,
  previous: "0".repeat(64),
  hash: "1".repeat(64),
};

export const recommendation: Recommendation = {
  id: "recommendation-1",
  at: now - 500,
  kind: "engine-knob",
  target: "replica:vllm-2",
  title: "Lower max_num_seqs",
  changes: [{ parameter: "max_num_seqs", from: "256", to: "128" }],
  searchSpace: { max_num_seqs: [64, 128, "auto"] },
  why: "preemptions",
  expected: "fewer preemptions",
  risk: "longer queue",
  evidence: [evidence],
};

export const change: ChangeEvent = {
  id: "change-1",
  at: now - 70_000,
  kind: "config",
  target: "replica:vllm-2",
  summary: "max-num-seqs 64 -> 256",
  before: { max_num_seqs: "64" },
  after: { max_num_seqs: "256" },
  by: "ci",
};

export const rating: Rating = {
  id: "rating-1",
  kind: "rating",
  at: now - 40_000,
  by: "app",
  model: "m",
  entity: "replica:vllm-2",
  service: "shop",
  score: 0,
  reason: "regenerate",
  text: "wrong",
};

export const verdict: DiagnosisVerdict = {
  id: "feedback-1",
  kind: "diagnosis",
  at: now - 20_000,
  by: "ops",
  diagnosis: "diagnosis-1",
  incident: "incident-1",
  verdict: "deny",
  failureMode: "kv-cache-saturation",
  rightCause: "traffic-burst",
  shares: { "kv-cache-saturation": 0.93 },
  observed: [{ failureMode: "kv-cache-saturation", seen: ["kv-cache-full"], unseen: ["queue"] }],
  undone: { at: now - 10_000, by: "ops" },
};

export const delivery: Delivery = {
  id: "delivery-1",
  receiver: "ops",
  url: "https://ops.example/",
  body: '{"type":"action.escalated"}',
  state: "failed",
  attempts: 14,
  nextAttemptAt: now,
  createdAt: now - 60_000,
  lane: "incident-incident-1",
  change: { action: "action-1", target: "replica:vllm-2", undo: true },
  status: 503,
  error: "gave up after 14 tries: answered 503",
};

export function samples(): Kept {
  return {
    anomalies: [anomaly],
    alerts: [alert],
    findings: [finding],
    incidents: [incident],
    diagnoses: [diagnosis],
    actions: [entry, { ...entry, state: "sent", at: now - 800, reason: "approved" }],
    recommendations: [recommendation],
    changes: [change],
    feedback: [rating, verdict],
    deliveries: [delivery],
  };
}
