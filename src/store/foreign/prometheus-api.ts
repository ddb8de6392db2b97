// The HTTP API of somebody else's Prometheus: GET only, a few requests at once, spaced, tried again where that can help.
import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs } from "../../model/time.ts";
import { isStoreError, storeError } from "../errors.ts";

export interface PrometheusApiOptions {
  /** Its address, with the path before `/api/v1` where there is one. */
  readonly url: string;
  /** Value of the Authorization header. */
  readonly authorization?: string;
  /** Requests a second in the long run. Default 5. */
  readonly requestsPerSecond?: number;
  /** Requests under way at once. Default 1. */
  readonly concurrency?: number;
  /** How often a request is tried that was not answered (or with 429 or 5xx). Default 1. */
  readonly attempts?: number;
  /** Wait before the second try; doubled for each further one. Default 500 ms. */
  readonly retryMs?: DurationMs;
  readonly timeoutMs?: DurationMs;
  /** Longest answer read. Default 256 MiB. */
  readonly answerBytesMax?: number;
}

export interface PrometheusApi {
  /**
   * What `/api/v1/<path>` answers, as `read` takes it; `read` gives undefined for what it does not know. Rejects with a StoreError:
   * `unavailable` (not there, or not now) or `refused`, which says which address and what to do.
   */
  get<T>(
    path: string,
    parameters: Readonly<Record<string, string>>,
    read: (json: unknown) => T | undefined,
  ): Promise<T>;
}

/** What went wrong, beside the words: the status, and whether the answer was too much to give. */
export interface PrometheusTrouble {
  readonly status?: number;
  readonly tooMuch?: boolean;
}

const errorSchema = z.object({ status: z.literal("error"), error: z.string() });
const retryMaxMs = 15_000;
/** What Prometheus, Thanos, Mimir and VictoriaMetrics say of a query that reads too much. */
const tooMuchSaid =
  /too many samples|exceeded maximum|maximum resolution|limit|too large|timed out|timeout|out of memory/i;

export function createPrometheusApi(options: PrometheusApiOptions, telemetry: Telemetry): PrometheusApi {
  const { requestsPerSecond = 5, timeoutMs = 60_000, answerBytesMax = 256 * 2 ** 20 } = options;
  const { concurrency = 1, attempts = 1, retryMs = 500 } = options;
  const base = options.url.replace(/\/+$/, "");
  let lanes: Promise<unknown>[] = Array.from({ length: concurrency }, () => Promise.resolve());
  let next = 0;

  /** One request after another in each lane, spaced so that the rate holds. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const lane = next++ % lanes.length;
    const result = (lanes[lane] as Promise<unknown>).then(work);
    const spaceMs = (1000 * concurrency) / requestsPerSecond;
    lanes = lanes.with(
      lane,
      result.catch(() => {}).then(() => wait(spaceMs, undefined, { ref: false })),
    );
    return result;
  };

  async function once<T>(path: string, query: URLSearchParams, read: (json: unknown) => T | undefined): Promise<T> {
    telemetry.count("homeostat.store.foreign_requests", 1, { source: "prometheus" });
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}/api/v1/${path}?${query}`, {
        headers: options.authorization === undefined ? {} : { authorization: options.authorization },
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await readText(response, answerBytesMax);
    } catch (error) {
      const why =
        error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
      throw failure(
        "unavailable",
        `The Prometheus at ${base} did not answer (${why}); check its address and that it runs.`,
        // Whoever cannot be reached at all was not asked too much.
        { tooMuch: /longer than|timeout/i.test(why) && !/connect timeout/i.test(why) },
      );
    }
    const json = jsonOf(text);
    const answer = response.ok ? read(json) : undefined;
    if (answer !== undefined) return answer;
    const said = errorSchema.safeParse(json);
    const why = said.success ? said.data.error : `status ${response.status}, not an answer of Prometheus's API`;
    const { status } = response;
    const tooMuch = said.success && (status === 422 || status === 400 || status === 503) && tooMuchSaid.test(why);
    const kind = status >= 500 || status === 429 ? "unavailable" : "refused";
    throw failure(kind, `The Prometheus at ${base} refused: ${why.slice(0, 300)}`, { status, tooMuch });
  }

  return {
    get: (path, parameters, read) =>
      inTurn(async () => {
        const query = new URLSearchParams(parameters);
        for (let attempt = 1; ; attempt++) {
          try {
            return await once(path, query, read);
          } catch (error) {
            const again = isStoreError(error) && error.kind === "unavailable" && !troubleOf(error).tooMuch;
            if (!again || attempt >= attempts) throw error;
            telemetry.count("homeostat.store.foreign_retries", 1, { source: "prometheus" });
            await wait(Math.min(retryMaxMs, retryMs * 2 ** (attempt - 1)));
          }
        }
      }),
  };
}

/** Empty for an error that did not come from here. */
export function troubleOf(error: unknown): PrometheusTrouble {
  return error instanceof Error ? ((error as { readonly trouble?: PrometheusTrouble }).trouble ?? {}) : {};
}

/** Prometheus writes the values JSON has no word for as `NaN`, `+Inf` and `-Inf`. */
export function sampleOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

/** A reader for `get` of answers with a schema. */
export function as<S extends z.ZodType>(schema: S): (json: unknown) => z.output<S> | undefined {
  return (json) => {
    const parsed = schema.safeParse(json);
    return parsed.success ? parsed.data : undefined;
  };
}

function failure(kind: "unavailable" | "refused", message: string, trouble: PrometheusTrouble): Error {
  return Object.assign(storeError(kind, message), { trouble });
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
