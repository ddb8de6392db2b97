// Label sets with what matching and grouping need remembered on them, so that a series' labels are worked through once.
import type { Labels } from "../model/labels.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { Projection } from "./ast.ts";
import { byText } from "./order.ts";
import { quoteText } from "./syntax/literals.ts";

/** One label set. Metrics are compared by `key`, which is equal for equal label sets whatever their order. */
export interface Metric {
  /** Without empty values, which mean the same as none. */
  readonly labels: Labels;
  readonly key: string;
  /** Projections already made of it, by projection id. */
  projections: Map<string, Metric> | undefined;
}

/** More projections than one metric is asked for by any set of rules; ad-hoc queries push older ones out. */
const projectionsMax = 64;
/** Projected label sets shared between series (one for each group, not for each series). */
const sharedMax = 200_000;

const byLabels = new WeakMap<Labels, Metric>();
const shared = new Map<string, Metric>();

/** The metric of a label set. A source that hands out the same object again gets the same metric, at no cost. */
export function metricOf(labels: Labels): Metric {
  let metric = byLabels.get(labels);
  if (metric === undefined) {
    metric = makeMetric(labels);
    byLabels.set(labels, metric);
  }
  return metric;
}

function makeMetric(labels: Labels): Metric {
  const names = Object.keys(labels).sort(byText);
  let key = "";
  let empty = false;
  for (const name of names) {
    const value = labels[name]!;
    if (value === "") empty = true;
    // Lengths make it unambiguous, whatever characters names and values have.
    else key += `${name.length}:${name}${value.length}:${value}`;
  }
  if (!empty) return { labels, key, projections: undefined };
  const kept = Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ""));
  return { labels: kept, key, projections: undefined };
}

export const noLabels: Metric = metricOf({});

/** The metric with only, or without, the labels of a projection. */
export function project(metric: Metric, wanted: Projection): Metric {
  const known = metric.projections?.get(wanted.id);
  if (known !== undefined) return known;
  const labels: Record<string, string> = {};
  for (const name of Object.keys(metric.labels)) {
    if (wanted.names.has(name) === wanted.keep) labels[name] = metric.labels[name]!;
  }
  const result = wanted.groups ? share(makeMetric(labels)) : makeMetric(labels);
  metric.projections ??= new Map();
  if (metric.projections.size >= projectionsMax) metric.projections.clear();
  metric.projections.set(wanted.id, result);
  return result;
}

/** One object for all series of a group. */
function share(metric: Metric): Metric {
  const known = shared.get(metric.key);
  if (known !== undefined) return known;
  if (shared.size >= sharedMax) shared.clear();
  shared.set(metric.key, metric);
  return metric;
}

/** The metric with some labels set; an empty value removes the label. */
export function withLabels(metric: Metric, changes: Labels): Metric {
  return makeMetric({ ...metric.labels, ...changes });
}

/** As Prometheus writes it: `name{a="b"}`. */
export function formatMetric(labels: Labels): string {
  const { [METRIC_NAME]: name = "", ...rest } = labels;
  const pairs = formatPairs(rest);
  return pairs === "" && name !== "" ? name : `${name}{${pairs}}`;
}

/** All labels, the metric name as one of them: `{__name__="name", a="b"}`. */
export function formatLabels(labels: Labels): string {
  return `{${formatPairs(labels)}}`;
}

function formatPairs(labels: Labels): string {
  const names = Object.keys(labels).sort(byText);
  return names
    .map((name) => `${/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoteText(name)}=${quoteText(labels[name]!)}`)
    .join(", ");
}
