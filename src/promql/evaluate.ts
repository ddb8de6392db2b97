// Evaluates a checked query over any source of series, with the meaning it has in Prometheus 3.
import type { Labels } from "../model/labels.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import type { SeriesView } from "../model/series.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { Expr, ParsedQuery } from "./ast.ts";
import { limitFailure, queryFailure, sourceFailure } from "./errors.ts";
import { aggregate, countValues, selectRows } from "./eval/aggregate.ts";
import { apply, withScalar } from "./eval/binary.ts";
import { call } from "./eval/calls.ts";
import type { Evaluation, QueryOptions, Value, Warning } from "./eval/evaluation.ts";
import { checkQuantile, defaultOptions, evaluateScalar, evaluateVector } from "./eval/evaluation.ts";
import { planFetch, prepare, selectAll } from "./eval/fetch.ts";
import { combine, combineSets } from "./eval/match.ts";
import { forEachWindow, lookUp } from "./eval/select.ts";
import type { Vector } from "./eval/vector.ts";
import { mapValues, settleNames } from "./eval/vector.ts";
import type { Metric } from "./metric.ts";
import { formatLabels, noLabels, settled } from "./metric.ts";
import { byText } from "./order.ts";

export type { QueryOptions, Warning } from "./eval/evaluation.ts";

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Points of one series, oldest first; times in Unix milliseconds. */
export interface ResultSeries {
  readonly labels: Labels;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

export type QueryResult = (
  | { readonly kind: "scalar"; readonly value: number }
  | { readonly kind: "vector"; readonly samples: readonly Sample[] }
  | { readonly kind: "matrix"; readonly series: readonly ResultSeries[] }
  | { readonly kind: "string"; readonly value: string }
) & { readonly warnings: readonly Warning[] };

/**
 * The query at one instant. Rejects with a `QueryFailure` when data and query do not fit or a limit is passed, and with
 * whatever the source rejects with. A source that answers at once is read before anything else can run.
 */
export async function evaluateInstant(
  query: ParsedQuery,
  at: Instant,
  source: SeriesSource,
  options?: QueryOptions,
): Promise<QueryResult> {
  return await fetchThen(query, at, at, source, options, (evaluation) => instantResult(evaluation, at));
}

/** As {@link evaluateInstant}, for a source that answers at once; throws where that rejects. */
export function evaluateInstantSync(
  query: ParsedQuery,
  at: Instant,
  source: SeriesSource,
  options?: QueryOptions,
): QueryResult {
  const result = fetchThen(query, at, at, source, options, (evaluation) => instantResult(evaluation, at));
  if (result instanceof Promise) {
    // Nobody will wait for it.
    result.catch(() => {});
    throw sourceFailure("this source answers later: use evaluateInstant");
  }
  return result;
}

/**
 * The query at `from`, `from + stepMs`, … up to and including `to`, as Prometheus's range queries do. Gives a matrix sorted
 * by labels; a scalar becomes one series without labels. Rejects as {@link evaluateInstant} does.
 */
export async function evaluateRange(
  query: ParsedQuery,
  range: { readonly from: Instant; readonly to: Instant },
  stepMs: DurationMs,
  source: SeriesSource,
  options?: QueryOptions,
): Promise<QueryResult> {
  const maxSteps = options?.maxSteps ?? defaultOptions.maxSteps;
  if (!(stepMs > 0) || range.to < range.from)
    throw queryFailure("a range query needs a step above 0 and an end after its start");
  if ((range.to - range.from) / stepMs > maxSteps) {
    throw limitFailure("maxSteps", `the query takes more than ${maxSteps} steps (maxSteps); make its step longer`);
  }
  return await fetchThen(query, range.from, range.to, source, options, (evaluation) => rangeResult(evaluation, stepMs));
}

function fetchThen(
  query: ParsedQuery,
  start: Instant,
  end: Instant,
  source: SeriesSource,
  options: QueryOptions | undefined,
  then: (evaluation: Evaluation) => QueryResult,
): QueryResult | Promise<QueryResult> {
  const settings = { ...defaultOptions, ...options };
  const finish = (selected: readonly (readonly SeriesView[])[]): QueryResult =>
    then({
      query,
      options: settings,
      start,
      end,
      data: prepare(query, selected, settings),
      subqueries: Array.from({ length: query.subqueries }, () => new Map<Instant, Vector>()),
      warnings: new Map(),
      samples: 0,
      evaluate(expr, at) {
        return evaluate(this, expr, at);
      },
    });
  const selected = selectAll(query, planFetch(query, start, end, settings.lookbackMs), source);
  const ready = selected.filter((series): series is readonly SeriesView[] => !(series instanceof Promise));
  // Views may only be read within the call that handed them out, so there is no waiting unless the source waits.
  return ready.length === selected.length ? finish(ready) : Promise.all(selected).then(finish);
}

function evaluate(evaluation: Evaluation, expr: Expr, at: Instant): Value {
  switch (expr.kind) {
    case "number":
    case "string":
      return expr.value;
    case "selector":
      return lookUp(evaluation, expr, at);
    case "negate": {
      const value = evaluation.evaluate(expr.expr, at);
      if (typeof value === "string") throw new Error("the type check let a string through");
      return typeof value === "number" ? -value : mapValues(value, (each) => -each);
    }
    case "call":
      return call(evaluation, expr, at);
    case "aggregate": {
      const vector = evaluateVector(evaluation, expr.expr, at);
      if (expr.op === "count_values")
        return countValues(expr, vector, expr.param?.kind === "string" ? expr.param.value : "");
      const parameter = expr.param === undefined ? 0 : evaluateScalar(evaluation, expr.param, at);
      if (expr.op === "topk" || expr.op === "bottomk") return selectRows(expr, vector, parameter);
      if (expr.op === "quantile") checkQuantile(evaluation, parameter, expr.param!.span);
      return aggregate(expr, vector, parameter);
    }
    case "binary": {
      const left = evaluation.evaluate(expr.left, at);
      const right = evaluation.evaluate(expr.right, at);
      if (typeof left === "number" && typeof right === "number") return apply(expr.op, left, right);
      if (typeof left === "object" && typeof right === "number") return withScalar(expr, left, right, true);
      if (typeof left === "number" && typeof right === "object") return withScalar(expr, right, left, false);
      if (typeof left !== "object" || typeof right !== "object") throw new Error("the type check let a string through");
      return expr.matching.cardinality === "many-to-many" ? combineSets(expr, left, right) : combine(expr, left, right);
    }
    case "subquery":
      throw new Error("a range vector has no value at one instant");
  }
}

function instantResult(evaluation: Evaluation, at: Instant): QueryResult {
  const { root } = evaluation.query;
  const finish = <T>(result: T): T & { warnings: Warning[] } => ({
    ...result,
    warnings: [...evaluation.warnings.values()],
  });
  if (root.kind === "subquery" || (root.kind === "selector" && root.rangeMs !== undefined)) {
    const series: ResultSeries[] = [];
    forEachWindow(evaluation, root, at, (metric, { times, values, lo, hi }) => {
      const { labels } = settled(metric);
      series.push({ labels, times: times.slice(lo, hi), values: values.slice(lo, hi) });
    });
    return finish({ kind: "matrix", series } as const);
  }
  const value = resultAt(evaluation, at);
  if (typeof value === "number") return finish({ kind: "scalar", value } as const);
  if (typeof value === "string") return finish({ kind: "string", value } as const);
  const samples: Sample[] = [];
  for (let i = 0; i < value.length; i++) samples.push({ labels: value.metrics[i]!.labels, value: value.values[i]! });
  return finish({ kind: "vector", samples } as const);
}

function resultAt(evaluation: Evaluation, at: Instant): Value {
  const value = evaluation.evaluate(evaluation.query.root, at);
  return typeof value === "object" && evaluation.options.delayedNames ? settleNames(value) : value;
}

function rangeResult(evaluation: Evaluation, stepMs: DurationMs): QueryResult {
  const { query, start, end } = evaluation;
  if (query.type === "matrix" || query.type === "string") {
    throw queryFailure(`a range query needs an instant vector or a scalar, but this is a ${query.type}`);
  }
  const found = new Map<string, { metric: Metric; times: number[]; values: number[] }>();
  const add = (key: string, metric: Metric, at: Instant, value: number): void => {
    let series = found.get(key);
    if (series === undefined) {
      series = { metric, times: [], values: [] };
      found.set(key, series);
    }
    series.times.push(at);
    series.values.push(value);
  };
  for (let at = start; at <= end; at += stepMs) {
    const value = resultAt(evaluation, at);
    if (typeof value === "object") {
      for (let i = 0; i < value.length; i++) add(value.metrics[i]!.key, value.metrics[i]!, at, value.values[i]!);
    } else if (typeof value === "number") add("", noLabels, at, value);
  }
  const series = [...found.values()]
    .map(({ metric, times, values }) => ({ order: formatLabels(metric.labels), metric, times, values }))
    .sort((a, b) => byText(a.order, b.order))
    .map(({ metric, times, values }): ResultSeries => {
      return { labels: metric.labels, times: Float64Array.from(times), values: Float64Array.from(values) };
    });
  return { kind: "matrix", series, warnings: [...evaluation.warnings.values()] };
}
