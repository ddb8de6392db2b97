// Getting a message to a receiver, surely and safely.

export interface OutgoingMessage {
  /** The same id on every attempt; receivers drop repeats by it. */
  readonly id: string;
  readonly receiver: string;
  /** Standard Webhooks event type, for example `action.requested`. */
  readonly type: string;
  /** Plain JSON data. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Messages of one lane go to their receiver one after another, in the order they were sent. */
  readonly lane?: string;
  /** JSON in a format of the receiver's own; goes out instead of the envelope around `type` and `data`. */
  readonly body?: string;
  /** Tried once and kept nowhere: the next of its kind stands in for it. */
  readonly transient?: boolean;
}

export type DeliveryOutcome =
  | {
      readonly kind: "delivered";
      readonly status: number;
      readonly attempts: number;
      /** What the receiver said; absent when an earlier run heard it. For programs only. */
      readonly answer?: string;
    }
  /** Gave up for good: refused by the guard, a 4xx, too many tries. */
  | { readonly kind: "failed"; readonly reason: string; readonly attempts: number };

export interface Notifier {
  /** Puts the message in the outbox (durable), delivers with retries, and tells how it ended. */
  send(message: OutgoingMessage): Promise<DeliveryOutcome>;
}
