// What the tests of show share: a real server on a free port over records kept in memory.
import { request as httpRequest } from "node:http";
import { openFeedback } from "../../src/app/feedback.ts";
import { openReports } from "../../src/code/reports.ts";
import { createIntake } from "../../src/deliver/feeds/intake.ts";
import { createSilences } from "../../src/deliver/feeds/silences.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { ActDesk } from "../../src/model/ports/act-desk.ts";
import type { OutboxDesk } from "../../src/model/ports/outbox.ts";
import type { RecordKind, Records, RecordTypes } from "../../src/model/ports/records.ts";
import type { MadeSample } from "../../src/model/ports/series-sink.ts";
import type { Telemetry } from "../../src/model/ports/telemetry.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createMask, createRedactText } from "../../src/receive/privacy/redact-text.ts";
import type { SignalView } from "../../src/show/contract.ts";
import { createEventFeed } from "../../src/show/event-feed.ts";
import { collections, type StoredCollection } from "../../src/show/records.ts";
import { createResultDoor } from "../../src/show/result-door.ts";
import type { ShowDeps } from "../../src/show/route.ts";
import { type Show, type ShowOptions, startShow } from "../../src/show/show.ts";
import { modes } from "../diagnose/fleet.ts";
import { replica } from "../diagnose/memory-sources.ts";

export const now = Date.parse("2026-03-01T12:00:00Z");

const nobody = { requests: 0, replicas: [], models: [], gpus: [], nodes: [], versions: [] };

export type Kept = Partial<{ [K in RecordKind]: RecordTypes[K][] }>;

const outbox = { timeOf: (record: { readonly createdAt: number }) => record.createdAt };

/** Records as the store promises them: newest first, by range, id and limit. */
export function memoryRecords(kept: Kept): Records {
  const idOf = (kind: RecordKind, record: unknown): string =>
    kind === "actions" ? (record as RecordTypes["actions"]).action.id : (record as { id: string }).id;
  return {
    async put(kind, records) {
      kept[kind] = [...((kept[kind] ?? []) as typeof records), ...records] as never;
    },
    async list(kind, query = {}) {
      const { timeOf } = (collections[kind as StoredCollection] ?? outbox) as { timeOf: (record: unknown) => number };
      const all = (kept[kind] ?? []) as unknown[];
      const found = all
        .filter((one) => query.id === undefined || idOf(kind, one) === query.id)
        .filter((one) => !query.range || (timeOf(one) >= query.range.from && timeOf(one) < query.range.to))
        .map((one, place) => ({ one, place }))
        .sort((a, b) => timeOf(b.one) - timeOf(a.one) || b.place - a.place)
        .map(({ one }) => one);
      return found.slice(0, Math.min(query.limit ?? 100, 1000)) as never;
    },
  };
}

const hash = "0".repeat(64);

/** A desk with one action that waits, and that says yes to whoever decides about it. */
function actDesk(turnedAway: string[]): ActDesk {
  return {
    status: () => ({ ledger: { sequence: 0, hash }, demoted: [], open: [] }),
    approve: async ({ id }) =>
      id === "action-1"
        ? { kind: "approved", given: 1, needed: 1 }
        : { kind: "refused", why: "unknown", reason: "no action of this id waits" },
    deny: async ({ id }) =>
      id === "action-1" ? { kind: "denied" } : { kind: "refused", why: "conflict", reason: "it is under way already" },
    kill: async () => {},
    rearm: async () => ({ kind: "rearmed" }),
    report: async () => ({ kind: "noted", says: "noted" }),
    replayed: async () => {},
    turnedAway: async (who, reason) => void turnedAway.push(`${who}: ${reason}`),
    ledger: async () => ({
      ...{ intact: true, entries: 0, repeats: 0, unsealed: 0, breaks: [], says: "the chain has no entries" },
    }),
  };
}

/** An outbox that sends whatever it is asked to send again. */
function outboxDesk(kept: Kept): OutboxDesk {
  return {
    letters: async ({ state }) => (kept.deliveries ?? []).filter((one) => (state ?? one.state) === one.state),
    async replay(id, approve) {
      const letter = kept.deliveries?.find((one) => one.id === id);
      if (letter === undefined)
        return { kind: "refused", why: "unknown", reason: "the outbox has no message of this id" };
      await approve(letter);
      return { kind: "replayed", letter: { ...letter, state: "pending" } };
    },
    receivers: () => [{ name: "ops", url: "https://ops.example/", breaker: "closed", waiting: 0 }],
  };
}

export type Row = Readonly<Record<string, unknown>>;

export interface World {
  readonly show: Show;
  readonly kept: Kept;
  readonly changes: ChangeEvent[];
  /** Samples that went to the Head. */
  readonly made: MadeSample[];
  /** Refusals the ledger was told of. */
  readonly turnedAway: string[];
  readonly deps: ShowDeps;
  readonly counted: Map<string, number>;
  get(path: string, init?: RequestInit): Promise<Response>;
  /** The JSON of a path that lists, and of one that gives a single record. */
  page(path: string): Promise<{ readonly data: readonly Row[]; readonly next?: string }>;
  one(path: string): Promise<{ readonly data: Row; readonly history?: readonly Row[] }>;
}

export async function openWorld(
  over: { deps?: Partial<ShowDeps>; options?: Partial<ShowOptions>; kept?: Kept; signals?: SignalView[] } = {},
): Promise<World> {
  const kept = over.kept ?? {};
  const changes: ChangeEvent[] = [];
  const made: MadeSample[] = [];
  const turnedAway: string[] = [];
  const counted = new Map<string, number>();
  const telemetry: Telemetry = {
    ...silentTelemetry,
    count(name, amount = 1, attributes = {}) {
      const key = `${name} ${attributes["reason"] ?? ""}`.trim();
      counted.set(key, (counted.get(key) ?? 0) + amount);
    },
  };
  const deps: ShowDeps = {
    records: memoryRecords(kept),
    act: actDesk(turnedAway),
    changes: {
      add: async (event) => void changes.push(event),
      within: async ({ from, to }) => changes.filter((event) => event.at >= from && event.at < to),
    },
    outbox: outboxDesk(kept),
    webhooks: {
      secrets: {},
      door: createResultDoor({}),
      map: [],
      onlyMapped: false,
      toleranceMs: 300_000,
      actor: () => undefined,
      mask: createMask(),
    },
    reports: await openReports([], { load: async () => undefined, save: async () => {} }, telemetry),
    alerting: {
      intake: createIntake("homeostat", telemetry),
      silences: createSilences(),
      save: () => Promise.resolve(),
      resolveTimeoutMs: 300_000,
    },
    feed: createEventFeed(telemetry),
    entities: () => [replica("vllm-2")],
    feedback: await openFeedback(modes, createRedactText({}), {
      records: memoryRecords(kept),
      head: { put: (samples) => void made.push(...samples), entities: () => [replica("vllm-2")] },
      state: { load: async () => undefined, save: async () => {} },
      telemetry,
      now: () => now,
    }),
    prometheus: {
      source: { select: () => [], labelSets: async () => [] },
      limits: {},
      rules: () => [],
      metadata: async () => [],
    },
    async accept(id, acceptedBy) {
      const found = kept.anomalies?.find((one) => one.id === id);
      return found === undefined ? undefined : { ...found, endedAt: now, acceptedBy };
    },
    signals: () => over.signals ?? [],
    coverage: () => [],
    whatChanged: async (range) => ({ range, says: "nothing changed", changes: [], aspects: [] }),
    relatedTo: (entity) => new Set([entity]),
    compare: async ({ a, b, range }) => ({
      range,
      a: { ...nobody, label: a },
      b: { ...nobody, label: b },
      ...{ verdict: "undecided", says: "undecided", measures: [], confounders: [], notes: [] },
    }),
    logTemplates: () => [],
    status: () => ({ judgedThrough: now }),
    metrics: () => "# TYPE homeostat_up gauge\nhomeostat_up 1\n",
    checks: async () => [{ name: "store", ok: true, detail: "answers" }],
    telemetry,
    now: () => now,
    ...over.deps,
  };
  const show = await startShow({ host: "127.0.0.1", port: 0, version: "1.2.3", ...over.options }, deps);
  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(show.url + path, init);
  const json = async (path: string): Promise<never> => (await (await get(path)).json()) as never;
  return { show, kept, changes, made, turnedAway, deps, counted, get, page: json, one: json };
}

export function postJson(body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

/** A request with exactly these headers and this path, which fetch would tidy. */
export function raw(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    request.on("error", reject);
    request.end();
  });
}

const inAnHour = new Date(now + 3_600_000).toISOString();
const silenced = { startsAt: new Date(now).toISOString(), endsAt: inAnHour, createdBy: "me", comment: "upgrade" };
/** Headers without which a route does not know what it is sent. */
export const headersOf: Readonly<Record<string, Record<string, string>>> = {
  "/api/v1/changes/github": { "x-github-event": "release" },
};
/** A good body for every route that takes one. */
export const bodies: Readonly<Record<string, unknown>> = {
  "/api/v1/changes": { kind: "deploy", target: "replica:a", summary: "s" },
  "/api/v1/code/sarif": { version: "2.1.0", runs: [{ tool: { driver: { name: "lint" } }, results: [] }] },
  "/api/v1/changes/github": {
    action: "published",
    release: { id: 1, tag_name: "v2" },
    repository: { full_name: "org/chat" },
  },
  "/api/v1/changes/gitlab": {
    object_kind: "release",
    action: "create",
    tag: "v2",
    project: { path_with_namespace: "org/chat" },
  },
  "/api/v1/changes/argocd": { app: "chat", revision: "1f2e3d4" },
  "/api/v1/changes/flux": {
    involvedObject: { kind: "Kustomization", name: "chat" },
    severity: "info",
    reason: "ReconciliationSucceeded",
    metadata: { revision: "1.2.3" },
  },
  "/api/v1/changes/mlflow": { entity: "model_version", action: "created", data: { name: "chat", version: "3" } },
  "/api/v1/alerts/intake": { version: "4", status: "firing", alerts: [{ labels: { alertname: "A" } }] },
  "/api/v2/alerts": [{ labels: { alertname: "A" } }],
  "/api/v1/feedback": { kind: "rating", score: 1, model: "m", entity: "replica:vllm-2", text: "good" },
  "/api/v1/actions/:id/approve": { hash },
  "/api/v1/actions/:id/deny": { hash },
  "/api/v1/actions/{id}/approve": { hash },
  "/api/v1/actions/{id}/deny": { hash },
  "/api/v1/actions/results": { idempotencyKey: "key-1", outcome: "succeeded", says: "restarted" },
  "/api/v1/act/kill": { on: true },
  "/api/v1/act/rearm": { policy: "all", target: "replica:a" },
  "/api/v1/silences": { matchers: [{ name: "a", op: "=", value: "b" }], duration: "1h", comment: "upgrade" },
  "/api/v2/silences": { ...silenced, matchers: [{ name: "a", value: "b", isRegex: false }] },
};
