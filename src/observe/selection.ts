// The Head as PromQL sees it: series under Prometheus-style names, found by matchers, handed out as views.
import type { Labels } from "../model/labels.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import type { SeriesView } from "../model/series.ts";
import { catalogue, type Signal } from "../model/signal.ts";
import type { TimeRange } from "../model/time.ts";
import { type Columns, windowOf } from "./columns.ts";
import type { Identity } from "./entities.ts";
import type { StoredSeries } from "./raw-series.ts";
import type { Target } from "./resolver.ts";

/** One series a query can find: a column of a raw series (a histogram has one for every bound). */
export interface Selectable {
  readonly labels: Labels;
  readonly columns: Columns;
  readonly column: number;
}

/** Resource attributes that go along as labels. */
const resourceKeys = [
  "service.name",
  "service.namespace",
  "service.version",
  "k8s.cluster.name",
  "k8s.namespace.name",
  "k8s.deployment.name",
  "k8s.pod.name",
  "k8s.node.name",
  "host.name",
  "deployment.environment.name",
  "homeostat.scenario",
];

/** `.` and all else that Prometheus does not allow become `_`; `:` stays. */
export function metricName(name: string): string {
  const clean = name.replace(/[^A-Za-z0-9_:]/g, "_");
  return /^[0-9]/.test(clean) ? `_${clean}` : clean;
}

/** What queries find of a raw series, named as a Prometheus client library would. */
export function selectablesOf(series: StoredSeries, identity: Identity): readonly Selectable[] {
  const { definition, columns } = series;
  const name = metricName(definition.metric);
  const shared = rawLabels(definition, identity);
  const make = (suffix: string, column: number, extra: Labels = {}): Selectable => ({
    labels: { ...shared, ...extra, [METRIC_NAME]: name + suffix },
    columns,
    column,
  });
  if (series.behaviour !== "histogram") return [make("", 0)];
  const { bounds } = definition;
  const buckets = [...bounds.map(String), "+Inf"].map((le, i) => make("_bucket", i + 1, { le }));
  return [make("_sum", 0), make("_count", bounds.length + 1), ...buckets];
}

/**
 * The buckets behind a p95 under one name for all engines, so that any quantile can be asked: `llm:ttft_seconds:p95` is
 * made of `llm:ttft_seconds_bucket`. `source` is the raw metric, `engine` whose it is; bounds are in the signal's unit.
 */
export function quantileSelectables(series: StoredSeries, identity: Identity, target: Target): readonly Selectable[] {
  const { metric } = catalogue[target.signal] as Signal<string>;
  if (!metric.endsWith(":p95")) return [];
  const { definition, columns } = series;
  const { scale } = target.source;
  const make = (column: number, le: string): Selectable => ({
    labels: {
      ...rawLabels(definition, identity),
      [METRIC_NAME]: metric.replace(/:p95$/, "_bucket"),
      engine: target.mapping.engine,
      source: metricName(definition.metric.replace(/_bucket$/, "")),
      le: le === "+Inf" ? le : String(Number(le) * scale),
    },
    columns,
    column,
  });
  if (target.role === "bucket") return [make(0, definition.attributes["le"] ?? "")];
  if (series.behaviour !== "histogram") return [];
  return [...definition.bounds.map(String), "+Inf"].map((le, i) => make(i + 1, le));
}

/** The points of a series inside the range, without copying; undefined if there are none. */
export function viewOf(selectable: Selectable, range: TimeRange): SeriesView | undefined {
  const { columns, column, labels } = selectable;
  const window = windowOf(columns, range.from, range.to);
  if (window === undefined) return undefined;
  const { lo, hi, times, flags } = window;
  window.values[column] ??= (columns.values[column] as Float64Array).subarray(lo, hi);
  return { labels, length: hi - lo, times, values: window.values[column], quality: flags };
}

function rawLabels(definition: RawSeries, identity: Identity): Labels {
  const labels: Record<string, string> = {};
  for (const key of resourceKeys) {
    const value = definition.resource[key];
    if (value !== undefined && value !== "") labels[labelName(key)] = value;
  }
  for (const [key, value] of Object.entries(definition.attributes)) {
    if (value !== "") labels[labelName(key)] = value;
  }
  const namespace = definition.resource["service.namespace"];
  const job = namespace ? `${namespace}/${definition.service}` : definition.service;
  if (job !== "") labels["job"] ??= job;
  labels["instance"] ??= definition.resource["service.instance.id"] || identity.name;
  if (definition.tenant !== undefined) {
    // As Prometheus does with a label of the page that the scraper knows better.
    if (labels["tenant"] !== undefined) labels["exported_tenant"] = labels["tenant"];
    labels["tenant"] = definition.tenant;
  }
  labels["entity"] = identity.id;
  if (identity.parent !== undefined) labels["parent"] = identity.parent;
  return labels;
}

function labelName(key: string): string {
  const clean = key.replace(/[^A-Za-z0-9_]/g, "_");
  return /^[0-9]/.test(clean) ? `_${clean}` : clean;
}
