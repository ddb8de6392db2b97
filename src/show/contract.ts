// The shapes that go over the wire: all that the console, the Grafana plugin and other programs may import from this room.
import type { LedgerEntry } from "../model/action.ts";
import type { Alert, Anomaly } from "../model/anomaly.ts";
import type { ChangeEvent } from "../model/change.ts";
import type { EntityId } from "../model/entity.ts";
import type { Feedback } from "../model/feedback.ts";
import type { Diagnosis, Incident } from "../model/incident.ts";
import type { LogFinding } from "../model/log-finding.ts";
import type { Delivery } from "../model/ports/records.ts";
import type { Role } from "../model/principal.ts";
import type { Recommendation } from "../model/recommendation.ts";
import type { Instant } from "../model/time.ts";
import type { WhatChanged } from "../model/what-changed.ts";

/** The newest value of one canonical signal of one entity. */
export interface SignalView {
  readonly entity: EntityId;
  readonly signal: string;
  /** Event time of the value. */
  readonly at: Instant;
  /** NaN (null in JSON) while there is none. */
  readonly value: number;
  /** Bits of `quality` in the model; 0 = good. */
  readonly quality: number;
}

/** A {@link SignalView} as the API answers it. */
export interface SignalRow {
  /** `<entity>/<signal>`. */
  readonly id: string;
  readonly entity: EntityId;
  readonly signal: string;
  readonly metric: string;
  readonly title: string;
  /** UCUM. */
  readonly unit: string;
  readonly at: Instant;
  readonly value: number | null;
  readonly quality: number;
}

/** A message of the outbox; its body only where one is asked for by its id. */
export interface Letter extends Omit<Delivery, "body"> {
  readonly bytes: number;
  readonly body?: string;
}

/** What one engine, exporter or convention sends, and what is made of it. */
export interface CoverageRow {
  /** Empty for metrics that belong to none that is known. */
  readonly engine: string;
  /** Replicas, GPUs, nodes and so on seen in the last half hour. */
  readonly entities: number;
  /** Canonical signals that are there now, and those that could be and are not. */
  readonly present: readonly string[];
  readonly absent: readonly string[];
  readonly mapped: readonly { readonly metric: string; readonly signals: readonly string[] }[];
  /** Metrics left out on purpose, with the reason. */
  readonly leftOut: readonly { readonly metric: string; readonly reason: string }[];
  readonly unmapped: readonly string[];
}

/** A template that log lines were found to be made of. */
export interface LogTemplateRow {
  readonly id: string;
  readonly text: string;
  readonly lines: number;
  readonly severity: string;
  readonly example: string;
  readonly lastAt: Instant;
  readonly tenant?: string;
}

/** One named condition of readiness. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was seen, for the operator. Shown to those who may read the API only. */
  readonly detail: string;
}

/** What each collection under `/api/v1/` holds. Numbers that are not finite are null in JSON. */
export interface Collections {
  readonly signals: SignalRow;
  readonly anomalies: Anomaly;
  readonly alerts: Alert;
  readonly findings: LogFinding;
  readonly incidents: Incident;
  readonly diagnoses: Diagnosis;
  readonly actions: LedgerEntry;
  readonly recommendations: Recommendation;
  readonly changes: ChangeEvent;
  readonly feedback: Feedback;
}

export interface Page<T> {
  /** Newest first. */
  readonly data: readonly T[];
  /** Path and query of the next, older page; absent on the last one. */
  readonly next?: string;
}

export interface One<T> {
  readonly data: T;
  /** Actions only: every entry of the ledger about it, oldest first. */
  readonly history?: readonly T[];
}

/** A page of change events; where both ends of the time range were given, with what is known of changes in it. */
export interface ChangesPage extends Page<ChangeEvent> {
  readonly known?: WhatChanged;
}

/** What became of one posted change event. */
export interface Receipt {
  /** Place in the posted list; 0 for a single event. */
  readonly index: number;
  readonly status: 202 | 400 | 503;
  readonly id?: string;
  /** Why it was not taken and what to do. */
  readonly detail?: string;
}

export interface Receipts {
  readonly data: readonly Receipt[];
  /** Of the events that were taken, in order. */
  readonly ids: readonly string[];
}

/** What became of a delivery of another system's webhook. */
export interface ChangeReceipt {
  /** `known`: it was told before; `ignored`: it changes nothing here. */
  readonly outcome: "taken" | "known" | "ignored";
  /** Of the change events it is, one for each thing that was changed. */
  readonly ids: readonly string[];
  /** What was changed, or why it is ignored. */
  readonly detail: string;
}

/** What was kept of a report of static analysis. */
export interface ReportReceipt {
  readonly tool: string;
  readonly findings: number;
  /** Results without a file, or beyond the limit. */
  readonly left: number;
}

export interface Status {
  readonly version: string;
  /** Wall time of the server, Unix ms. */
  readonly now: Instant;
  readonly principal: { readonly name: string; readonly tenant: string; readonly roles: readonly Role[] };
  readonly followers: number;
  readonly service: Readonly<Record<string, unknown>>;
}

/** An error, as RFC 9457 has it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What was wrong and what to do about it. */
  readonly detail: string;
  readonly instance?: string;
  readonly errors?: readonly { readonly parameter: string; readonly detail: string }[];
}
