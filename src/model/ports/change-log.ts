// Change events, written by the API and read by diagnosis.
import type { ChangeEvent } from "../change.ts";
import type { TimeRange } from "../time.ts";

export interface ChangeLog {
  /** Durable once resolved. The same id twice is one event. */
  add(event: ChangeEvent): Promise<void>;
  /** Oldest first. */
  within(range: TimeRange): Promise<readonly ChangeEvent[]>;
}
