// Getting a message to a receiver, surely and safely.

export interface OutgoingMessage {
  /** The same id on every attempt; receivers drop repeats by it. */
  readonly id: string;
  readonly receiver: string;
  /** Standard Webhooks event type, for example `action.requested`. */
  readonly type: string;
  /** Plain JSON data. */
  readonly data: Readonly<Record<string, unknown>>;
}

export type DeliveryOutcome =
  | { readonly kind: "delivered"; readonly status: number; readonly attempts: number }
  /** Gave up for good: refused by the guard, a 4xx, too many tries. */
  | { readonly kind: "failed"; readonly reason: string; readonly attempts: number };

export interface Notifier {
  /** Puts the message in the outbox (durable), delivers with retries, and tells how it ended. */
  send(message: OutgoingMessage): Promise<DeliveryOutcome>;
}
