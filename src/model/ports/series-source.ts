// Where PromQL finds its series: the Head, history, a foreign Prometheus.
import type { SeriesView } from "../series.ts";
import type { TimeRange } from "../time.ts";

export interface LabelMatcher {
  readonly name: string;
  readonly op: "=" | "!=" | "=~" | "!~";
  readonly value: string;
}

export interface SeriesSource {
  /** Every series that has a point in the range and satisfies all matchers (`__name__` is a label like any other). */
  select(matchers: readonly LabelMatcher[], range: TimeRange): readonly SeriesView[] | Promise<readonly SeriesView[]>;
}
