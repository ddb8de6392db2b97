// A receiver as configured, and as delivery works with it.
import type { OutgoingMessage } from "../model/ports/notifier.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import type { Attempt, PostLimits } from "./post.ts";
import { keyOf } from "./sign.ts";
import { createSlots, type Slots } from "./slots.ts";

export interface ReceiverOptions {
  readonly name: string;
  readonly url: string;
  /**
   * `whsec_…`; several while a secret is being rotated: each message carries a signature for every one. None: messages
   * are not signed, as services that know the sender by a key of their own want it.
   */
  readonly secret?: string | readonly string[];
  /** Time for a whole attempt. Default 15 s. */
  readonly timeoutMs?: number;
  /** Sent with every attempt and never stored: credentials. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The URL itself is a credential: only its origin is stored. */
  readonly urlIsSecret?: boolean;
  /** The body of a message that brings none of its own, `at` Unix ms. Default: the envelope of Standard Webhooks. */
  readonly envelope?: (message: OutgoingMessage, at: number) => string;
  /** The body as it goes on the wire, from the one that is stored: keys, and what is only known by then. */
  readonly complete?: (body: string, lane: string | undefined) => string;
  /** What a 2xx answer means where its body can say no. */
  readonly judge?: (answer: string) => Exclude<Attempt, { readonly kind: "delivered" }> | undefined;
}

export interface Receiver {
  readonly name: string;
  readonly url: string;
  /** The URL as it may be stored. */
  readonly shownUrl: string;
  readonly keys: readonly Uint8Array[];
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: PostLimits;
  readonly breaker: Breaker;
  readonly slots: Slots;
  readonly envelope: NonNullable<ReceiverOptions["envelope"]>;
  readonly complete: (body: string, lane: string | undefined) => string;
  readonly judge: NonNullable<ReceiverOptions["judge"]>;
}

export interface ReceiverLimits {
  readonly concurrency?: number;
  readonly breaker?: { readonly failures: number; readonly openMs: number; readonly openMsMax: number };
}

const connectTimeoutMs = 5000;

/** Throws on a secret that is not one. */
export function prepareReceiver(receiver: ReceiverOptions, options: ReceiverLimits): Receiver {
  const { failures, openMs, openMsMax } = options.breaker ?? { failures: 5, openMs: 30_000, openMsMax: 600_000 };
  const { secret = [] } = receiver;
  const secrets = typeof secret === "string" ? [secret] : secret;
  return {
    name: receiver.name,
    url: receiver.url,
    shownUrl: receiver.urlIsSecret === true ? originOf(receiver.url) : receiver.url,
    keys: secrets.map((one) => keyOf(one, receiver.name)),
    headers: receiver.headers ?? {},
    limits: { connectTimeoutMs, totalTimeoutMs: receiver.timeoutMs ?? 15_000, answerBytesMax: 64 * 1024 },
    breaker: createBreaker(failures, openMs, openMsMax),
    slots: createSlots(options.concurrency ?? 4),
    envelope: receiver.envelope ?? standardWebhook,
    complete: receiver.complete ?? ((body) => body),
    judge: receiver.judge ?? (() => undefined),
  };
}

function standardWebhook({ type, data }: OutgoingMessage, at: number): string {
  return JSON.stringify({ type, timestamp: new Date(at).toISOString(), data });
}

function originOf(url: string): string {
  return URL.canParse(url) ? `${new URL(url).origin}/…` : "…";
}
