// Prometheus's HTTP API, so that Grafana's Prometheus data source and its alerting work on Homeostat as they are.
import { z } from "zod";
import type { Call, Route } from "../route.ts";
import { failureOf, sendFailure } from "./answer.ts";
import {
  alerts,
  buildInfo,
  formatQuery,
  labelNames,
  labelValues,
  metadata,
  nothing,
  query,
  queryRange,
  rules,
  series,
} from "./handlers.ts";
import { type Parameters, parametersOf } from "./parameters.ts";

/** Where the whole API lies: `<address>/prometheus` is the URL of the data source. */
export const prometheusPath = "/prometheus";

interface Answering {
  readonly path: string;
  readonly summary: string;
  /** Grafana posts long queries as forms. */
  readonly form?: true;
  /** For the document; the handlers read them by Prometheus's own rules. */
  readonly parameters?: z.ZodRawShape;
  readonly answer: (call: Call, given: Parameters) => Promise<void> | void;
}

const text = (says: string, example: string) =>
  z
    .string()
    .describe(says)
    .meta({ examples: [example] });
const time = (says: string) => text(`${says}: RFC 3339 or Unix seconds.`, "1772366400");
const promql = text("PromQL.", "up");
const found = {
  "match[]": text("Series selector; may be given several times.", "up").optional(),
  start: time("Beginning, default an hour before the end").optional(),
  end: time("End, default now").optional(),
  limit: text("Most results.", "100").optional(),
};

const paths: readonly Answering[] = [
  {
    path: "/query",
    form: true,
    parameters: { query: promql, time: time("Default now").optional() },
    summary: "PromQL at one instant.",
    answer: query,
  },
  {
    path: "/query_range",
    form: true,
    parameters: {
      query: promql,
      start: time("Beginning"),
      end: time("End"),
      step: text("Step: a duration or seconds.", "15s"),
    },
    summary: "PromQL over a range, in steps.",
    answer: queryRange,
  },
  {
    path: "/format_query",
    form: true,
    parameters: { query: promql },
    summary: "The query, if it is one.",
    answer: formatQuery,
  },
  { path: "/query_exemplars", form: true, summary: "Exemplars: none are kept in memory yet.", answer: nothing },
  {
    path: "/series",
    form: true,
    parameters: { ...found, "match[]": text("Series selector; may be given several times.", "up") },
    summary: "Label sets that match.",
    answer: series,
  },
  { path: "/labels", form: true, parameters: found, summary: "Names of labels.", answer: labelNames },
  { path: "/label/:id/values", parameters: found, summary: "Values of a label.", answer: labelValues },
  {
    path: "/metadata",
    parameters: { metric: text("One metric only.", "up").optional(), limit: found.limit },
    summary: "Type and unit of metrics.",
    answer: metadata,
  },
  {
    path: "/rules",
    parameters: { type: text("alert or record.", "alert").optional() },
    summary: "Rules, their state and alerts.",
    answer: rules,
  },
  { path: "/alerts", summary: "Alerts that are pending, firing or unknown.", answer: alerts },
  { path: "/status/buildinfo", summary: "The Prometheus version whose API is spoken.", answer: buildInfo },
];

/** At `/prometheus/api/v1`, and at `/api/v1` too where Homeostat's own API has no such path (it has `alerts`). */
export const prometheusRoutes: readonly Route[] = paths.flatMap((one) => [
  ...routesOf(`${prometheusPath}/api/v1${one.path}`, one),
  ...(one.path === "/alerts" ? [] : routesOf(`/api/v1${one.path}`, one)),
]);

function routesOf(path: string, { summary, form, parameters = {}, answer }: Answering): Route[] {
  const route = (method: "get" | "post"): Route => ({
    method,
    path,
    needs: "viewer",
    summary: `Prometheus: ${summary}`,
    parameters: z.object(parameters),
    foreign: true,
    ...(method === "post" ? { form: true } : {}),
    answers: [
      {
        status: 200,
        says: "As Prometheus answers.",
        contentType: "application/json",
        schema: { ref: "PrometheusAnswer" },
      },
    ],
    async handle(call) {
      try {
        await answer(call, parametersOf(call.request));
      } catch (error) {
        const failure = failureOf(error);
        if (failure !== undefined) {
          sendFailure(call.response, failure);
          return;
        }
        call.deps.telemetry.log.error("a query failed", {
          error: error instanceof Error ? error.message : String(error),
        });
        call.deps.telemetry.count("homeostat.show.store_errors", 1);
        sendFailure(call.response, {
          failed: "unavailable",
          error: "the store did not answer; try again in a few seconds, /readyz says what is wrong",
        });
      }
    },
  });
  return form === undefined ? [route("get")] : [route("get"), route("post")];
}
