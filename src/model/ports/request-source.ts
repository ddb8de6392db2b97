// Requests as their traces tell of them, for asking which of them have something in common.
import type { TimeRange } from "../time.ts";

/** What a trace says of its request; the rest of what requests are told apart by follows from these. */
export const saidOfRequests = [
  "tenant",
  "model",
  "version",
  "adapter",
  "route",
  "user",
  "caller",
  "node",
  "replica",
  "streaming",
  "finish_reason",
] as const;
export type SaidOfRequest = (typeof saidOfRequests)[number];

/** Columns of `requests` rows, in no order. */
export interface RequestSample {
  readonly requests: number;
  /** Of all requests of the range that these are, 0 to 1. */
  readonly share: number;
  readonly at: Float64Array;
  /** From the first to the last byte, as the slowest model call of the trace has it. */
  readonly seconds: Float64Array;
  /** NaN where it is not said. */
  readonly firstTokenSeconds: Float64Array;
  readonly inputTokens: Float64Array;
  readonly outputTokens: Float64Array;
  /** 1 where it failed. */
  readonly failed: Uint8Array;
  /** Empty where it is not said. */
  readonly said: Readonly<Record<SaidOfRequest, readonly string[]>>;
}

export interface RequestSource {
  /** At most about `limit` requests that began in the range, picked without regard to what they are. Rejects if the store does not answer. */
  requests(query: {
    readonly tenant?: string | undefined;
    readonly range: TimeRange;
    readonly limit: number;
  }): Promise<RequestSample>;
}
