// What decoding had to reject or mend in a request, by reason.
import type { SpanKind } from "./privacy/spans.ts";

/** Why an item was not stored. */
export type RejectReason =
  | "trace-id"
  | "span-id"
  | "time"
  | "days"
  | "attributes"
  | "key-length"
  | "buckets"
  | "metric-name"
  | "metric-type"
  | "series-limit"
  | "key-limit";

/** What was changed in an item that was stored. */
export type RepairReason =
  | "invalid-utf8"
  | "value-cut"
  | "attribute-limit"
  | "key-length"
  | "key-limit"
  | "reserved-key"
  | "duplicate-key"
  | "depth"
  | "negative-duration"
  | "link-id";

/** What the privacy policy did to a text. */
export type RedactKind = "dropped" | "masked" | "hashed";

/** Of one service: items (spans, log records) that tell of a model's work. */
export interface TextCoverage {
  readonly service: string;
  withText: number;
  withoutText: number;
  /** Of the resource in force when it was begun. */
  readonly serial: number;
}

export interface Tally {
  rejected: Map<RejectReason, number>;
  repaired: Map<RepairReason, number>;
  /** Not told to the client: it did nothing wrong. */
  redacted: Map<RedactKind, number>;
  /** What was found in values that were masked, by its kind. */
  found: Map<SpanKind, number>;
  /** Model calls by service, and how many brought text; one entry for each resource of the request. */
  textCoverage: TextCoverage[];
  /** Which metrics and labels went over the series limit, a few of them. */
  overLimit: Map<string, string>;
  /** Attribute keys that went over the tenant's limit, a few of them. */
  overKeys: Set<string>;
}

/** Metrics, and attribute keys, named in one answer. */
const OVER_LIMIT_NAMED = 5;
const KEY_SHOWN = 100;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const rejectTexts: Readonly<Record<RejectReason, string>> = {
  "trace-id": "trace_id must be 16 bytes (32 hex digits in JSON) and not all zero",
  "span-id": "span_id must be 8 bytes (16 hex digits in JSON) and not all zero",
  time: "the time lies outside the accepted window; check the sender's clock",
  days: "the request spreads over more than 100 days; split it",
  attributes: "more than 128 attributes",
  "key-length": "an attribute key is longer than 256 bytes",
  buckets: "bucket_counts must have one element more than explicit_bounds",
  "metric-name": "the metric has no name",
  "metric-type": "the metric has no data",
  "key-limit": "an attribute key beyond the limit of distinct keys; put what varies into values",
  "series-limit": "too many series of one metric in a day; aggregate or drop the label at the sender",
};

const repairTexts: Readonly<Record<RepairReason, string>> = {
  "invalid-utf8": "text that is not UTF-8 was replaced by U+FFFD",
  "value-cut": "text over the length limit was cut",
  "attribute-limit": "attributes beyond the 128th were dropped",
  "key-length": "attributes with keys over 256 bytes were dropped",
  "key-limit": "attributes with keys beyond the limit of distinct keys were dropped; put what varies into values",
  "reserved-key": "attributes homeostat.text.* were dropped; only Homeostat writes them",
  "duplicate-key": "repeated attribute keys were dropped, the first kept",
  depth: "attribute values nested deeper than 64 levels were cut",
  "negative-duration": "a span that ends before it starts was given duration 0",
  "link-id": "ids of the wrong length in links and exemplars were left empty",
};

export function createTally(): Tally {
  return {
    rejected: new Map(),
    repaired: new Map(),
    redacted: new Map(),
    found: new Map(),
    textCoverage: [],
    overLimit: new Map(),
    overKeys: new Set(),
  };
}

export function reject(tally: Tally, reason: RejectReason, items = 1): void {
  tally.rejected.set(reason, (tally.rejected.get(reason) ?? 0) + items);
}

export function repair(tally: Tally, reason: RepairReason, times = 1): void {
  tally.repaired.set(reason, (tally.repaired.get(reason) ?? 0) + times);
}

export function redact(tally: Tally, kind: RedactKind): void {
  tally.redacted.set(kind, (tally.redacted.get(kind) ?? 0) + 1);
}

export function noteFound(tally: Tally, kind: SpanKind, times: number): void {
  tally.found.set(kind, (tally.found.get(kind) ?? 0) + times);
}

/** Notes a metric over its limit: `what` says by which label. */
export function noteOverLimit(tally: Tally, metric: string, what: string): void {
  if (tally.overLimit.size < OVER_LIMIT_NAMED) tally.overLimit.set(metric, what);
}

/** Notes an attribute key over the limit, by where it stands. */
export function noteOverKey(tally: Tally, data: Uint8Array, start: number, end: number): void {
  if (tally.overKeys.size < OVER_LIMIT_NAMED)
    tally.overKeys.add(JSON.stringify(decoder.decode(data.subarray(start, Math.min(end, start + KEY_SHOWN)))));
}

/** Items rejected in all. */
export function rejectedItems(tally: Tally): number {
  return [...tally.rejected.values()].reduce((sum, items) => sum + items, 0);
}

/** One line for the client: what, how many, what to do. Empty if there is nothing to say. */
export function sayTally(tally: Tally): string {
  const rejected = [...tally.rejected].map(([reason, items]) => `${items} rejected: ${rejectTexts[reason]}`);
  const repaired = [...tally.repaired].map(([reason, times]) => `${times} changed: ${repairTexts[reason]}`);
  const keys = tally.overKeys.size === 0 ? [] : [`over the limit of keys: ${[...tally.overKeys].join(", ")}`];
  return [...rejected, ...tally.overLimit.values(), ...repaired, ...keys].join("; ");
}
