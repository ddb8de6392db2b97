// The collections of the API: lists by time, a page at a time, and one record by its id.
import type { RecordKind, Records, RecordTypes } from "../model/ports/records.ts";
import { signalOf } from "../model/signal.ts";
import type { Instant } from "../model/time.ts";
import type { Collections, One, Page, SignalRow, SignalView } from "./contract.ts";
import { refuse } from "./problem.ts";
import { type Cursor, type ListQuery, limitMax } from "./query.ts";
import type { SchemaName } from "./schemas.ts";

/** The collections that are records of the store. */
export type StoredCollection = Exclude<keyof Collections, "signals">;

/** What each stored collection is called, and the time the store orders and ranges it by: when it began. */
export const collections: {
  readonly [K in StoredCollection]: {
    readonly schema: SchemaName;
    readonly says: string;
    readonly timeOf: (record: RecordTypes[K]) => Instant;
  };
} = {
  anomalies: { schema: "Anomaly", says: "episodes that left what is normal", timeOf: (one) => one.onset },
  alerts: { schema: "Alert", says: "verdicts of rules", timeOf: (one) => one.activeAt },
  findings: { schema: "LogFinding", says: "findings in logs", timeOf: (one) => one.at },
  incidents: { schema: "Incident", says: "incidents", timeOf: (one) => one.onset },
  diagnoses: { schema: "Diagnosis", says: "diagnoses of incidents", timeOf: (one) => one.at },
  actions: { schema: "LedgerEntry", says: "entries of the ledger of repairs", timeOf: (one) => one.at },
  recommendations: { schema: "Recommendation", says: "tuning advice", timeOf: (one) => one.at },
  feedback: { schema: "Feedback", says: "what people said of answers and of diagnoses", timeOf: (one) => one.at },
  changes: { schema: "Change", says: "change events", timeOf: (one) => one.at },
};

/**
 * One page, newest first. Pages are cut by time and, within one millisecond, by count, so a record of that very
 * millisecond that arrives between two pages can shift one record across the cut.
 */
export async function listRecords<K extends StoredCollection>(
  records: Records,
  kind: K,
  query: ListQuery,
  path: string,
): Promise<Page<RecordTypes[K]>> {
  const { range, limit, after } = query;
  const skip = after?.given ?? 0;
  if (skip >= limitMax) {
    throw refuse(
      400,
      `More than ${limitMax} records share one millisecond. Ask for an earlier time or for one by its id.`,
    );
  }
  const asked = Math.min(limitMax, limit + skip + 1);
  const found = await records.list(kind, { limit: asked, ...rangeOf(query) });
  const data = found.slice(skip, skip + limit);
  const more = found.length > skip + limit || (found.length === limitMax && data.length > 0);
  if (!more) return { data };
  // Whole milliseconds, as the store keeps them.
  const timeOf = (record: RecordTypes[K]): Instant => Math.round(collections[kind].timeOf(record));
  const at = timeOf(data.at(-1)!);
  const given = found.slice(0, skip + data.length).filter((record) => timeOf(record) === at).length;
  const next = new URLSearchParams({ limit: String(limit), after: `${at}.${given}` });
  if (range !== undefined) next.set("from", String(range.from));
  return { data, next: `${path}?${next}` };
}

/** The record with this id; for actions with the history of the ledger. Undefined if there is none. */
export async function findRecord<K extends RecordKind>(
  records: Records,
  kind: K,
  id: string,
): Promise<One<RecordTypes[K]> | undefined> {
  const found = await records.list(kind, { id, limit: limitMax });
  const newest = found[0];
  if (newest === undefined) return undefined;
  return kind === "actions" ? { data: newest, history: found.toReversed() } : { data: newest };
}

/** The live signals as rows, newest first, by the same parameters as the stored collections. */
export function listSignals(views: readonly SignalView[], query: ListQuery, path: string): Page<SignalRow> {
  const { range } = rangeOf(query);
  const rows = views
    .filter((view) => range === undefined || (view.at >= range.from && view.at < range.to))
    .map(toRow)
    .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
  const skip = query.after?.given ?? 0;
  const data = rows.slice(skip, skip + query.limit);
  if (rows.length <= skip + query.limit) return { data };
  const at = data.at(-1)!.at;
  const given = rows.slice(0, skip + data.length).filter((row) => row.at === at).length;
  const next = new URLSearchParams({ limit: String(query.limit), after: `${at}.${given}` });
  if (query.range !== undefined) next.set("from", String(query.range.from));
  return { data, next: `${path}?${next}` };
}

export function findSignal(views: readonly SignalView[], id: string): One<SignalRow> | undefined {
  const view = views.find((one) => idOf(one) === id);
  return view === undefined ? undefined : { data: toRow(view) };
}

/** The range with the page mark applied: records after the mark are older or of its millisecond. */
function rangeOf(query: { range: ListQuery["range"]; after: Cursor | undefined }): {
  range?: { from: Instant; to: Instant };
} {
  if (query.after !== undefined) return { range: { from: query.range?.from ?? 0, to: query.after.at + 1 } };
  return query.range === undefined ? {} : { range: query.range };
}

function idOf(view: SignalView): string {
  return `${view.entity}/${view.signal}`;
}

function toRow(view: SignalView): SignalRow {
  const { metric, title, unit } = signalOf(view.signal);
  const { entity, signal, at, value, quality } = view;
  return {
    id: idOf(view),
    entity,
    signal,
    metric,
    title,
    unit,
    at,
    value: Number.isFinite(value) ? value : null,
    quality,
  };
}
