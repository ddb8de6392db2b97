// Which requests an incident is about: of which tenant, model, version, replica and so on those are that changed, or that it is all alike.
import type { Instant, TimeRange } from "./time.ts";

/**
 * What requests are told apart by. `user`: a pseudonym. `prompt_length`: a class of input tokens. `caller`: the service the
 * trace begins in. `adapter`: LoRA.
 */
export const requestAttributes = [
  "tenant",
  "model",
  "version",
  "adapter",
  "route",
  "prompt_length",
  "user",
  "caller",
  "node",
  "gpu",
  "replica",
  "streaming",
  "finish_reason",
] as const;
export type RequestAttribute = (typeof requestAttributes)[number];

/**
 * What is wrong with requests: they fail; their first token, or their end, comes later than that of 95 % before; the answer
 * is longer than 95 % before; or that there are that many of them at all.
 */
export const requestTroubles = ["failed", "slow_first_token", "slow", "long_answer", "traffic"] as const;
export type RequestTrouble = (typeof requestTroubles)[number];

export interface AttributeValue {
  readonly attribute: RequestAttribute;
  readonly value: string;
}

/** Requests that carry the change: those of one value, or of two at once. */
export interface Carrier {
  readonly values: readonly AttributeValue[];
  /** Values that the very same requests have: which of them it is cannot be told from requests. */
  readonly alike: readonly AttributeValue[];
  /** Of the requests with the trouble since the onset, 0 to 1. */
  readonly share: number;
  /** Of those with the trouble before; of all requests before, where hardly any had it. */
  readonly shareBefore: number;
  /** What its share would be, had the trouble grown alike everywhere. */
  readonly shareExpected: number;
  /** Of what is more than before, 0 to 1. */
  readonly explains: number;
  /** Probability of such a share by chance, for all values looked at together. */
  readonly tail: number;
  /** One sentence for people. */
  readonly says: string;
}

export interface TroubleByAttribute {
  readonly trouble: RequestTrouble;
  /** From so many seconds or output tokens on. */
  readonly from?: number;
  /** Of all requests, 0 to 1; of `traffic`, requests a second. */
  readonly rate: number;
  readonly rateBefore: number;
  /** The one that tells most first. */
  readonly carriers: readonly Carrier[];
  /** Looked at with enough requests to see a difference, and there is none that matters. */
  readonly even: readonly RequestAttribute[];
}

export interface AttributeReport {
  readonly at: Instant;
  readonly during: TimeRange;
  readonly before: TimeRange;
  /** Requests looked at: all, or a sample of them. */
  readonly requests: { readonly during: number; readonly before: number };
  /** Troubles that requests have more of than before. Empty: their spans show none. */
  readonly troubles: readonly TroubleByAttribute[];
}
