// Function calls: evaluates the arguments and applies the function.

import type { Instant } from "../../model/time.ts";
import type { CallExpr, Expr } from "../ast.ts";
import type { Metric } from "../metric.ts";
import { metricOf, noLabels } from "../metric.ts";
import { quoteText } from "../syntax/literals.ts";
import { dateFunctions, numberFunctions, roundTo } from "./elementwise.ts";
import type { Evaluation, Value } from "./evaluation.ts";
import { checkQuantile, evaluateScalar, evaluateVector, warn } from "./evaluation.ts";
import { bucketFraction, bucketQuantile, collectHistograms } from "./histogram.ts";
import { overTimeFunctions } from "./over-time.ts";
import type { RangeFunction } from "./rates.ts";
import { rateFunctions } from "./rates.ts";
import { labelJoin, labelReplace, labelsOfAbsent } from "./relabel.ts";
import { forEachWindow, lookUp } from "./select.ts";
import type { Vector } from "./vector.ts";
import { dropNames, makeVector, mapValues, push, single } from "./vector.ts";

export function call(evaluation: Evaluation, node: CallExpr, at: Instant): Value {
  const { name, args } = node;
  const overRange = rateFunctions[name] ?? overTimeFunctions[name];
  if (overRange !== undefined) return callOverRange(evaluation, node, overRange, at);
  const ofNumber = numberFunctions[name];
  if (ofNumber !== undefined) return mapValues(evaluateVector(evaluation, args[0]!, at), ofNumber);
  const ofDate = dateFunctions[name];
  if (ofDate !== undefined) {
    if (args[0] === undefined) return single(noLabels, ofDate(at / 1000));
    return mapValues(evaluateVector(evaluation, args[0], at), ofDate);
  }
  return callSpecial(evaluation, node, at);
}

function callSpecial(evaluation: Evaluation, { name, args }: CallExpr, at: Instant): Value {
  const scalar = (i: number): number => evaluateScalar(evaluation, args[i], at);
  const vector = (i: number): Vector => evaluateVector(evaluation, args[i]!, at);
  switch (name) {
    case "time":
      return at / 1000;
    case "pi":
      return Math.PI;
    case "vector":
      return single(noLabels, scalar(0));
    case "scalar": {
      const only = vector(0);
      return only.length === 1 ? only.values[0]! : Number.NaN;
    }
    case "timestamp": {
      const arg = args[0]!;
      if (arg.kind === "selector") return dropNames(lookUp(evaluation, arg, at, true));
      return mapValues(vector(0), () => at / 1000);
    }
    case "absent":
      return vector(0).length > 0 ? makeVector(0, true) : single(metricOf(labelsOfAbsent(args[0]!)), 1);
    case "absent_over_time":
      return absentOverTime(evaluation, args[0]!, at);
    case "clamp":
      return clamp(vector(0), scalar(1), scalar(2));
    case "clamp_min":
      return clamp(vector(0), scalar(1), Number.POSITIVE_INFINITY);
    case "clamp_max":
      return clamp(vector(0), Number.NEGATIVE_INFINITY, scalar(1));
    case "round": {
      const multiple = args[1] === undefined ? 1 : scalar(1);
      return mapValues(vector(0), (value) => roundTo(value, multiple));
    }
    case "sort":
    case "sort_desc":
      return sorted(vector(0), name === "sort_desc");
    case "label_replace":
      return labelReplace(vector(0), strings(args));
    case "label_join":
      return labelJoin(vector(0), strings(args));
    case "histogram_quantile":
      return histogramQuantile(evaluation, args, vector(1), scalar(0));
    case "histogram_fraction": {
      const [lower, upper] = [scalar(0), scalar(1)];
      const histograms = histogramsIn(evaluation, args[2]!, vector(2));
      return ofHistograms(histograms, (buckets) => bucketFraction(lower, upper, buckets));
    }
    default:
      throw new Error(`no implementation of ${name}`);
  }
}

function strings(args: readonly Expr[]): string[] {
  return args.slice(1).map((arg) => (arg.kind === "string" ? arg.value : ""));
}

function callOverRange(evaluation: Evaluation, node: CallExpr, apply: RangeFunction, at: Instant): Vector {
  const { name } = node;
  const quantile = name === "quantile_over_time";
  const range = node.args[quantile ? 1 : 0]!;
  if (range.kind !== "selector" && range.kind !== "subquery") throw new Error("the type check let a non-range through");
  const other = node.args[quantile ? 0 : 1];
  const parameter = other === undefined ? 0 : evaluateScalar(evaluation, other, at);
  const metrics: Metric[] = [];
  const values: number[] = [];
  const { oneName } = forEachWindow(evaluation, range, at, (metric, window) => {
    const value = apply(window, parameter);
    if (value === undefined) return;
    metrics.push(metric);
    values.push(value);
  });
  if (quantile && metrics.length > 0) checkQuantile(evaluation, parameter, other!.span);
  if (name === "rate" || name === "increase") adviseCounter(evaluation, range, metrics, oneName);
  const vector: Vector = { metrics, values: Float64Array.from(values), length: values.length, oneName };
  return name === "last_over_time" ? vector : dropNames(vector);
}

const counterSuffix = /_(total|sum|count|bucket)$/;

function adviseCounter(evaluation: Evaluation, range: Expr, metrics: readonly Metric[], oneName: boolean): void {
  // With one name a look at the first series tells of all.
  for (const metric of oneName ? metrics.slice(0, 1) : metrics) {
    const name = metric.labels["__name__"] ?? "";
    if (name === "" || counterSuffix.test(name)) continue;
    const advice = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket";
    warn(evaluation, "info", `${advice}: ${quoteText(name)}`, range.span);
  }
}

function absentOverTime(evaluation: Evaluation, range: Expr, at: Instant): Vector {
  let present = false;
  if (range.kind === "selector" || range.kind === "subquery") {
    forEachWindow(evaluation, range, at, () => {
      present = true;
    });
  }
  return present ? makeVector(0, true) : single(metricOf(labelsOfAbsent(range)), 1);
}

function clamp(vector: Vector, min: number, max: number): Vector {
  if (min > max) return makeVector(0, true);
  return mapValues(vector, (value) => larger(min, smaller(max, value)));
}

/** As Go's math.Min and math.Max, which the reference uses: an infinity that decides wins over NaN. */
function smaller(a: number, b: number): number {
  return a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : Math.min(a, b);
}

function larger(a: number, b: number): number {
  return a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : Math.max(a, b);
}

function sorted(vector: Vector, descending: boolean): Vector {
  const { values } = vector;
  const order = Array.from({ length: vector.length }, (_, i) => i).sort((a, b) => {
    const left = values[a]!;
    const right = values[b]!;
    // NaN comes last, whichever way the rest goes.
    if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return left === right ? 0 : left < right === descending ? 1 : -1;
  });
  const out = makeVector(vector.length, vector.oneName);
  for (const i of order) push(out, vector.metrics[i]!, values[i]!);
  return out;
}

type Histograms = ReturnType<typeof collectHistograms>;

function histogramsIn(evaluation: Evaluation, arg: Expr, vector: Vector): Histograms {
  return collectHistograms(vector, (metric, le) => {
    const name = quoteText(metric.labels["__name__"] ?? "");
    const message = `bucket label "le" is missing or has a malformed value of ${quoteText(le)} for metric name ${name}`;
    warn(evaluation, "warning", message, arg.span);
  });
}

function histogramQuantile(evaluation: Evaluation, args: readonly Expr[], vector: Vector, quantile: number): Vector {
  checkQuantile(evaluation, quantile, args[0]!.span);
  return ofHistograms(histogramsIn(evaluation, args[1]!, vector), (buckets, metric) => {
    const { value, forced } = bucketQuantile(quantile, buckets);
    if (forced) {
      const name = quoteText(metric.labels["__name__"] ?? "");
      const message = `input to histogram_quantile needed to be fixed for monotonicity: bucket counts of metric ${name} fell`;
      warn(evaluation, "info", message, args[1]!.span);
    }
    return value;
  });
}

function ofHistograms(
  histograms: Histograms,
  measure: (buckets: Histograms[number]["buckets"], metric: Metric) => number,
): Vector {
  const out = makeVector(histograms.length, false);
  for (const { metric, buckets } of histograms) push(out, metric, measure(buckets, metric));
  return dropNames(out);
}
