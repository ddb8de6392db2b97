// Label sets, as Prometheus and OpenTelemetry have them.

/** Name to value. Names are unique; an absent label and an empty one mean the same. */
export type Labels = Readonly<Record<string, string>>;

/** The label that carries a series' metric name. */
export const METRIC_NAME = "__name__";

/** Equal for equal label sets, in whatever order they were written. */
export function labelsKey(labels: Labels): string {
  return Object.keys(labels)
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(labels[name])}`)
    .join(",");
}
