// Chunks of a Prometheus's history: raw samples as they were scraped, or every so often where a range is too long for that.
import { type Labels, labelsKey, METRIC_NAME } from "../../model/labels.ts";
import type { RawSeries } from "../../model/ports/telemetry-reader.ts";
import { isCounter, targetResource } from "../../model/prometheus.ts";
import type { DurationMs, TimeRange } from "../../model/time.ts";
import type { ChunkReader, SliceBuilder } from "./chunks.ts";
import { createSliceBuilder } from "./chunks.ts";
import { type PrometheusApi, sampleOf, troubleOf } from "./prometheus-api.ts";

export interface PrometheusNames {
  /** Of all series with samples in the range. */
  readonly names: readonly string[];
  /** Types by metric family, from its metadata; empty where it keeps none. */
  readonly types: ReadonlyMap<string, string>;
}

export interface PrometheusChunkOptions {
  readonly names: readonly string[];
  readonly types: ReadonlyMap<string, string>;
  /** Distance of the samples asked for; undefined: as they were scraped. */
  readonly stepMs?: DurationMs;
  readonly seriesMax: number;
}

interface Row {
  readonly metric: Labels;
  readonly values?: readonly (readonly [number, string])[];
}

/** Selectors go into an address: proxies take some 8,000 characters, and escapes make them longer. */
const groupCharsMax = 1500;
const groupMax = 60;
/** A query that is too much is halved, down to this much time of one metric. */
const leastMs = 30_000;

/** Rejects with a StoreError where it cannot be reached, refuses, or is no Prometheus. */
export async function namesIn(api: PrometheusApi, range: TimeRange): Promise<PrometheusNames> {
  const about = { start: seconds(range.from), end: seconds(range.to) };
  const names = await api.get(`label/${METRIC_NAME}/values`, about, (json) => dataOf(json, isTexts));
  const types = new Map<string, string>();
  // Some that speak the API keep no metadata: then names tell.
  const metadata = await api.get("metadata", {}, (json) => dataOf(json, isTree)).catch(() => ({}));
  for (const [family, facts] of Object.entries(metadata)) {
    const type = Array.isArray(facts) ? (facts[0] as { type?: unknown } | undefined)?.type : undefined;
    if (typeof type === "string" && type !== "unknown" && type !== "untyped") types.set(family, type);
  }
  return { names, types };
}

/** Series are as a Prometheus's remote write would have sent them. Native histograms are left out. */
export function createPrometheusChunks(api: PrometheusApi, options: PrometheusChunkOptions): ChunkReader {
  const { names, types, stepMs, seriesMax } = options;
  const groups = grouped(names);
  const known = new Map<string, number>();
  let left = 0;

  /** Number of the series, its hash; undefined where there is no room for another. */
  function numberOf(labels: Labels, found: RawSeries[], refused: Set<string>): number | undefined {
    const key = labelsKey(labels);
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= seriesMax) {
      refused.add(key);
      return undefined;
    }
    const number = known.size + 1;
    known.set(key, number);
    found.push(seriesOf(String(number), labels, types));
    return number;
  }

  async function rowsOf(group: readonly string[], range: TimeRange): Promise<readonly (readonly Row[])[]> {
    try {
      return [await ask(api, group, range, stepMs)];
    } catch (error) {
      if (!troubleOf(error).tooMuch) throw error;
      const halves = halved(group, range);
      if (halves === undefined) throw error;
      return (await Promise.all(halves.map((half) => rowsOf(...half)))).flat();
    }
  }

  return {
    left: () => left,
    async read(range, sliceMs) {
      const builder = createSliceBuilder(range, sliceMs);
      const series: RawSeries[] = [];
      // A query that was halved tells of the same series twice, and so does every read.
      const refused = new Set<string>();
      await Promise.all(
        groups.map(async (group) => {
          for (const { metric, values } of (await rowsOf(group, range)).flat()) {
            const number = numberOf(metric, series, refused);
            if (number !== undefined) take(builder, number, values ?? []);
          }
        }),
      );
      left = Math.max(left, refused.size);
      return { series, ...builder.finish() };
    },
  };
}

function take(builder: SliceBuilder, number: number, values: readonly (readonly [number, string])[]): void {
  const point = { at: 0, start: 0, value: 0, count: 0, buckets: [], flags: 0 };
  for (const [at, text] of values) {
    point.at = Math.round(at * 1000);
    point.value = sampleOf(text);
    builder.add(number, 0, point);
  }
}

async function ask(
  api: PrometheusApi,
  names: readonly string[],
  { from, to }: TimeRange,
  stepMs: DurationMs | undefined,
): Promise<readonly Row[]> {
  const selector = `{${METRIC_NAME}=~${JSON.stringify(names.map(escaped).join("|"))}}`;
  if (stepMs !== undefined) {
    const start = Math.ceil(from / stepMs) * stepMs;
    if (start >= to) return [];
    const parameters = { query: selector, start: seconds(start), end: seconds(to - 1), step: seconds(stepMs) };
    return await api.get("query_range", parameters, matrixOf);
  }
  // Ranges are open on the left and closed on the right; ours are the other way round.
  const query = `${selector}[${Math.ceil(to - from)}ms]`;
  return await api.get("query", { query, time: seconds(to - 1) }, matrixOf);
}

/** Not gone through sample by sample: there may be half a million, and a wrong one is NaN. */
function matrixOf(json: unknown): readonly Row[] | undefined {
  const data = dataOf(json, isTree);
  if (data?.["resultType"] !== "matrix" || !Array.isArray(data["result"])) return undefined;
  const rows = data["result"] as readonly unknown[];
  const fits = (row: unknown): row is Row =>
    isTree(row) && isTree(row["metric"]) && (row["values"] === undefined || Array.isArray(row["values"]));
  return rows.every(fits) ? rows : undefined;
}

function seriesOf(hash: string, labels: Labels, types: ReadonlyMap<string, string>): RawSeries {
  const { [METRIC_NAME]: metric = "", job = "", instance = "", ...attributes } = labels;
  const counter = isCounter(metric, (family) => types.get(family));
  return {
    hash,
    metric,
    kind: counter ? "sum" : "gauge",
    unit: "",
    cumulative: true,
    monotonic: counter,
    service: job,
    resource: targetResource(job, instance),
    attributes,
    bounds: [],
  };
}

function grouped(names: readonly string[]): readonly (readonly string[])[] {
  const groups: string[][] = [];
  let chars = Number.POSITIVE_INFINITY;
  for (const name of names.toSorted()) {
    if (chars + name.length > groupCharsMax || (groups.at(-1)?.length ?? 0) >= groupMax) {
      groups.push([]);
      chars = 0;
    }
    groups.at(-1)?.push(name);
    chars += name.length + 1;
  }
  return groups;
}

function halved(
  names: readonly string[],
  { from, to }: TimeRange,
): readonly (readonly [readonly string[], TimeRange])[] | undefined {
  if (names.length > 1) {
    const middle = Math.ceil(names.length / 2);
    return [names.slice(0, middle), names.slice(middle)].map((half) => [half, { from, to }] as const);
  }
  if (to - from < 2 * leastMs) return undefined;
  const middle = Math.floor((from + to) / 2);
  return [
    [names, { from, to: middle }],
    [names, { from: middle, to }],
  ];
}

function dataOf<T>(json: unknown, fits: (data: unknown) => data is T): T | undefined {
  if (!isTree(json) || json["status"] !== "success") return undefined;
  return fits(json["data"]) ? json["data"] : undefined;
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}

function escaped(name: string): string {
  return name.replace(/[^\w:]/g, "\\$&");
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
