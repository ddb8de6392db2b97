// Exposition pages on their way into a Head as they really go: parsed, made OTLP, decoded to columns, read back as points.
import { readFileSync } from "node:fs";
import type { Labels } from "../../src/model/labels.ts";
import type { PointKind, RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import { targetResource } from "../../src/model/prometheus.ts";
import { createDecoder } from "../../src/receive/decoder.ts";
import { type Family, parseExposition } from "../../src/receive/prometheus/exposition.ts";
import { createStartTimes } from "../../src/receive/prometheus/start-times.ts";
import { pageToOtlp } from "../../src/receive/prometheus/to-otlp.ts";
import { type Row, rowsOf } from "../receive/read-native.ts";

export interface RawPair {
  readonly series: readonly RawSeries[];
  readonly points: readonly RawPoint[];
}

const limits = { samplesMax: 100_000, labelsMax: 128, labelBytesMax: 4096 };

export function familiesOf(file: string): readonly Family[] {
  const page = parseExposition(readFileSync(`test/fixtures/signals/${file}`, "utf8"), limits);
  if (page.badLines > 0) throw new Error(`${file}: ${page.problems.join("; ")}`);
  return page.families;
}

/**
 * The page twice, `apartMs` apart: first with half of everything that counts, then as it is. So every rate is half a
 * counter over the time between, and every quantile that of the histogram on the page. `sent` is how it goes over the wire.
 */
export function twoScrapes(
  families: readonly Family[],
  job: string,
  atMs: number,
  apartMs: number,
  sent: (families: readonly Family[]) => readonly Family[] = (same) => same,
): RawPair {
  const halved = families.map((family) => {
    const counts = family.type === "counter" || family.type === "histogram" || family.name === "node_vmstat_oom_kill";
    return counts ? { ...family, samples: family.samples.map((one) => ({ ...one, value: one.value / 2 })) } : family;
  });
  const starts = createStartTimes(100_000);
  const decoder = createDecoder({ window: null, seriesPerMetric: 100_000, privacy: { content: "keep" } });
  const resource = targetResource(job, `${job}-host:8000`);
  for (const [page, at] of [
    [halved, atMs - apartMs],
    [families, atMs],
  ] as const) {
    const answer = decoder.decode(
      "metrics",
      "protobuf",
      pageToOtlp({ families: sent(page), resource, atMs: at, starts }),
      at,
    );
    if (answer.kind !== "decoded" || answer.rejected > 0) throw new Error(answer.says);
  }
  const series = new Map<string, RawSeries>();
  const points: RawPoint[] = [];
  for (const batch of decoder.seal().batches) {
    const kind = kinds[batch.table];
    if (kind === undefined) continue;
    for (const row of rowsOf(batch)) {
      const hash = String(row["SeriesHash"]);
      if (!series.has(hash)) series.set(hash, seriesOf(row, hash, kind));
      points.push(pointOf(row, hash, kind));
    }
  }
  return { series: [...series.values()], points };
}

/** The same as Prometheus remote write sends it: every bucket, sum and count a series of its own, types lost. */
export function inPieces(families: readonly Family[]): readonly Family[] {
  return families.flatMap((family) => {
    const names = new Set(family.samples.map((sample) => sample.name));
    return [...names].map((name): Family => {
      const type = /_(total|bucket|count)$/.test(name) ? "counter" : "gauge";
      return { ...family, name, type, samples: family.samples.filter((sample) => sample.name === name) };
    });
  });
}

const kinds: Readonly<Record<string, PointKind>> = {
  otel_metrics_gauge: "gauge",
  otel_metrics_sum: "sum",
  otel_metrics_histogram: "histogram",
};

function seriesOf(row: Row, hash: string, kind: PointKind): RawSeries {
  return {
    hash,
    metric: String(row["MetricName"]),
    kind,
    unit: String(row["MetricUnit"]),
    cumulative: row["AggregationTemporality"] === 2,
    monotonic: kind === "histogram" || row["IsMonotonic"] === true,
    service: String(row["ServiceName"]),
    resource: labelsOf(row["ResourceAttributes"]),
    attributes: labelsOf(row["Attributes"]),
    bounds: (row["ExplicitBounds"] as number[] | undefined) ?? [],
  };
}

function pointOf(row: Row, hash: string, kind: PointKind): RawPoint {
  const ms = (name: string): number => Number((row[name] as bigint) / 1_000_000n);
  return {
    hash,
    at: ms("TimeUnix"),
    start: ms("StartTimeUnix"),
    value: Number(row[kind === "histogram" ? "Sum" : "Value"]),
    count: Number(row["Count"] ?? 0),
    buckets: ((row["BucketCounts"] as bigint[] | undefined) ?? []).map(Number),
    flags: Number(row["Flags"]),
  };
}

function labelsOf(pairs: unknown): Labels {
  return Object.fromEntries(pairs as [string, string][]);
}
