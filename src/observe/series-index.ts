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
  names(): Iterable<string>;
  /** Series that satisfy all matchers. Remembered for as long as the list of matchers is the same object and no series of the name comes or goes. */
  matching(matchers: readonly LabelMatcher[]): readonly Selectable[];
}

export function createSeriesIndex(): SeriesIndex {
  const byName = new Map<string, Set<Selectable>>();
  const remembered = new WeakMap<
    readonly LabelMatcher[],
    { readonly version: number; readonly found: readonly Selectable[] }
  >();
  /** Counts comings and goings; of those of one name the last count, so that no name has a count twice. */
  let version = 0;
  const versions = new Map<string, number>();

  const changed = (name: string): void => {
    version++;
    versions.set(name, version);
  };
  const versionFor = (matchers: readonly LabelMatcher[]): number => {
    const exact = matchers.find(({ name, op }) => name === METRIC_NAME && op === "=");
    return exact === undefined ? version : (versions.get(exact.value) ?? 0);
  };
  const find = (matchers: readonly LabelMatcher[]): Selectable[] => {
    const accepts = compileMatchers(matchers.filter((matcher) => matcher.name !== METRIC_NAME));
    const found: Selectable[] = [];
    for (const name of wantedNames(byName.keys(), matchers)) {
      for (const selectable of byName.get(name) ?? []) if (accepts(selectable.labels)) found.push(selectable);
    }
    return found;
  };

  return {
    add(selectables) {
      for (const selectable of selectables) {
        const name = selectable.labels[METRIC_NAME] ?? "";
        changed(name);
        const known = byName.get(name);
        if (known === undefined) byName.set(name, new Set([selectable]));
        else known.add(selectable);
      }
    },
    remove(selectables) {
      for (const selectable of selectables) {
        const name = selectable.labels[METRIC_NAME] ?? "";
        changed(name);
        const known = byName.get(name);
        known?.delete(selectable);
        if (known?.size !== 0) continue;
        byName.delete(name);
        versions.delete(name);
      }
    },
    names: () => byName.keys(),
    matching(matchers) {
      const known = remembered.get(matchers);
      const version = versionFor(matchers);
      if (known?.version === version) return known.found;
      const found = find(matchers);
      remembered.set(matchers, { version, found });
      return found;
    },
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
  const out: SeriesView[] = [];
  for (const selectable of index.matching(matchers)) {
    const view = viewOf(selectable, range);
    if (view !== undefined) out.push(view);
  }
  const canonical = wantedNames(canonicalByMetric.keys(), matchers).filter((name) => canonicalByMetric.has(name));
  if (canonical.length === 0) return out;
  const accepts = compileMatchers(matchers.filter((matcher) => matcher.name !== METRIC_NAME));
  const offer = (selectable: Selectable): void => {
    if (!accepts(selectable.labels)) return;
    const view = viewOf(selectable, range);
    if (view !== undefined) out.push(view);
  };
  for (const name of canonical) {
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

function wantedNames(names: Iterable<string>, matchers: readonly LabelMatcher[]): readonly string[] {
  const onName = matchers.filter((matcher) => matcher.name === METRIC_NAME);
  const exact = onName.find((matcher) => matcher.op === "=");
  const candidates = exact !== undefined ? [exact.value] : names;
  const tests = onName.map(compileMatcher);
  return [...candidates].filter((name) => tests.every((test) => test(name)));
}
