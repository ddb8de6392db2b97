// Samples of a selector or subquery as seen from an instant. Ranges and lookback are open on the left: a sample exactly
// as old as the range is out.
import type { SeriesView } from "../../model/series.ts";
import { quality } from "../../model/series.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import type { SelectorExpr, SubqueryExpr } from "../ast.ts";
import { limitFailure } from "../errors.ts";
import type { Metric } from "../metric.ts";
import type { Evaluation } from "./evaluation.ts";
import { anchor, countSamples, evaluateVector } from "./evaluation.ts";
import type { Vector } from "./vector.ts";
import { makeVector, push } from "./vector.ts";

/** Samples `lo` to `hi` (not included) of one series: those of a range. Never empty where it is handed out. */
export interface Window {
  times: Float64Array;
  values: Float64Array;
  lo: number;
  hi: number;
  /** The range is (rangeStart, rangeEnd]. */
  rangeStart: Instant;
  rangeEnd: Instant;
  /** What the evaluation calls now; differs from `rangeEnd` by offset and @. */
  at: Instant;
}

const ABSENT = quality.STALE | quality.MISSING;

/** An instant vector; with `asTimes`, the time of each sample (seconds) instead of its value. */
export function lookUp(evaluation: Evaluation, selector: SelectorExpr, at: Instant, asTimes = false): Vector {
  const { views, metrics, oneName } = evaluation.data[selector.slot]!;
  const to = anchor(evaluation, selector, at);
  const from = to - evaluation.options.lookbackMs;
  const vector = makeVector(views.length, oneName);
  for (let s = 0; s < views.length; s++) {
    const view = views[s]!;
    let i = lastAtOrBefore(view.times, view.length, to);
    // A step without a value says nothing; one that ends the series does, though it has none either.
    if (view.quality !== undefined) while (i >= 0 && (view.quality[i]! & ABSENT) === quality.MISSING) i--;
    if (i < 0 || view.times[i]! <= from) continue;
    if (view.quality !== undefined && view.quality[i]! & quality.STALE) continue;
    push(vector, metrics[s]!, asTimes ? view.times[i]! / 1000 : view.values[i]!);
  }
  countSamples(evaluation, vector.length);
  return vector;
}

/** Hands out the range of every series that has a sample in it. The window is reused: read it within the call. */
export function forEachWindow(
  evaluation: Evaluation,
  node: SelectorExpr | SubqueryExpr,
  at: Instant,
  visit: (metric: Metric, window: Window) => void,
): { oneName: boolean; most: number } {
  if (node.kind === "subquery") return overSubquery(evaluation, node, at, visit);
  const { views, metrics, oneName } = evaluation.data[node.slot]!;
  const window = emptyWindow(evaluation, node, node.rangeMs ?? 0, at);
  for (let s = 0; s < views.length; s++) {
    const view = views[s]!;
    window.times = view.times;
    window.values = view.values;
    window.hi = lastAtOrBefore(view.times, view.length, window.rangeEnd) + 1;
    window.lo = lastAtOrBefore(view.times, window.hi, window.rangeStart) + 1;
    if (view.quality !== undefined) leaveOutAbsent(view, view.quality, window);
    if (window.lo >= window.hi) continue;
    countSamples(evaluation, window.hi - window.lo);
    visit(metrics[s]!, window);
  }
  return { oneName, most: views.length };
}

function emptyWindow(
  evaluation: Evaluation,
  node: SelectorExpr | SubqueryExpr,
  rangeMs: DurationMs,
  at: Instant,
): Window {
  const rangeEnd = anchor(evaluation, node, at);
  const none = new Float64Array(0);
  return { times: none, values: none, lo: 0, hi: 0, rangeStart: rangeEnd - rangeMs, rangeEnd, at };
}

/** Copies the window without stale and missing points, if it has any. */
function leaveOutAbsent(view: SeriesView, flags: Uint8Array, window: Window): void {
  let absent = 0;
  for (let i = window.lo; i < window.hi; i++) if (flags[i]! & ABSENT) absent++;
  if (absent === 0) return;
  const times = new Float64Array(window.hi - window.lo - absent);
  const values = new Float64Array(times.length);
  let n = 0;
  for (let i = window.lo; i < window.hi; i++) {
    if (flags[i]! & ABSENT) continue;
    times[n] = view.times[i]!;
    values[n++] = view.values[i]!;
  }
  window.times = times;
  window.values = values;
  window.lo = 0;
  window.hi = n;
}

interface Growing {
  readonly metric: Metric;
  readonly times: number[];
  readonly values: number[];
}

function overSubquery(
  evaluation: Evaluation,
  node: SubqueryExpr,
  at: Instant,
  visit: (metric: Metric, window: Window) => void,
): { oneName: boolean; most: number } {
  const window = emptyWindow(evaluation, node, node.rangeMs, at);
  const stepMs = node.stepMs ?? evaluation.options.subqueryStepMs;
  const { maxSteps } = evaluation.options;
  if (node.rangeMs / stepMs > maxSteps) {
    throw limitFailure("maxSteps", `a subquery takes more than ${maxSteps} steps (maxSteps); make its step longer`);
  }
  const known = evaluation.subqueries[node.slot]!;
  const series = new Map<string, Growing>();
  let oneName = true;
  // Steps lie on multiples of the step, whatever the instant asked from.
  const first = (Math.floor(window.rangeStart / stepMs) + 1) * stepMs;
  for (let t = first; t <= window.rangeEnd; t += stepMs) {
    let vector = known.get(t);
    if (vector === undefined) {
      vector = evaluateVector(evaluation, node.expr, t);
      known.set(t, vector);
    }
    oneName &&= vector.oneName;
    countSamples(evaluation, vector.length);
    for (let i = 0; i < vector.length; i++) {
      const metric = vector.metrics[i]!;
      let growing = series.get(metric.key);
      if (growing === undefined) {
        growing = { metric, times: [], values: [] };
        series.set(metric.key, growing);
      }
      growing.times.push(t);
      growing.values.push(vector.values[i]!);
    }
  }
  // Later steps of the query only look further on.
  for (const t of known.keys()) {
    if (t >= first) break;
    known.delete(t);
  }
  for (const { metric, times, values } of series.values()) {
    window.times = Float64Array.from(times);
    window.values = Float64Array.from(values);
    window.lo = 0;
    window.hi = times.length;
    visit(metric, window);
  }
  return { oneName: oneName && distinctWithoutName(series), most: series.size };
}

/** Each step had one name, but steps may differ from one another. */
function distinctWithoutName(series: ReadonlyMap<string, Growing>): boolean {
  let name: string | undefined;
  for (const { metric } of series.values()) {
    const own = metric.labels["__name__"] ?? "";
    name ??= own;
    if (name !== own) return false;
  }
  return true;
}

/** Index of the last time that is not after `at`, or -1. */
function lastAtOrBefore(times: Float64Array, length: number, at: Instant): number {
  if (length === 0 || times[length - 1]! <= at) return length - 1;
  let low = 0;
  let high = length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (times[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
