// Getting a message to a receiver, surely and safely.
import type { EntityId } from "../entity.ts";
import type { Diagnosis } from "../incident.ts";

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
  /** It changes the fleet: right before each attempt it is asked whether it may still go. People are told without asking. */
  readonly change?: FleetChange;
  /** What is thought of the incident it is about, for formats that carry it. */
  readonly diagnosis?: Diagnosis;
}

/** What a message is about that changes the fleet. */
export interface FleetChange {
  /** Id of the action in the ledger. */
  readonly action: string;
  readonly target: EntityId;
  /** It takes the action back. */
  readonly undo?: true;
}

/** Whether such a message may go now, `ageMs` after it was written. */
export type Clear = (change: FleetChange, ageMs: number) => Clearance;

export type Clearance =
  | { readonly kind: "go" }
  /** Not now; it is asked again. */
  | { readonly kind: "wait"; readonly reason: string }
  /** Not any more: it is a dead letter. */
  | { readonly kind: "never"; readonly reason: string };

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

/** A notifier that holds what changes the fleet until it is told whom to ask. */
export interface HeedingNotifier extends Notifier {
  heed(clear: Clear): void;
}
