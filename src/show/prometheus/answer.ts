// Answers in the words of Prometheus's HTTP API, version 1.
import type { Response } from "express";
import type { Labels } from "../../model/labels.ts";
import { isQueryFailure } from "../../promql/errors.ts";
import type { QueryResult, Warning } from "../../promql/evaluate.ts";

export type ErrorType = "bad_data" | "execution" | "timeout" | "unavailable" | "not_found" | "internal";

/** Why a request of this API gets no result. Handlers throw it. */
export interface ApiFailure {
  readonly failed: ErrorType;
  readonly error: string;
}

export function badData(error: string): ApiFailure {
  return { failed: "bad_data", error };
}

const statusOf: Readonly<Record<ErrorType, number>> = {
  bad_data: 400,
  execution: 422,
  timeout: 503,
  unavailable: 503,
  not_found: 404,
  internal: 500,
};

export function sendSuccess(response: Response, data: unknown, warnings: readonly Warning[] = []): void {
  const texts = (level: Warning["level"]): string[] =>
    warnings.filter((one) => one.level === level).map(({ message }) => message);
  send(response, 200, {
    status: "success",
    data,
    ...(texts("warning").length > 0 ? { warnings: texts("warning") } : {}),
    ...(texts("info").length > 0 ? { infos: texts("info") } : {}),
  });
}

export function sendFailure(response: Response, { failed, error }: ApiFailure): void {
  if (statusOf[failed] === 503) response.set("retry-after", "5");
  send(response, statusOf[failed], { status: "error", errorType: failed, error });
}

/** What was thrown, in this API's words; undefined for what is none of its failures. */
export function failureOf(error: unknown): ApiFailure | undefined {
  if (isFailure(error)) return error;
  if (isQueryFailure(error)) {
    // Too many steps is the asker's doing, and known before anything is read.
    const failed = error.limit === "maxSteps" ? "bad_data" : error.reason === "source" ? "internal" : "execution";
    return { failed, error: error.message };
  }
  return undefined;
}

/** The result of an instant query at `at` (ms), or of a range query. */
export function resultOf(result: QueryResult, at: number): unknown {
  const seconds = at / 1000;
  switch (result.kind) {
    case "scalar":
      return { resultType: "scalar", result: [seconds, formatValue(result.value)] };
    case "string":
      return { resultType: "string", result: [seconds, result.value] };
    case "vector": {
      const samples = result.samples.map(({ labels, value }) => ({
        metric: labels,
        value: [seconds, formatValue(value)],
      }));
      return { resultType: "vector", result: samples };
    }
    case "matrix": {
      const series = result.series.map(({ labels, times, values }): { metric: Labels; values: [number, string][] } => {
        const points = new Array<[number, string]>(times.length);
        for (let i = 0; i < times.length; i++) points[i] = [times[i]! / 1000, formatValue(values[i]!)];
        return { metric: labels, values: points };
      });
      return { resultType: "matrix", result: series };
    }
  }
}

/** As Go writes floats with the shortest text: what JSON numbers cannot say is text too. */
export function formatValue(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Object.is(value, -0) ? "-0" : String(value);
}

function isFailure(error: unknown): error is ApiFailure {
  return typeof error === "object" && error !== null && typeof (error as Partial<ApiFailure>).failed === "string";
}

function send(response: Response, status: number, body: unknown): void {
  response.status(status).set("cache-control", "no-store").type("application/json").send(JSON.stringify(body));
}
