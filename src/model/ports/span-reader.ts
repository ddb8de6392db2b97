// Finished spans and facts of texts as observe reads them: by arrival, already counted by what they have in common.
import type { DurationMs, Instant } from "../time.ts";

/** Upper bounds, in seconds, that durations are counted by: 2 ms to 10 minutes, as GenAI calls take. */
export const spanBounds: readonly number[] = [
  0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300, 600,
];

/** Upper bounds that ratios of output to input are counted by, in characters for each character. */
export const ratioBounds: readonly number[] = [
  0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 5, 10,
];

const flagged = (side: string, fact: string) => ({ metric: "homeostat_text_flagged_total", labels: { side, fact } });
const claimed = (claim: string) => ({ metric: "homeostat_text_claimed_total", labels: { claim } });
const retrieved = (empty: string) => ({ metric: "homeostat_retrieval_results_total", labels: { empty } });

/** What is counted of texts and retrievals, in the order of `SpanGroup.texts`, and the series that each becomes. */
export const textCounters = {
  inputSeen: { metric: "homeostat_text_seen_total", labels: { side: "input" } },
  inputCharacters: { metric: "homeostat_text_characters_total", labels: { side: "input" } },
  inputEmpty: flagged("input", "empty"),
  inputLoop: flagged("input", "loop"),
  inputGarbled: flagged("input", "garbled"),
  outputSeen: { metric: "homeostat_text_seen_total", labels: { side: "output" } },
  outputCharacters: { metric: "homeostat_text_characters_total", labels: { side: "output" } },
  outputEmpty: flagged("output", "empty"),
  outputLoop: flagged("output", "loop"),
  outputGarbled: flagged("output", "garbled"),
  refusal: flagged("output", "refusal"),
  copied: flagged("output", "copied"),
  wrongLanguage: flagged("output", "wrong_language"),
  jsonInvalid: flagged("output", "json_invalid"),
  codeUnbalanced: flagged("output", "code_unbalanced"),
  diffEmpty: flagged("output", "diff_empty"),
  personalData: flagged("output", "personal_data"),
  claimsJson: claimed("json"),
  claimsCode: claimed("code"),
  claimsDiff: claimed("diff"),
  retrievalFound: retrieved("false"),
  retrievalEmpty: retrieved("true"),
} as const;

export type TextCounter = keyof typeof textCounters;

/** Spans, and log records that carry facts of texts, alike and ended within one step of event time. */
export interface SpanGroup {
  /** End of the step. */
  readonly at: Instant;
  /** Whose they are, told as soon as there is more than one tenant. */
  readonly tenant?: string;
  readonly service: string;
  /** Resource attribute `homeostat.scenario`: the kind of application. */
  readonly scenario: string;
  /** Name of the span without the numbers in it. */
  readonly operation: string;
  /** `Client`, `Server`, `Internal`, … */
  readonly kind: string;
  /** `Unset`, `Ok` or `Error`. */
  readonly status: string;
  /** `error.type`, or the HTTP status of a failed span that does not say one. */
  readonly errorType: string;
  /** The model asked for; the one that answered, where that is not said. */
  readonly model: string;
  /** `gen_ai.operation.name`; empty for a span that is no GenAI call. */
  readonly genAi: string;
  readonly provider: string;
  /** `gen_ai.tool.name`. */
  readonly tool: string;
  /** The first of `gen_ai.response.finish_reasons`. */
  readonly finishReason: string;
  /** Spans; 0 for a group of log records. */
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
  /** How often, in the order of `textCounters`; what a log record says counts too. */
  readonly texts: readonly number[];
  /** Characters of output for each of input: added up, and by `ratioBounds`. */
  readonly lengthRatios: { readonly count: number; readonly sum: number; readonly buckets: readonly number[] };
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
