// Homeostat's own numbers, kept in memory and shown as Prometheus text at /metrics.
import { type Labels, labelsKey } from "../model/labels.ts";

export interface OwnMetrics {
  add(name: string, amount: number, labels: Labels): void;
  set(name: string, value: number, labels: Labels): void;
  observe(name: string, value: number, labels: Labels): void;
  text(): string;
}

/** Label sets one metric may have; what comes beyond is summed under `overflow="true"`, so nothing is unbounded or lost. */
const labelSetsMax = 500;

interface Metric {
  readonly type: "counter" | "gauge" | "summary";
  readonly points: Map<string, { labels: Labels; sum: number; count: number }>;
}

export function createOwnMetrics(): OwnMetrics {
  const byName = new Map<string, Metric>();

  const pointOf = (name: string, type: Metric["type"], labels: Labels) => {
    let metric = byName.get(name);
    if (metric === undefined) {
      metric = { type, points: new Map() };
      byName.set(name, metric);
    }
    const key = labelsKey(labels);
    let point = metric.points.get(key);
    if (point === undefined) {
      if (metric.points.size >= labelSetsMax) return overflowPoint(metric);
      point = { labels, sum: 0, count: 0 };
      metric.points.set(key, point);
    }
    return point;
  };

  return {
    add(name, amount, labels) {
      pointOf(name, "counter", labels).sum += amount;
    },
    set(name, value, labels) {
      pointOf(name, "gauge", labels).sum = value;
    },
    observe(name, value, labels) {
      const point = pointOf(name, "summary", labels);
      point.sum += value;
      point.count += 1;
    },
    text: () => [...byName].map(([name, metric]) => render(name, metric)).join(""),
  };
}

function overflowPoint(metric: Metric) {
  const labels = { overflow: "true" };
  const key = labelsKey(labels);
  const point = metric.points.get(key) ?? { labels, sum: 0, count: 0 };
  metric.points.set(key, point);
  return point;
}

function render(name: string, metric: Metric): string {
  const safe = name.replace(/[^a-zA-Z0-9_:]/g, "_");
  const full = metric.type === "counter" && !safe.endsWith("_total") ? `${safe}_total` : safe;
  let text = `# TYPE ${full} ${metric.type}\n`;
  for (const { labels, sum, count } of metric.points.values()) {
    const set = Object.entries(labels).map(([k, v]) => `${k.replace(/[^a-zA-Z0-9_]/g, "_")}="${quoted(v)}"`);
    const suffix = set.length === 0 ? "" : `{${set.join(",")}}`;
    if (metric.type === "summary") text += `${full}_sum${suffix} ${sum}\n${full}_count${suffix} ${count}\n`;
    else text += `${full}${suffix} ${sum}\n`;
  }
  return text;
}

function quoted(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
