// What a route is: one declaration that the server mounts, the access rules read and openapi.json is written from.
import type { Request, Response } from "express";
import type { z } from "zod";
import type { Anomaly } from "../model/anomaly.ts";
import type { CannotCompare, CompareRequest, Comparison } from "../model/comparison.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import type { Labels } from "../model/labels.ts";
import type { ActDesk } from "../model/ports/act-desk.ts";
import type { AlertIntake, Silences } from "../model/ports/alerting.ts";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { FeedbackDesk } from "../model/ports/feedback.ts";
import type { OutboxDesk } from "../model/ports/outbox.ts";
import type { Records } from "../model/ports/records.ts";
import type { ReportDesk } from "../model/ports/report-desk.ts";
import type { LabelMatcher, SeriesSource } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Principal } from "../model/principal.ts";
import type { RuleGroupView } from "../model/rule-view.ts";
import type { TimeRange } from "../model/time.ts";
import type { WhatChanged } from "../model/what-changed.ts";
import type { QueryOptions } from "../promql/evaluate.ts";
import type { Needs } from "./access.ts";
import type { Check, CoverageRow, LogTemplateRow, SignalView } from "./contract.ts";
import type { EventStream } from "./event-stream.ts";
import { refuse } from "./problem.ts";
import type { SchemaName } from "./schemas.ts";
import type { SenderName } from "./webhooks/sender.ts";
import type { WebhookOptions } from "./webhooks/take.ts";

/** What the room is handed. */
export interface ShowDeps {
  readonly records: Records;
  readonly act: ActDesk;
  readonly outbox: OutboxDesk;
  readonly changes: ChangeLog;
  readonly webhooks: WebhookOptions;
  /** Takes a SARIF log; says what was kept of it, or why it is none. */
  readonly reports: ReportDesk;
  readonly prometheus: PrometheusDeps;
  readonly alerting: {
    readonly intake: AlertIntake;
    readonly silences: Silences;
    /** Makes silences last over a restart. */
    readonly save: () => Promise<void>;
    /** A pushed alert without an end is over when nobody repeats it for so long. */
    readonly resolveTimeoutMs: number;
  };
  readonly feed: EventFeed;
  readonly feedback: FeedbackDesk;
  /** What telemetry is about. */
  readonly entities: () => readonly Entity[];
  /** Takes an open anomaly for normal from now on, on somebody's word; undefined if none that is open has the id. */
  readonly accept: (id: string, by: string) => Promise<Anomaly | undefined>;
  /** The newest value of every canonical signal of every entity. */
  readonly signals: () => readonly SignalView[];
  /** What arrives, which signals that becomes and what is not understood, by engine. */
  readonly coverage: () => readonly CoverageRow[];
  /** Two sides of what is stored beside one another; "busy" while too many wait for that. */
  readonly compare: (request: CompareRequest) => Promise<Comparison | CannotCompare | "busy">;
  /** What is known of changes in the range; of one entity also those of what it belongs to and what belongs to it. */
  readonly whatChanged: (range: TimeRange, entity?: EntityId) => Promise<WhatChanged>;
  /** The entity, and what changes of it would be changes of. */
  readonly relatedTo: (entity: EntityId) => ReadonlySet<EntityId>;
  /** Templates of the log lines seen of late. */
  readonly logTemplates: () => readonly LogTemplateRow[];
  /** Plain JSON about the service: versions, backlog, what is judged so far. */
  readonly status: () => Record<string, unknown>;
  /** Homeostat's own metrics in the Prometheus text format. */
  readonly metrics: () => string | Promise<string>;
  /** Conditions of readiness. */
  readonly checks: () => Promise<readonly Check[]>;
  readonly telemetry: Telemetry;
  /** Wall time, Unix ms. */
  readonly now: () => number;
}

/** What Prometheus's HTTP API is answered from. */
export interface PrometheusDeps {
  readonly source: SeriesSource & {
    /** Label sets that satisfy the matchers, without their points. */
    labelSets(matchers: readonly LabelMatcher[], range: TimeRange): Promise<readonly Labels[]>;
  };
  readonly limits: QueryOptions;
  readonly rules: () => readonly RuleGroupView[];
  /** Metrics that arrived of late, under their Prometheus names. */
  readonly metadata: () => Promise<
    readonly { readonly name: string; readonly type: string; readonly help: string; readonly unit: string }[]
  >;
}

/** What a handler sees: the request, who asks, and the room's means. */
export interface Call {
  readonly request: Request;
  readonly response: Response;
  /** Undefined on public routes asked without credentials. */
  readonly principal: Principal | undefined;
  readonly deps: ShowDeps;
  readonly stream: EventStream;
  readonly version: string;
}

export interface Answer {
  readonly status: number;
  readonly says: string;
  readonly contentType: string;
  readonly schema?:
    | { readonly page: SchemaName }
    | { readonly one: SchemaName; readonly history?: boolean }
    | { readonly ref: SchemaName };
}

export interface Route {
  readonly method: "get" | "post" | "delete";
  /** As Express writes it; `:id` is the only path parameter there is. */
  readonly path: string;
  readonly needs: Needs;
  /** Whoever is turned away from it is written to the ledger. */
  readonly audited?: true;
  readonly summary: string;
  readonly parameters: z.ZodObject;
  /** Another product's API: it lets unknown parameters pass and answers errors in its own form, as that product does. */
  readonly foreign?: true;
  readonly body?: SchemaName;
  /** The body is JSON that the handler reads itself, from its bytes: at most so many. */
  readonly raw?: number;
  /**
   * Whose proof takes the place of a token, and is asked for, where the configuration holds a secret of it; of receivers, where the
   * request is signed.
   */
  readonly signed?: SenderName | "receiver";
  /** It answers 404 and 409 where what it is about is not there, or not so. */
  readonly conflicts?: true;
  /** The body is a form; the handler gets its text. */
  readonly form?: true;
  /** Whether the body is one of it or a list. Default: either. */
  readonly bodyIs?: "one" | "list";
  readonly answers: readonly Answer[];
  handle(call: Call): Promise<void> | void;
}

export function sendJson(response: Response, status: number, body: unknown): void {
  response.status(status).set("cache-control", "no-store").type("application/json").send(JSON.stringify(body));
}

const idMax = 200;

/** What stands for `:id` in the path; refused if it cannot be one. */
export function idOf(text: unknown): string {
  if (typeof text === "string" && text.length <= idMax && /^\P{Cc}+$/u.test(text)) return text;
  throw refuse(400, `The id is longer than ${idMax} characters or has control characters. Take it from a list.`, {
    errors: [{ parameter: "id", detail: "is not an id" }],
  });
}
