// What people may see and ask of the outbox: what did not get through, sending it again, and how receivers are.
import type { TimeRange } from "../time.ts";
import type { Delivery } from "./records.ts";

export interface OutboxDesk {
  /** Newest first. Looks at so many of the newest in the range at most that an answer comes in time. */
  letters(query: LetterQuery): Promise<readonly Delivery[]>;
  /**
   * Sends one that failed again: the same id, the same bytes, a fresh signature. `approve` is asked for once nothing else
   * stands against it and before anything is sent; what it rejects with is passed on.
   */
  replay(id: string, approve: (letter: Delivery) => Promise<void>): Promise<Replayed>;
  receivers(): readonly ReceiverState[];
}

export interface LetterQuery {
  readonly state?: Delivery["state"];
  readonly receiver?: string;
  readonly range?: TimeRange;
  readonly limit: number;
}

export type Replayed =
  | { readonly kind: "replayed"; readonly letter: Delivery }
  | { readonly kind: "refused"; readonly why: "unknown" | "conflict"; readonly reason: string };

export interface ReceiverState {
  readonly name: string;
  /** As it may be shown. */
  readonly url: string;
  /** `open`: it failed too often in a row, so messages wait; `half-open`: one is let through to see. */
  readonly breaker: "closed" | "open" | "half-open";
  /** While open: Unix ms of wall time from which on one is let through. */
  readonly opensUntil?: number;
  /** Messages on their way to it. */
  readonly waiting: number;
}
