// Reading single numbers and facts out of telemetry.
import type { EntityId } from "../model/entity.ts";
import type { Labels } from "../model/labels.ts";
import type { LabelMatcher, SeriesSource } from "../model/ports/series-source.ts";
import { quality } from "../model/series.ts";
import type { Instant } from "../model/time.ts";
import { evaluateInstant } from "../promql/evaluate.ts";
import { parseQuery } from "../promql/parse.ts";

/** Label matcher for one entity, safe in a query; undefined for an id that could end the string. */
export function only(entity: EntityId): string | undefined {
  return /^[a-z]+:[\w./@:[\]-]{1,200}$/.test(entity) ? `entity="${entity}"` : undefined;
}

/** The first value a query gives; undefined when it gives none. Throws on a query that does not parse: that is a bug. */
export async function numberOf(expr: string, at: Instant, source: SeriesSource): Promise<number | undefined> {
  const query = parseQuery(expr);
  if ("errors" in query) throw new Error(query.errors.map(({ message }) => message).join("; "));
  const result = await evaluateInstant(query, at, source);
  const value =
    result.kind === "vector" ? result.samples[0]?.value : result.kind === "scalar" ? result.value : undefined;
  return value === undefined || Number.isNaN(value) ? undefined : value;
}

/** Labels of the series with the newest usable point in the last `ageMs`; info metrics keep their facts there. */
export async function newestLabels(
  matchers: readonly LabelMatcher[],
  at: Instant,
  ageMs: number,
  source: SeriesSource,
): Promise<Labels | undefined> {
  let newest: { at: number; labels: Labels } | undefined;
  for (const { labels, length, times, quality: flags } of await source.select(matchers, {
    from: at - ageMs,
    to: at + 1,
  })) {
    if (length === 0 || ((flags?.[length - 1] ?? 0) & (quality.STALE | quality.MISSING)) !== 0) continue;
    const time = times[length - 1]!;
    if (newest === undefined || time > newest.at) newest = { at: time, labels };
  }
  return newest?.labels;
}
