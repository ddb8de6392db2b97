// The SQL behind the rollups: which buckets got new points, and what a bucket is.
import type { Instant } from "../model/time.ts";
import type { Database } from "./database.ts";

/** A stretch of event time, and which points in it count as new. */
export interface RollUpSpan {
  readonly from: Instant;
  readonly to: Instant;
  /** Points are seen through this batch. */
  readonly throughBatch: bigint;
  /** What the last run saw: points of later batches are new, and so are all from `upTo` on. */
  readonly through: bigint;
  readonly upTo: Instant;
}

export interface Target {
  readonly table: string;
  readonly seconds: number;
}

interface Shape {
  readonly value: string;
  readonly count: string;
  readonly buckets: string;
  /** 0 gauge, 1 delta, 2 cumulative. */
  readonly temporality: string;
  /** True in a lambda over neighbours `a`, `b` of a cumulative series where it began anew between them. */
  readonly reset: string;
}

const noBuckets = "emptyArrayUInt64()";
// Sums of observations may fall (negative observations), counts of them may not.
const countFell = "b.4 < a.4";
const shapes: Readonly<Record<string, Shape>> = {
  otel_metrics_gauge: { value: "Value", count: "0", buckets: noBuckets, temporality: "0", reset: "0" },
  otel_metrics_sum: {
    value: "Value",
    count: "0",
    buckets: noBuckets,
    // A sum that may fall has no resets to see: it is read like a gauge.
    temporality: "if(IsMonotonic, AggregationTemporality, if(AggregationTemporality = 1, 1, 0))",
    reset: "b.3 < a.3",
  },
  otel_metrics_histogram: {
    value: "Sum",
    count: "Count",
    buckets: "BucketCounts",
    temporality: "AggregationTemporality",
    reset: countFell,
  },
  otel_metrics_exponential_histogram: {
    value: "Sum",
    count: "Count",
    buckets: noBuckets,
    temporality: "AggregationTemporality",
    reset: countFell,
  },
  otel_metrics_summary: { value: "Sum", count: "Count", buckets: noBuckets, temporality: "2", reset: countFell },
};

export const rawTables: readonly string[] = Object.keys(shapes);

/** Rows `[start of the hour in Unix s, new points in it]`. */
export function freshHoursSql(database: Database, table: string, span: RollUpSpan): string {
  const hour = "toUnixTimestamp(toStartOfHour(toDateTime(TimeUnix, 'UTC')))";
  return `SELECT hour, toFloat64(sum(points)) FROM (${freshPoints(database, table, span, `${hour} AS hour, count() AS points`, "GROUP BY hour")})
    GROUP BY hour ORDER BY hour`;
}

/**
 * Makes the buckets of a span that got new points, from all their points, those of other batches too. Points are put in
 * the order of time, batch and row first, so that sums of floating-point numbers come out the same every time.
 * Points without a value (flag "no recorded value", NaN) are left out.
 */
export function rollUpStatement(
  database: Database,
  table: string,
  target: Target,
  span: RollUpSpan,
  { piece, pieces }: { readonly piece: number; readonly pieces: number },
): string {
  const { value, count, buckets, temporality, reset } = shapes[table]!;
  const part = pieces === 1 ? "1" : `SeriesHash % ${pieces} = ${piece}`;
  const minute = "toStartOfMinute(toDateTime(TimeUnix, 'UTC'))";
  const fresh = freshPoints(database, table, span, `DISTINCT SeriesHash, ${minute}`, "", part);
  // A point as (time, start, value, count, buckets), in order.
  return `INSERT INTO ${database.table(target.table)} (SeriesHash, Bucket, ServiceName, MetricName, Points, Sum, Min, Max, First, Last,
      FirstAt, LastAt, Increase, FirstCount, LastCount, CountIncrease, FirstBuckets, LastBuckets, SumBuckets, _version)
    WITH arrayMap(x -> x.2, arraySort(x -> x.1, groupArray(((TimeUnix, _batch, _i),
        (TimeUnix, StartTimeUnix, toFloat64(${value}), toUInt64(${count}), ${buckets}))))) AS p,
      arrayMap(x -> x.3, p) AS v,
      any(${temporality}) AS temporality,
      p[1] AS first, p[-1] AS last
    SELECT SeriesHash, toDateTime(intDiv(toUnixTimestamp(toDateTime(TimeUnix, 'UTC')), ${target.seconds}) * ${target.seconds}) AS bucket,
      any(ServiceName), any(MetricName), length(p), arraySum(v), arrayMin(v), arrayMax(v), first.3, last.3, first.1, last.1,
      multiIf(temporality = 1, arraySum(v), temporality = 2,
        arraySum(arrayMap((a, b) -> if(b.2 > a.1 OR ${reset}, b.3, b.3 - a.3), arrayPopBack(p), arrayPopFront(p))), 0.),
      first.4, last.4,
      multiIf(temporality = 1, arraySum(arrayMap(x -> x.4, p)), temporality = 2,
        arraySum(arrayMap((a, b) -> toUInt64(if(b.2 > a.1 OR ${countFell}, b.4, b.4 - a.4)), arrayPopBack(p), arrayPopFront(p))), 0),
      first.5, last.5, if(temporality = 1, sumForEach(${buckets}), ${noBuckets}), ${span.throughBatch}
    FROM ${database.table(table)}
    WHERE ${within(span)} AND _batch <= ${span.throughBatch} AND ${part} AND bitAnd(Flags, 1) = 0 AND NOT isNaN(${value})
      AND (SeriesHash, ${minute}) IN (${fresh})
    GROUP BY SeriesHash, bucket`;
}

/** Two selects rather than one with OR, so that each finds its parts by an index: by batch, and by time. */
function freshPoints(
  database: Database,
  table: string,
  span: RollUpSpan,
  columns: string,
  group: string,
  condition = "1",
): string {
  const select = (which: string): string =>
    `SELECT ${columns} FROM ${database.table(table)} WHERE ${within(span)} AND ${which} AND ${condition} ${group}`;
  const later = select(`_batch > ${span.through} AND _batch <= ${span.throughBatch}`);
  if (span.to <= span.upTo) return later;
  const newer = `TimeUnix >= ${instant(span.upTo)} AND _batch <= ${span.through}`;
  return `${later} UNION ALL ${select(newer)}`;
}

function within({ from, to }: RollUpSpan): string {
  return `TimeUnix >= ${instant(from)} AND TimeUnix < ${instant(to)}`;
}

function instant(at: Instant): string {
  return `fromUnixTimestamp64Milli(${Math.round(at)})`;
}
