// What telemetry said of its senders: versions, models, drivers, and from when to when.
import type { DurationMs, TimeRange } from "../time.ts";
import type { StoredFact } from "../what-changed.ts";

export interface FactHistory {
  /**
   * Facts said in the range or up to `backMs` before it; `truncated` if there were more than can be told. A fact's first instant
   * is exact where it came up in that time; its last is that of one series that says it.
   */
  facts(
    range: TimeRange,
    backMs: DurationMs,
  ): Promise<{ readonly facts: readonly StoredFact[]; readonly truncated: boolean }>;
}
