// Several histories as one: our own first, and what others have of before or beside it.
import { type Labels, labelsKey, METRIC_NAME } from "../model/labels.ts";
import type { LabelMatcher, SeriesSource } from "../model/ports/series-source.ts";
import type { TimeRange } from "../model/time.ts";

export interface LabelledSource extends SeriesSource {
  labelSets(matchers: readonly LabelMatcher[], range: TimeRange): Promise<readonly Labels[]>;
}

/**
 * Where two have a series of the same labels the earlier source's counts, whole. One that fails fails the whole: an answer
 * without it would be wrong in silence.
 */
export function createUnited(sources: readonly LabelledSource[]): LabelledSource {
  if (sources.length === 1) return sources[0]!;
  const distinct = <T>(found: readonly (readonly T[])[], labelsOf: (one: T) => Labels): T[] => {
    const byLabels = new Map<string, T>();
    for (const one of found.flat()) {
      const key = labelsKey(labelsOf(one));
      if (!byLabels.has(key)) byLabels.set(key, one);
    }
    return [...byLabels.values()];
  };
  return {
    async select(matchers, range) {
      const found = await Promise.all(sources.map((source) => source.select(matchers, range)));
      return distinct(found, (view) => view.labels);
    },
    async labelSets(matchers, range) {
      const found = await Promise.all(sources.map((source) => source.labelSets(matchers, range)));
      return distinct(found, (labels) => labels);
    },
  };
}

/**
 * The source, not asked for metrics of these names, which it cannot have. What rules record is never stored, and every
 * look back over it at a day of history would cost a query each time a rule is judged.
 */
export function createWithout(source: LabelledSource, names: ReadonlySet<string>): LabelledSource {
  const has = (matchers: readonly LabelMatcher[]): boolean =>
    !matchers.some(({ name, op, value }) => name === METRIC_NAME && op === "=" && names.has(value));
  return {
    select: (matchers, range) => (has(matchers) ? source.select(matchers, range) : []),
    labelSets: async (matchers, range) => (has(matchers) ? await source.labelSets(matchers, range) : []),
  };
}
