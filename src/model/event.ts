// What happens in Homeostat, as people and programs follow it: the demo's timeline, the API's event stream.
import type { Instant } from "./time.ts";

export type EventType =
  | "started"
  | "baseline-learned"
  | "change"
  | "anomaly"
  | "alert"
  | "finding"
  | "incident"
  | "diagnosed"
  | "recommended"
  | "action"
  | "webhook-sent"
  | "recovered"
  | "resolved"
  | "self";

export interface TimelineEvent {
  readonly type: EventType;
  /** Event time of what it tells. */
  readonly at: Instant;
  /** One line for people. */
  readonly text: string;
  /** The record behind it, plain JSON. */
  readonly data: Readonly<Record<string, unknown>>;
}
