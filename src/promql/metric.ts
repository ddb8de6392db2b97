// Label sets with what matching and grouping need remembered on them, so that a series' labels are worked through once.
import type { Labels } from "../model/labels.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { Projection } from "./ast.ts";
import { withoutName } from "./ast.ts";
import { byText } from "./order.ts";
import { quoteText } from "./syntax/literals.ts";

/** One label set. Metrics are compared by `key`, which is equal for equal label sets whatever their order. */
export interface Metric {
  /** Without empty values, which mean the same as none. */
  readonly labels: Labels;
  readonly key: string;
  /** Projections already made of it, by projection id. */
  projections: Map<string, Metric> | undefined;
  /** Unset = a name that is lost goes at once. `later`: it stays until the result is there; `going`: it was lost, and will go. */
  readonly name?: "later" | "going";
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
  const result = metric.name !== undefined && wanted === withoutName ? marked(metric, "going") : cut(metric, wanted);
  metric.projections ??= new Map();
  if (metric.projections.size >= projectionsMax) metric.projections.clear();
  metric.projections.set(wanted.id, result);
  return result;
}

function cut(metric: Metric, wanted: Projection): Metric {
  const labels: Record<string, string> = {};
  for (const name of Object.keys(metric.labels)) {
    if (wanted.names.has(name) === wanted.keep) labels[name] = metric.labels[name]!;
  }
  const made = makeMetric(labels);
  if (metric.name !== undefined) return marked(made, metric.name);
  return wanted.groups ? share(made) : made;
}

function marked({ labels, key }: Metric, name: NonNullable<Metric["name"]>): Metric {
  return { labels, key, projections: undefined, name };
}

/** The metric with a name that stays until the result is there, although it is lost before. */
export function withNameKept(metric: Metric): Metric {
  return marked(metric, "later");
}

/** The metric as a result shows it: a name that was lost is gone. */
export function settled({ labels, key, name }: Metric): Metric {
  const plain: Metric = { labels, key, projections: undefined };
  return name === "going" ? cut(plain, withoutName) : plain;
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
  const made = makeMetric({ ...metric.labels, ...changes });
  if (metric.name === undefined) return made;
  return marked(made, METRIC_NAME in changes ? "later" : metric.name);
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
