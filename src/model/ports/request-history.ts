// Stored requests one by one, as their spans tell of them: what two sides are compared by.
import type { Instant, TimeRange } from "../time.ts";

/** The first of these attributes that is there (of the span, then of the resource) has one of the values. */
export interface AttributeTest {
  readonly keys: readonly string[];
  readonly values: readonly string[];
}

/** All tests hold. `tenants` given: of these tenants only. */
export interface SideQuery {
  readonly tests: readonly AttributeTest[];
  readonly tenants?: readonly string[];
}

export interface StoredRequest {
  readonly isB: boolean;
  /** When it began. */
  readonly at: Instant;
  readonly seconds: number;
  /** Times in seconds are NaN where the span does not tell. */
  readonly ttftSeconds: number;
  readonly decodeSeconds: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Told by the engine, not by who called it. */
  readonly byEngine: boolean;
  /** Name of the replica as entities have it; the application's where an application told of it. */
  readonly replica: string;
  readonly model: string;
  readonly node: string;
  readonly version: string;
}

export interface StoredRequests {
  readonly requests: readonly StoredRequest[];
  /** How many there are of each side; more than were read are thinned by the hash of the span. */
  readonly totalA: number;
  readonly totalB: number;
  /** Of both sides at once: left out. */
  readonly ofBoth: number;
}

export interface RequestHistory {
  /** Answered requests that began in the range, at most about `limit` a side. Those of probes and those with an error are no part. */
  requests(a: SideQuery, b: SideQuery, range: TimeRange, limit: number): Promise<StoredRequests>;
}
