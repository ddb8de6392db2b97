// A Prometheus that is already there, read as history: GET only, a few requests a second, never more than it is asked for.
import { z } from "zod";
import type { Labels } from "../../model/labels.ts";
import type { LabelMatcher, SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { SeriesView } from "../../model/series.ts";
import type { TimeRange } from "../../model/time.ts";
import { as, createPrometheusApi, type PrometheusApi, type PrometheusApiOptions, sampleOf } from "./prometheus-api.ts";

export interface ForeignPrometheus extends SeriesSource {
  labelSets(matchers: readonly LabelMatcher[], range: TimeRange): Promise<readonly Labels[]>;
}

const answerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    resultType: z.literal("matrix"),
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])).default([]),
      }),
    ),
  }),
});
const seriesSchema = z.object({ status: z.literal("success"), data: z.array(z.record(z.string(), z.string())) });
/** Prometheus refuses an unbounded selector; every series has a name. */
const anyName: LabelMatcher = { name: "__name__", op: "=~", value: ".+" };

/**
 * Reads raw samples: a range selector as an instant query gives them as they were scraped. Native histograms are left out.
 * Rejects with a StoreError (`unavailable`, `refused`) that says which address and what to do.
 */
export function createForeignPrometheus(options: PrometheusApiOptions, telemetry: Telemetry): ForeignPrometheus {
  return sourceOver(createPrometheusApi(options, telemetry));
}

export function sourceOver(api: PrometheusApi): ForeignPrometheus {
  return {
    async select(matchers, range) {
      const lengthMs = Math.max(1, Math.ceil(range.to - range.from));
      // Ranges are open on the left and closed on the right; ours are the other way round.
      const parameters = { query: `${selectorOf(matchers)}[${lengthMs}ms]`, time: ((range.to - 1) / 1000).toFixed(3) };
      return (await api.get("query", parameters, as(answerSchema))).data.result.flatMap(viewOf);
    },
    async labelSets(matchers, range) {
      const parameters = {
        "match[]": selectorOf(matchers),
        start: (range.from / 1000).toFixed(3),
        end: ((range.to - 1) / 1000).toFixed(3),
      };
      return (await api.get("series", parameters, as(seriesSchema))).data;
    },
  };
}

/** `{name="value",…}`; JSON's escapes are among PromQL's. */
export function selectorOf(matchers: readonly LabelMatcher[]): string {
  const bounded = matchers.some(({ op, value }) => (op === "=" && value !== "") || (op === "!=" && value === ""));
  const all = bounded ? matchers : [...matchers, anyName];
  return `{${all.map(({ name, op, value }) => `${name}${op}${JSON.stringify(value)}`).join(",")}}`;
}

function viewOf({ metric, values }: { metric: Labels; values: readonly (readonly [number, string])[] }): SeriesView[] {
  if (values.length === 0) return [];
  return [
    {
      labels: metric,
      length: values.length,
      times: Float64Array.from(values, ([seconds]) => Math.round(seconds * 1000)),
      values: Float64Array.from(values, ([, text]) => sampleOf(text)),
    },
  ];
}
