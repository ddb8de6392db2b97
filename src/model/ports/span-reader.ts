// Finished spans as observe reads them: by arrival, already counted by what they have in common, one query a tick.
import type { DurationMs, Instant } from "../time.ts";

/** Upper bounds, in seconds, that durations are counted by: 2 ms to 10 minutes, as GenAI calls take. */
export const spanBounds: readonly number[] = [
  0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600,
];

/** Spans alike that ended within one step of event time. */
export interface SpanGroup {
  /** End of the step. */
  readonly at: Instant;
  /** Whose they are, told as soon as there is more than one tenant. */
  readonly tenant?: string;
  readonly service: string;
  /** Name of the span without the numbers in it. */
  readonly operation: string;
  /** `Client`, `Server`, `Internal`, … */
  readonly kind: string;
  /** `Unset`, `Ok` or `Error`. */
  readonly status: string;
  readonly model: string;
  /** `gen_ai.operation.name`; empty for a span that is no GenAI call. */
  readonly genAi: string;
  readonly provider: string;
  /** The first of `gen_ai.response.finish_reasons`. */
  readonly finishReason: string;
  readonly count: number;
  /** Durations added up, and how many lie within each of `spanBounds` and above the last. */
  readonly seconds: number;
  readonly buckets: readonly number[];
  /** Times to the first token or chunk, where spans say them. */
  readonly firstTokens: { readonly count: number; readonly seconds: number; readonly buckets: readonly number[] };
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedTokens: number;
  readonly costUsd: number;
  /** `homeostat.text.*.length`: texts that were measured and taken out, and their characters. */
  readonly texts: number;
  readonly characters: number;
}

export interface SpanPage {
  readonly groups: readonly SpanGroup[];
  readonly cursor: string;
  /** There were more groups than can be told at once: the rarest are missing. */
  readonly truncated: boolean;
}

export interface SpanReader {
  /**
   * Spans stored after `cursor` that began at or after `notBefore`, in steps of `stepMs`. Never counts a stored span twice;
   * an empty cursor reads from the start.
   */
  spansAfter(cursor: string, notBefore: Instant, stepMs: DurationMs): Promise<SpanPage>;
}
