// A Prometheus that is already there, read as history: GET only, a few requests a second, never more than it is asked for.
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { Labels } from "../../model/labels.ts";
import type { LabelMatcher, SeriesSource } from "../../model/ports/series-source.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { SeriesView } from "../../model/series.ts";
import type { DurationMs, TimeRange } from "../../model/time.ts";
import { storeError } from "../errors.ts";

export interface ForeignPrometheusOptions {
  /** Its address, with the path before `/api/v1` where there is one. */
  readonly url: string;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  /** Requests a second in the long run. Default 5. */
  readonly requestsPerSecond?: number;
  readonly timeoutMs?: DurationMs;
  /** Longest answer read. Default 256 MiB. */
  readonly answerBytesMax?: number;
}

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
const errorSchema = z.object({ status: z.literal("error"), error: z.string() });
/** Prometheus refuses an unbounded selector; every series has a name. */
const anyName: LabelMatcher = { name: "__name__", op: "=~", value: ".+" };

/**
 * Reads raw samples: a range selector as an instant query gives them as they were scraped. Native histograms are left out.
 * Rejects with a StoreError (`unavailable`, `refused`) that says which address and what to do.
 */
export function createForeignPrometheus(options: ForeignPrometheusOptions, telemetry: Telemetry): ForeignPrometheus {
  const { requestsPerSecond = 5, timeoutMs = 60_000, answerBytesMax = 256 * 2 ** 20 } = options;
  const base = options.url.replace(/\/+$/, "");
  let turn: Promise<unknown> = Promise.resolve();

  /** One request after another, spaced so that the rate holds. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = turn.then(work);
    turn = result.catch(() => {}).then(() => wait(1000 / requestsPerSecond, undefined, { ref: false }));
    return result;
  };

  async function get<S extends z.ZodType>(path: string, parameters: URLSearchParams, schema: S): Promise<z.output<S>> {
    telemetry.count("homeostat.store.foreign_requests", 1, { source: "prometheus" });
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}/api/v1/${path}?${parameters}`, {
        headers: options.authorization === undefined ? {} : { authorization: options.authorization },
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await readText(response, answerBytesMax);
    } catch (error) {
      const why =
        error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
      throw storeError(
        "unavailable",
        `The Prometheus at ${base} did not answer (${why}); check its address and that it runs.`,
      );
    }
    const json = jsonOf(text);
    const parsed = schema.safeParse(json);
    if (response.ok && parsed.success) return parsed.data;
    const said = errorSchema.safeParse(json);
    const why = said.success ? said.data.error : `status ${response.status}, not an answer of Prometheus's API`;
    const kind = response.status >= 500 || response.status === 429 ? "unavailable" : "refused";
    throw storeError(kind, `The Prometheus at ${base} refused: ${why.slice(0, 300)}`);
  }

  return {
    select(matchers, range) {
      const lengthMs = Math.max(1, Math.ceil(range.to - range.from));
      const parameters = new URLSearchParams({
        // Ranges are open on the left and closed on the right; ours are the other way round.
        query: `${selectorOf(matchers)}[${lengthMs}ms]`,
        time: ((range.to - 1) / 1000).toFixed(3),
      });
      return inTurn(async () => (await get("query", parameters, answerSchema)).data.result.flatMap(viewOf));
    },
    labelSets(matchers, range) {
      const parameters = new URLSearchParams({
        "match[]": selectorOf(matchers),
        start: (range.from / 1000).toFixed(3),
        end: ((range.to - 1) / 1000).toFixed(3),
      });
      return inTurn(async () => (await get("series", parameters, seriesSchema)).data);
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
      values: Float64Array.from(values, ([, text]) => numberOf(text)),
    },
  ];
}

function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function readText(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += piece.byteLength;
    if (bytes > bytesMax)
      throw new Error(`the answer is longer than ${bytesMax} bytes; ask for less time or fewer series`);
    text += decoder.decode(piece, { stream: true });
  }
  return text + decoder.decode();
}
