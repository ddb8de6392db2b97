// Stack traces as they were received, in exception events of spans and in logs, counted before and since a moment.
import type { Instant } from "../time.ts";

export interface StackCount {
  readonly service: string;
  /** As the runtime printed it, what privacy rules take out taken out; of a very long one the beginning. */
  readonly text: string;
  /** Traces with the same frames before `since`, and from it on. */
  readonly before: number;
  readonly after: number;
  /** The first from `since` on; NaN where there is none. */
  readonly firstAt: Instant;
}

export interface StackSource {
  /** Commonest since `since` first, at most `limit`. `to` exclusive. */
  stacks(query: {
    readonly services: readonly string[];
    readonly from: Instant;
    readonly since: Instant;
    readonly to: Instant;
    readonly limit: number;
  }): Promise<readonly StackCount[]>;
}
