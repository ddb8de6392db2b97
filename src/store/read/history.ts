// Stored metric points by event time, for queries that reach further back than the Head.
import { temporalities } from "../../model/otel-schema.ts";
import type { StoredMetric, TelemetryHistory } from "../../model/ports/telemetry-history.ts";
import type { PointKind, RawPoint, RawSeries } from "../../model/ports/telemetry-reader.ts";
import type { Instant, TimeRange } from "../../model/time.ts";
import type { Database } from "../database.ts";
import { clamp } from "./records.ts";
import { numberOf, type PointRow, pointOf, type SeriesRow, seriesOf } from "./telemetry-reader.ts";

const kinds = { Gauge: "gauge", Sum: "sum", Histogram: "histogram" } as const;
const kindText = `multiIf(MetricType = 'Gauge', 'gauge', MetricType = 'Sum', 'sum', 'histogram')`;
const readable = `MetricType IN (${Object.keys(kinds)
  .map((type) => `'${type}'`)
  .join(", ")})`;
const temporality = `toInt32(indexOf([${temporalities.map((text) => `'${text}'`).join(", ")}], toString(Temporality)) - 1)`;
/** Hashes named in one statement: with twenty digits each they stay below the engine's limit of a statement's length. */
const hashesAtOnce = 8000;
const pagePoints = 50_000;
const rollupMs = 60_000;

export function createTelemetryHistory(database: Database): TelemetryHistory {
  const identities = database.table("otel_metrics_series");
  const rollup = database.table("metrics_1m");
  const tables: Readonly<Record<PointKind, string>> = {
    gauge: database.table("otel_metrics_gauge"),
    sum: database.table("otel_metrics_sum"),
    histogram: database.table("otel_metrics_histogram"),
  };

  const rolledUpTo = async (): Promise<Instant> => {
    const [[at] = [0]] = await database.select<[number]>(
      `SELECT toFloat64(toUnixTimestamp64Milli(max(upTo))) FROM ${database.table("metrics_rollup_state")}`,
    );
    return at;
  };

  async function* rawPoints(series: readonly RawSeries[], range: TimeRange): AsyncIterable<readonly RawPoint[]> {
    for (const [kind, members] of byKind(series)) {
      const numbers =
        kind === "histogram" ? "Sum, toFloat64(Count), arrayMap(x -> toFloat64(x), BucketCounts)" : "Value, 0., []";
      for (const part of chunks(members)) {
        for (let after = "0"; ; ) {
          const rows = await database.select<PointRow>(
            `SELECT toString(toUnixTimestamp64Nano(TimeUnix)), toString(SeriesHash), toFloat64(toUnixTimestamp64Milli(TimeUnix)),
              toFloat64(toUnixTimestamp64Milli(StartTimeUnix)), ${numbers}, Flags FROM ${tables[kind]}
              WHERE ${where(part)} AND TimeUnix >= fromUnixTimestamp64Milli({from:Int64})
                AND TimeUnix < fromUnixTimestamp64Milli({to:Int64}) AND TimeUnix > fromUnixTimestamp64Nano({after:Int64})
              ORDER BY TimeUnix LIMIT ${pagePoints} WITH TIES`,
            { ...part.names, ...clamped(range), after },
          );
          if (rows.length > 0) yield rows.map(pointOf);
          if (rows.length < pagePoints) break;
          after = rows.at(-1)![0];
        }
      }
    }
  }

  async function* thinPoints(series: readonly RawSeries[], range: TimeRange): AsyncIterable<readonly RawPoint[]> {
    const definitions = new Map(series.map((one) => [one.hash, one]));
    for (const part of chunks(series)) {
      for (let after = range.from - rollupMs; after < range.to; ) {
        const rows = await database.select<ThinRow>(
          `SELECT toString(SeriesHash), toFloat64(toUnixTimestamp(Bucket)) * 1000, toFloat64(toUnixTimestamp64Milli(LastAt)),
            Last, Increase, Sum, toFloat64(LastCount), toFloat64(CountIncrease), arrayMap(x -> toFloat64(x), LastBuckets),
            arrayMap(x -> toFloat64(x), SumBuckets) FROM ${rollup} FINAL
            WHERE ${where(part)} AND Bucket > toDateTime({after:Int64}) AND Bucket < toDateTime({before:Int64})
              AND LastAt >= fromUnixTimestamp64Milli({from:Int64}) AND LastAt < fromUnixTimestamp64Milli({to:Int64})
            ORDER BY Bucket LIMIT ${pagePoints} WITH TIES`,
          { ...part.names, ...clamped(range), after: Math.floor(after / 1000), before: Math.ceil(range.to / 1000) },
        );
        if (rows.length > 0) yield rows.map((row) => thinPoint(definitions.get(row[0])!, row));
        if (rows.length < pagePoints) break;
        after = rows.at(-1)![1];
      }
    }
  }

  return {
    async metrics(range) {
      const rows = await database.select<[string, PointKind, string]>(
        `SELECT MetricName, ${kindText} AS kind, any(Unit) FROM ${identities}
          WHERE ${readable} AND ${days} GROUP BY MetricName, kind ORDER BY MetricName`,
        clamped(range),
      );
      return rows.map(([metric, kind, unit]): StoredMetric => ({ metric, kind, unit }));
    },
    async series(metrics, range, limit) {
      if (metrics.length === 0) return [];
      const rows = await database.select<SeriesRow>(
        `SELECT toString(SeriesHash), MetricName, ${kindText}, Unit, ${temporality}, toUInt8(IsMonotonic), ServiceName,
            ResourceAttributes, Attributes, ExplicitBounds FROM ${identities}
          WHERE ${readable} AND MetricName IN {metrics:Array(String)} AND ${days}
          LIMIT 1 BY SeriesHash LIMIT ${Math.floor(limit)}`,
        { ...clamped(range), metrics },
      );
      return rows.map(seriesOf);
    },
    async countPoints(series, range) {
      const mark = Math.min(range.to, Math.max(range.from, await rolledUpTo()));
      let total = 0;
      for (const part of chunks(series)) {
        // Superseded versions of a bucket may count too.
        const [[rolled] = [0]] = await database.select<[number]>(
          `SELECT toFloat64(sum(Points)) FROM ${rollup} WHERE ${where(part)}
            AND Bucket >= toDateTime({from:Int64}) AND Bucket < toDateTime({to:Int64})`,
          { ...part.names, from: Math.floor(range.from / 1000), to: Math.ceil(mark / 1000) },
        );
        total += rolled;
      }
      for (const [kind, members] of byKind(series)) {
        for (const part of chunks(members)) {
          const [[fresh] = [0]] = await database.select<[number]>(
            `SELECT toFloat64(count()) FROM ${tables[kind]} WHERE ${where(part)}
              AND TimeUnix >= fromUnixTimestamp64Milli({from:Int64}) AND TimeUnix < fromUnixTimestamp64Milli({to:Int64})`,
            { ...part.names, ...clamped({ from: mark, to: range.to }) },
          );
          total += fresh;
        }
      }
      return total;
    },
    async *points(series, range, thinToMs = 0) {
      if (thinToMs < rollupMs) {
        yield* rawPoints(series, range);
        return;
      }
      const mark = Math.min(range.to, Math.max(range.from, await rolledUpTo()));
      yield* thinPoints(series, { from: range.from, to: mark });
      yield* rawPoints(series, { from: mark, to: range.to });
    },
  };
}

const days =
  "Date >= toDate(fromUnixTimestamp64Milli({from:Int64})) AND Date <= toDate(fromUnixTimestamp64Milli({to:Int64}))";

/** Series asked for in one statement. */
interface Chunk {
  /** Decimal digits from the engine itself, in the statement because a parameter could not hold so many. */
  readonly hashes: string;
  readonly names: { readonly services: readonly string[]; readonly metrics: readonly string[] };
}

/** Service and metric lead the tables' order, so naming them saves reading. */
function where({ hashes }: Chunk): string {
  return `ServiceName IN {services:Array(String)} AND MetricName IN {metrics:Array(String)} AND SeriesHash IN (${hashes})`;
}

function chunks(series: readonly RawSeries[]): Chunk[] {
  const found: Chunk[] = [];
  for (let from = 0; from < series.length; from += hashesAtOnce) {
    const part = series.slice(from, from + hashesAtOnce);
    found.push({
      hashes: part.map((one) => one.hash).join(", "),
      names: {
        services: [...new Set(part.map((one) => one.service))],
        metrics: [...new Set(part.map((one) => one.metric))],
      },
    });
  }
  return found;
}

function byKind(series: readonly RawSeries[]): ReadonlyMap<PointKind, readonly RawSeries[]> {
  const found = new Map<PointKind, RawSeries[]>();
  for (const one of series) {
    const members = found.get(one.kind);
    if (members === undefined) found.set(one.kind, [one]);
    else members.push(one);
  }
  return found;
}

type ThinRow = readonly [
  hash: string,
  bucket: Instant,
  lastAt: Instant,
  last: number | string,
  increase: number | string,
  sum: number | string,
  lastCount: number,
  countIncrease: number,
  lastBuckets: readonly number[],
  sumBuckets: readonly number[],
];

/** A minute as one point: its last where values accumulate or are levels, its sum where they are changes. */
function thinPoint(definition: RawSeries, row: ThinRow): RawPoint {
  const [hash, bucket, at, last, increase, sum, lastCount, countIncrease, lastBuckets, sumBuckets] = row;
  const shared = { hash, at, flags: 0 };
  if (definition.kind === "gauge" || definition.cumulative) {
    // The start is not kept; a reset still shows by the fall of the value.
    return { ...shared, start: 0, value: numberOf(last), count: lastCount, buckets: lastBuckets };
  }
  const value = numberOf(definition.kind === "sum" ? increase : sum);
  return { ...shared, start: bucket, value, count: countIncrease, buckets: sumBuckets };
}

function clamped({ from, to }: TimeRange): { readonly from: number; readonly to: number } {
  return { from: clamp(from), to: clamp(to) };
}
