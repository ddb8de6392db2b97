// What a judgement rests on, in a form both people and programs can check.
import type { EntityId } from "./entity.ts";
import type { Instant } from "./time.ts";

export const evidenceKinds = [
  "signal",
  "anomaly",
  "alert",
  "log",
  "change",
  "code",
  "peer",
  "check",
  "requests",
] as const;

export interface Evidence {
  readonly kind: (typeof evidenceKinds)[number];
  /** One sentence for the person on call: what was seen, with value and unit. */
  readonly says: string;
  readonly at: Instant;
  readonly entity?: EntityId;
  /** Canonical signal, rule or log template this is about. */
  readonly subject?: string;
  readonly observed?: number;
  readonly expected?: { readonly low: number; readonly high: number };
  /** Change event or other record this points at. */
  readonly ref?: string;
}
