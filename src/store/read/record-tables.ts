// How Homeostat's nouns become rows: a few columns for people's SQL, and the whole record as JSON.
import type { RecordKind, RecordTypes } from "../../model/ports/records.ts";
import { bytesOf, type Rows, stringColumn } from "../journal/native-block.ts";

/** A value of a column; its kind follows from the value's type in the table's list below. */
interface RecordColumns {
  readonly id: string;
  /** Event time, Unix ms. */
  readonly at: number;
  readonly text: Readonly<Record<string, string>>;
  readonly numbers: Readonly<Record<string, number>>;
  /** Unix ms, or absent. */
  readonly times: Readonly<Record<string, number | undefined>>;
}

type Describe = { readonly [K in RecordKind]: (record: RecordTypes[K]) => RecordColumns };

const describe: Describe = {
  anomalies: (r) => ({
    id: r.id,
    at: r.onset,
    text: {
      entity: r.entity,
      signal: r.series?.["__name__"] ?? r.signal,
      state: r.endedAt === undefined ? "open" : "ended",
      direction: r.direction,
      shape: r.shape,
      detector: r.detector,
    },
    numbers: { tail: r.tail, observed: r.observed },
    times: { endedAt: r.endedAt },
  }),
  alerts: (r) => ({
    id: r.id,
    at: r.activeAt,
    text: { rule: r.rule, state: r.state, entity: r.entity ?? "", failureMode: r.failureMode ?? "" },
    numbers: { value: r.value },
    times: { resolvedAt: r.resolvedAt },
  }),
  findings: (r) => ({
    id: r.id,
    at: r.at,
    text: {
      kind: r.kind,
      entity: r.entity,
      severity: r.severity,
      service: r.service,
      templateId: r.templateId ?? "",
      incident: r.incident ?? "",
      says: r.says,
    },
    numbers: { observed: r.observed, expected: r.expected, tail: r.tail },
    times: {},
  }),
  incidents: (r) => ({
    id: r.id,
    at: r.onset,
    text: { state: r.state, severity: r.severity, title: r.title, entity: r.entities[0] ?? "" },
    numbers: {},
    times: { openedAt: r.openedAt, resolvedAt: r.resolvedAt },
  }),
  diagnoses: (r) => ({
    id: r.id,
    at: r.at,
    text: {
      incident: r.incident,
      failureMode: r.causes[0]?.failureMode ?? "",
      entity: r.causes[0]?.location ?? "",
      summary: r.summary,
    },
    numbers: { probability: r.causes[0]?.probability ?? 0 },
    times: {},
  }),
  actions: (r) => ({
    id: r.action.id,
    at: r.at,
    text: {
      state: r.state,
      kind: r.action.kind,
      entity: r.action.target,
      incident: r.action.incident ?? "",
      failureMode: r.action.failureMode ?? "",
      actor: r.by,
      reason: r.reason,
    },
    numbers: {},
    times: {},
  }),
  recommendations: (r) => ({
    id: r.id,
    at: r.at,
    text: { kind: r.kind, entity: r.target, title: r.title },
    numbers: {},
    times: {},
  }),
  changes: (r) => ({
    id: r.id,
    at: r.at,
    text: { kind: r.kind, entity: r.target, summary: r.summary, actor: r.by ?? "" },
    numbers: {},
    times: {},
  }),
  deliveries: (r) => ({
    id: r.id,
    at: r.createdAt,
    text: { state: r.state, receiver: r.receiver, error: r.error ?? "" },
    numbers: { attempts: r.attempts },
    times: {},
  }),
  feedback: (r) => ({
    id: r.id,
    at: r.at,
    text: {
      kind: r.kind,
      state: r.undone === undefined ? "counts" : "undone",
      entity: r.kind === "rating" ? (r.entity ?? "") : "",
      model: r.kind === "rating" ? (r.model ?? "") : "",
      diagnosis: r.kind === "diagnosis" ? r.diagnosis : "",
      incident: r.kind === "diagnosis" ? r.incident : "",
      failureMode: r.kind === "diagnosis" ? (r.rightCause ?? r.failureMode) : "",
      verdict: r.kind === "diagnosis" ? r.verdict : "",
      actor: r.by,
    },
    numbers: { score: r.kind === "rating" ? r.score : Number.NaN },
    times: {},
  }),
};

/** Rows of the kind's table. The engine casts plain strings and numbers to the table's own types. */
export function recordRows<K extends RecordKind>(kind: K, records: readonly RecordTypes[K][]): Rows {
  const rows = records.map((record) => describe[kind](record));
  const column = (name: string, type: string, bytes: Uint8Array): Rows["columns"][number] => ({ name, type, bytes });
  const first = rows[0]!;
  const columns = [
    column("id", "String", stringColumn(rows.map((row) => row.id))),
    column("at", "DateTime64(3)", milliseconds(rows.map((row) => row.at))),
    ...Object.keys(first.text).map((name) =>
      column(name, "String", stringColumn(rows.map((row) => row.text[name] ?? ""))),
    ),
    ...Object.keys(first.numbers).map((name) =>
      column(name, "Float64", bytesOf(Float64Array.from(rows, (row) => row.numbers[name] ?? Number.NaN))),
    ),
    ...Object.keys(first.times).map((name) => {
      const values = rows.map((row) => row.times[name]);
      const nulls = Uint8Array.from(values, (value) => (value === undefined ? 1 : 0));
      return column(name, "Nullable(DateTime64(3))", Buffer.concat([nulls, milliseconds(values.map((v) => v ?? 0))]));
    }),
    column("body", "String", stringColumn(records.map((record) => toJson(record)))),
  ];
  return { table: kind, rows: records.length, columns };
}

// JSON has no NaN and infinities, but an anomaly's band does.
const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

function toJson(record: unknown): string {
  return JSON.stringify(record, (_key, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value,
  );
}

/** The record as it was put, numbers that JSON cannot write included. */
export function fromJson<T>(text: string): T {
  return JSON.parse(text, (_key, value: unknown) => {
    const name = (value as { readonly $number?: string } | null)?.$number;
    return name === undefined ? value : (special[name] ?? Number.NaN);
  }) as T;
}

function milliseconds(values: readonly number[]): Uint8Array {
  return bytesOf(BigInt64Array.from(values, (value) => BigInt(Number.isFinite(value) ? Math.round(value) : 0)));
}
