// Raw points for tests of the Head: a reader over a list, and series as a vLLM replica sends them.
import type { Labels } from "../../src/model/labels.ts";
import type { Telemetry } from "../../src/model/ports/telemetry.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type {
  PointKind,
  RawPage,
  RawPoint,
  RawSeries,
  TelemetryReader,
} from "../../src/model/ports/telemetry-reader.ts";

export interface ListReader extends TelemetryReader {
  push(series: readonly RawSeries[], points: readonly RawPoint[]): void;
}

/** Gives what was pushed, in pages of at most `pageMax` points; definitions go out once. */
export function listReader(pageMax = Number.POSITIVE_INFINITY): ListReader {
  const points: RawPoint[] = [];
  let fresh: RawSeries[] = [];
  return {
    push(series, more) {
      fresh.push(...series);
      for (const point of more) points.push(point);
    },
    metricsAfter(cursor, notBefore): Promise<RawPage> {
      const from = cursor === "" ? 0 : Number(cursor);
      const to = Math.min(points.length, from + pageMax);
      const series = fresh;
      fresh = [];
      const page = points.slice(from, to).filter((point) => point.at >= notBefore);
      return Promise.resolve({ series, points: page, cursor: String(to) });
    },
  };
}

export function rawSeries(
  metric: string,
  kind: PointKind,
  options: {
    readonly instance?: string;
    readonly attributes?: Labels;
    readonly resource?: Labels;
    readonly cumulative?: boolean;
    readonly bounds?: readonly number[];
    readonly monotonic?: boolean;
  } = {},
): RawSeries {
  const { instance = "vllm-0", attributes = { model_name: "m1" }, cumulative = true, bounds = [] } = options;
  const resource = { "service.name": "chat", "service.instance.id": instance, ...options.resource };
  return {
    hash: JSON.stringify([metric, kind, resource, attributes, cumulative, bounds]),
    metric,
    kind,
    unit: "",
    cumulative,
    monotonic: options.monotonic ?? kind === "sum",
    service: resource["service.name"],
    resource,
    attributes,
    bounds,
  };
}

export function point(series: RawSeries, at: number, value: number, more: Partial<RawPoint> = {}): RawPoint {
  return { hash: series.hash, at, start: 1, value, count: 0, buckets: [], flags: 0, ...more };
}

/** A histogram point from cumulative-in-time, plain bucket counts. */
export function histogramPoint(
  series: RawSeries,
  at: number,
  buckets: readonly number[],
  more: Partial<RawPoint> = {},
): RawPoint {
  const count = buckets.reduce((sum, bucket) => sum + bucket, 0);
  return point(series, at, count * 0.1, { count, buckets, ...more });
}

/** Telemetry that adds its counts up under `name` or `name/reason`. */
export function countingTelemetry(): Telemetry & { readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  return {
    ...silentTelemetry,
    counts,
    count(name, amount = 1, attributes) {
      const key = attributes?.["reason"] === undefined ? name : `${name}/${attributes["reason"]}`;
      counts.set(key, (counts.get(key) ?? 0) + amount);
    },
  };
}
