// Series for PromQL tests, written as in test scripts.
import type { SeriesView } from "../../src/model/series.ts";
import { evaluateInstantSync, evaluateRange, type QueryOptions, type QueryResult } from "../../src/promql/evaluate.ts";
import { formatMetric } from "../../src/promql/metric.ts";
import { byText } from "../../src/promql/order.ts";
import { type ParsedQuery, parseQuery } from "../../src/promql/parse.ts";
import { readMetric, readPoints } from "../../src/promql/script/series.ts";
import { createScriptStore, type ScriptStore } from "../../src/promql/script/store.ts";

/** `lines` are `name{labels} values`, one point every `stepMs` from 0. */
export function storeOf(stepMs: number, ...lines: readonly string[]): ScriptStore {
  const store = createScriptStore();
  for (const line of lines) {
    const metric = readMetric(line);
    if ("error" in metric) throw new Error(metric.error);
    const points = readPoints(metric.rest);
    if ("error" in points) throw new Error(points.error);
    points.forEach((point, i) => {
      store.add(metric.labels, i * stepMs, point);
    });
  }
  return store;
}

export function parsed(text: string): ParsedQuery {
  const query = parseQuery(text);
  if ("errors" in query) throw new Error(query.errors.map((error) => error.message).join("; "));
  return query;
}

export function ask(store: ScriptStore, at: number, text: string, options?: QueryOptions): QueryResult {
  return evaluateInstantSync(parsed(text), at, store, options);
}

/** A result in one line a series, sorted, 12 digits: `name{a="b"} 1`. */
export function show(result: QueryResult): string[] {
  if (result.kind === "vector")
    return result.samples
      .map(({ labels, value }) => `${formatMetric(labels)} ${Number(value.toPrecision(12))}`)
      .sort(byText);
  if (result.kind === "matrix") {
    return result.series.map(({ labels, times, values }) => {
      const points = Array.from(times, (at, i) => `${values[i]}@${at / 1000}`);
      return `${formatMetric(labels)} ${points.join(" ")}`;
    });
  }
  return [String(result.value)];
}

export async function askRange(
  store: ScriptStore,
  from: number,
  to: number,
  stepMs: number,
  text: string,
): Promise<string[]> {
  return show(await evaluateRange(parsed(text), { from, to }, stepMs, store));
}

export function viewOf(
  labels: Record<string, string>,
  times: number[],
  values: number[],
  quality?: number[],
): SeriesView {
  const base = { labels, length: times.length, times: Float64Array.from(times), values: Float64Array.from(values) };
  return quality === undefined ? base : { ...base, quality: Uint8Array.from(quality) };
}
