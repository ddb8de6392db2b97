// Homeostat's own nouns at rest: what it found, thought, did and advises.

import type { LedgerEntry } from "../action.ts";
import type { Alert, Anomaly } from "../anomaly.ts";
import type { ChangeEvent } from "../change.ts";
import type { Feedback } from "../feedback.ts";
import type { Diagnosis, Incident } from "../incident.ts";
import type { LogFinding } from "../log-finding.ts";
import type { Recommendation } from "../recommendation.ts";
import type { TimeRange } from "../time.ts";
import type { FleetChange } from "./notifier.ts";

export interface RecordTypes {
  readonly anomalies: Anomaly;
  readonly alerts: Alert;
  readonly findings: LogFinding;
  readonly incidents: Incident;
  readonly diagnoses: Diagnosis;
  readonly actions: LedgerEntry;
  readonly recommendations: Recommendation;
  readonly changes: ChangeEvent;
  readonly deliveries: Delivery;
  readonly feedback: Feedback;
}

export type RecordKind = keyof RecordTypes;

/** A message on its way to a receiver, as the outbox keeps it. */
export interface Delivery {
  /** Also the `webhook-id` on every attempt. */
  readonly id: string;
  readonly receiver: string;
  readonly url: string;
  readonly body: string;
  readonly state: "pending" | "delivered" | "failed";
  readonly attempts: number;
  /** Unix ms of wall time: when to try next. */
  readonly nextAttemptAt: number;
  readonly createdAt: number;
  /** Order of messages: one after another within a lane. */
  readonly lane?: string;
  readonly change?: FleetChange;
  readonly status?: number;
  readonly error?: string;
}

export interface RecordQuery {
  readonly range?: TimeRange;
  readonly id?: string;
  /** Newest first; at most this many, default 100, cap 1000. */
  readonly limit?: number;
}

export interface Records {
  /**
   * Stores the records; durable once resolved. A later version of the same id replaces the earlier one, except in
   * `actions`, where every entry is kept (append-only ledger).
   */
  put<K extends RecordKind>(kind: K, records: readonly RecordTypes[K][]): Promise<void>;
  /** Newest version of each, newest first. */
  list<K extends RecordKind>(kind: K, query?: RecordQuery): Promise<readonly RecordTypes[K][]>;
}
