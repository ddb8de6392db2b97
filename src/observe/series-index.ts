// Finding series by their labels: raw ones through an index by metric name, canonical ones through their replicas.
import { METRIC_NAME } from "../model/labels.ts";
import type { LabelMatcher } from "../model/ports/series-source.ts";
import type { SeriesView } from "../model/series.ts";
import { catalogue } from "../model/signal.ts";
import type { TimeRange } from "../model/time.ts";
import { compileMatcher, compileMatchers } from "../promql/matcher.ts";
import type { EntityState } from "./canonical.ts";
import { type Selectable, viewOf } from "./selection.ts";

export interface SeriesIndex {
  add(selectables: readonly Selectable[]): void;
  remove(selectables: readonly Selectable[]): void;
  named(name: string): Iterable<Selectable>;
  names(): Iterable<string>;
}

export function createSeriesIndex(): SeriesIndex {
  const byName = new Map<string, Set<Selectable>>();
  const none: readonly Selectable[] = [];
  return {
    add(selectables) {
      for (const selectable of selectables) {
        const name = selectable.labels[METRIC_NAME] ?? "";
        const known = byName.get(name);
        if (known === undefined) byName.set(name, new Set([selectable]));
        else known.add(selectable);
      }
    },
    remove(selectables) {
      for (const selectable of selectables) {
        const name = selectable.labels[METRIC_NAME] ?? "";
        const known = byName.get(name);
        known?.delete(selectable);
        if (known?.size === 0) byName.delete(name);
      }
    },
    named: (name) => byName.get(name) ?? none,
    names: () => byName.keys(),
  };
}

const canonicalByMetric = new Map(catalogue.map((signal, index) => [signal.metric, index]));

/** Every series with a point in the range that satisfies all matchers. Throws on a matcher that is not RE2. */
export function selectFrom(
  index: SeriesIndex,
  states: readonly EntityState[],
  matchers: readonly LabelMatcher[],
  range: TimeRange,
): readonly SeriesView[] {
  const accepts = compileMatchers(matchers.filter((matcher) => matcher.name !== METRIC_NAME));
  const out: SeriesView[] = [];
  const offer = (selectable: Selectable): void => {
    if (!accepts(selectable.labels)) return;
    const view = viewOf(selectable, range);
    if (view !== undefined) out.push(view);
  };
  for (const name of wantedNames(index, matchers)) {
    for (const selectable of index.named(name)) offer(selectable);
    const signal = canonicalByMetric.get(name);
    if (signal === undefined) continue;
    for (const state of states) {
      const history = state.tracked.get(signal)?.history;
      if (history === undefined) continue;
      for (const { labels, columns } of history.ended) offer({ labels, columns, column: 0 });
      if (history.labels !== undefined) offer({ labels: history.labels, columns: history.columns, column: 0 });
    }
  }
  return out;
}

function wantedNames(index: SeriesIndex, matchers: readonly LabelMatcher[]): Iterable<string> {
  const onName = matchers.filter((matcher) => matcher.name === METRIC_NAME);
  const exact = onName.find((matcher) => matcher.op === "=");
  const candidates = exact !== undefined ? [exact.value] : new Set([...index.names(), ...canonicalByMetric.keys()]);
  const tests = onName.map(compileMatcher);
  return [...candidates].filter((name) => tests.every((test) => test(name)));
}
