// What one evaluation knows: its data, its limits, its warnings.
import type { DurationMs, Instant } from "../../model/time.ts";
import type { At, Expr, ParsedQuery, Span } from "../ast.ts";
import { limitFailure, positionOf } from "../errors.ts";
import type { Series } from "./fetch.ts";
import type { Vector } from "./vector.ts";

export interface QueryOptions {
  /** How far back an instant vector looks for a sample. Default 5 minutes. */
  readonly lookbackMs?: DurationMs;
  /** Step of a subquery that names none. Default 1 minute. */
  readonly subqueryStepMs?: DurationMs;
  /** Most series all selectors together may find. Default 500,000. */
  readonly maxSeries?: number;
  /** Most samples looked at; one that several steps look at counts each time. Default 50 million. */
  readonly maxSamples?: number;
  /** Most steps of a range query, or of one subquery. Default 11,000. */
  readonly maxSteps?: number;
  /**
   * Whether a metric name that is lost (as by `rate`) goes only when the result is there, so that `label_replace` can still
   * read it: Prometheus's --enable-feature=promql-delayed-name-removal. Default false, as there.
   */
  readonly delayedNames?: boolean;
}

export const defaultOptions = {
  lookbackMs: 300_000,
  subqueryStepMs: 60_000,
  maxSeries: 500_000,
  maxSamples: 50_000_000,
  maxSteps: 11_000,
  delayedNames: false,
} as const satisfies Required<QueryOptions>;

/** Something the asker should know: a `warning` if the result may be wrong, an `info` if the query may be. */
export interface Warning {
  readonly level: "warning" | "info";
  readonly message: string;
}

export type Value = number | string | Vector;

export interface Evaluation {
  readonly query: ParsedQuery;
  readonly options: Required<QueryOptions>;
  /** Of the whole query; equal for an instant query. */
  readonly start: Instant;
  readonly end: Instant;
  /** By selector slot. */
  readonly data: readonly Series[];
  /** Results of the inside of each subquery by instant: neighbouring steps share most of them. */
  readonly subqueries: readonly Map<Instant, Vector>[];
  readonly warnings: Map<string, Warning>;
  samples: number;
  evaluate(expr: Expr, at: Instant): Value;
}

export function evaluateVector(evaluation: Evaluation, expr: Expr, at: Instant): Vector {
  const value = evaluation.evaluate(expr, at);
  if (typeof value !== "object") throw new Error("the type check let a non-vector through");
  return value;
}

export function evaluateScalar(evaluation: Evaluation, expr: Expr | undefined, at: Instant): number {
  const value = expr === undefined ? Number.NaN : evaluation.evaluate(expr, at);
  if (typeof value !== "number") throw new Error("the type check let a non-scalar through");
  return value;
}

/** The instant a selector or subquery looks from, offset applied. */
export function anchor(
  evaluation: Evaluation,
  node: { readonly at: At | undefined; readonly offsetMs: DurationMs },
  at: Instant,
): Instant {
  const from =
    node.at === undefined
      ? at
      : node.at.kind === "instant"
        ? node.at.at
        : node.at.kind === "start"
          ? evaluation.start
          : evaluation.end;
  return from - node.offsetMs;
}

export function countSamples(evaluation: Evaluation, samples: number): void {
  evaluation.samples += samples;
  const { maxSamples } = evaluation.options;
  if (evaluation.samples > maxSamples) {
    throw limitFailure(
      "maxSamples",
      `the query looks at more than ${maxSamples} samples (maxSamples); ask for less time or fewer series`,
    );
  }
}

/** Each message is kept once. */
export function warn(evaluation: Evaluation, level: Warning["level"], message: string, span: Span): void {
  const { line, column } = positionOf(evaluation.query.text, span.from);
  const text = `PromQL ${level}: ${message} (${line}:${column})`;
  if (!evaluation.warnings.has(text) && evaluation.warnings.size < 100)
    evaluation.warnings.set(text, { level, message: text });
}

export function checkQuantile(evaluation: Evaluation, quantile: number, span: Span): void {
  if (quantile >= 0 && quantile <= 1) return;
  warn(evaluation, "warning", `quantile value should be between 0 and 1, got ${formatNumber(quantile)}`, span);
}

/** As Go's %v: `+Inf`, `-Inf`, `NaN`. */
export function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
