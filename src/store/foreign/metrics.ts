// Metric points of an exporter's tables by event time: what there is no order of arrival for is read window by window.
import type { PointKind, RawPage, RawSeries, TelemetryReader } from "../../model/ports/telemetry-reader.ts";
import type { DurationMs } from "../../model/time.ts";
import { clamp } from "../read/records.ts";
import { numberOf, type SeriesRow, seriesOf } from "../read/telemetry-reader.ts";
import type { Gate } from "./gate.ts";

export interface ForeignMetricTables {
  readonly gauge?: string | undefined;
  readonly sum?: string | undefined;
  readonly histogram?: string | undefined;
}

export interface ForeignReaderOptions {
  /** Names as they stand in SQL. */
  readonly tables: ForeignMetricTables;
  /** Unix ms. */
  readonly now: () => number;
  /** How long points may take to arrive: later ones are not seen. */
  readonly latenessMs: DurationMs;
  /** Event time a page reaches over at most. */
  readonly windowMs: DurationMs;
  /** Points a page aims at; it ends with the millisecond that reaches them. */
  readonly pagePoints: number;
  /** Series whose identity counts as sent. */
  readonly seriesMax: number;
  /** Only these metrics; absent: all. */
  readonly metrics?: readonly string[] | undefined;
}

type PointRow = readonly [
  hash: string,
  at: number,
  start: number,
  value: string,
  count: number,
  buckets: readonly number[],
  flags: number,
];

/** Exporters number no series, so the identity is a hash of what tells them apart, whatever the order of the keys. */
export const hashOf = (kind: PointKind): string =>
  `toString(cityHash64('${kind}', MetricName, MetricUnit, ServiceName, ScopeName,
    arraySort(mapKeys(ResourceAttributes)), arrayMap(k -> ResourceAttributes[k], arraySort(mapKeys(ResourceAttributes))),
    arraySort(mapKeys(Attributes)), arrayMap(k -> Attributes[k], arraySort(mapKeys(Attributes)))))`;

/** Unix ms of a column of any precision. */
export const msOf = (column: string): string => `toFloat64(toUnixTimestamp64Milli(toDateTime64(${column}, 3)))`;
/** Points of the range, its parameters `from` and `to` in Unix ms. */
export const scope =
  "TimeUnix >= fromUnixTimestamp64Milli({from:Int64}) AND TimeUnix < fromUnixTimestamp64Milli({to:Int64})";

const plain = "toString(Value) AS V, toFloat64(0) AS N, emptyArrayFloat64() AS Buckets";

/** Value, count and buckets of a point. */
export function numbersOf(kind: PointKind): string {
  return kind === "histogram"
    ? "toString(Sum) AS V, toFloat64(Count) AS N, arrayMap(x -> toFloat64(x), BucketCounts) AS Buckets"
    : plain;
}

/** What a series is, after its hash, in the order of `SeriesRow`. */
export function identityOf(kind: PointKind): string {
  const how = {
    gauge: "toInt32(0), toUInt8(0)",
    sum: "toInt32(AggregationTemporality), toUInt8(IsMonotonic)",
    histogram: "toInt32(AggregationTemporality), toUInt8(1)",
  }[kind];
  const bounds = kind === "histogram" ? "ExplicitBounds" : "emptyArrayFloat64()";
  return `toString(MetricName), '${kind}', MetricUnit, ${how}, toString(ServiceName), ResourceAttributes, Attributes, ${bounds}`;
}

/**
 * Pages in order of event time, from `notBefore` on. Blind to points that arrive later than `latenessMs` after their
 * time: an exporter's tables do not tell when a row came.
 */
export function createForeignReader(gate: Gate, options: ForeignReaderOptions): TelemetryReader {
  const { tables, now, latenessMs, windowMs, pagePoints, seriesMax, metrics } = options;
  const wanted = metrics === undefined ? "" : " AND MetricName IN {metrics:Array(String)}";
  const about = metrics === undefined ? {} : { metrics };
  const sent = new Set<string>();
  const selects: string[] = [];
  const identities: string[] = [];
  for (const kind of ["gauge", "sum", "histogram"] as const) {
    const table = tables[kind];
    if (table === undefined) continue;
    selects.push(
      `SELECT ${hashOf(kind)} AS Hash, ${msOf("TimeUnix")} AS At, ${msOf("StartTimeUnix")} AS Start, ${numbersOf(kind)}, Flags FROM ${table} WHERE ${scope}${wanted}`,
    );
    identities.push(
      `SELECT ${hashOf(kind)} AS Hash, ${identityOf(kind)} FROM ${table}
        WHERE ${scope} AND Hash IN (HASHES) LIMIT 1 BY Hash`,
    );
  }
  const all = selects.join(" UNION ALL ");

  /** Event time of the first point in the window; undefined if there is none. */
  const first = async (from: number, to: number): Promise<number | undefined> => {
    const parts = [tables.gauge, tables.sum, tables.histogram].flatMap((table) =>
      table === undefined ? [] : [`SELECT min(TimeUnix) AS T, count() AS N FROM ${table} WHERE ${scope}${wanted}`],
    );
    const [[at] = [undefined]] = await gate.select<[number]>(
      `SELECT ${msOf("min(T)")} FROM (${parts.join(" UNION ALL ")}) WHERE N > 0 HAVING count() > 0`,
      { from, to, ...about },
    );
    return at;
  };
  const newSeries = async (hashes: readonly string[], range: { from: number; to: number }): Promise<RawSeries[]> => {
    const found: RawSeries[] = [];
    for (let at = 0; at < hashes.length; at += askedAtOnce) {
      // Decimal digits from the engine itself, in the statement because a URL could not hold them.
      const list = hashes.slice(at, at + askedAtOnce).map((hash) => `'${hash}'`);
      const sql = identities.join(" UNION ALL ").replaceAll("HASHES", list.join(", "));
      const rows = await gate.select<SeriesRow>(sql, range);
      for (const row of rows) found.push(seriesOf(row));
    }
    return found;
  };

  return {
    async metricsAfter(cursor, notBefore): Promise<RawPage> {
      if (!/^(\d{1,15})?$/.test(cursor)) throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
      const end = Math.floor(now() - latenessMs);
      const from = Math.max(Number(cursor === "" ? 0 : cursor), clamp(notBefore));
      if (selects.length === 0 || from >= end) return { series: [], points: [], cursor };
      const begin = await first(from, end);
      // Everything up to there has been looked at, and is empty.
      if (begin === undefined) return { series: [], points: [], cursor: String(end) };
      const to = Math.min(end, begin + windowMs);
      const rows = await gate.select<PointRow>(
        `SELECT Hash, At, Start, V, N, Buckets, Flags FROM (${all}) ORDER BY At LIMIT ${Math.floor(pagePoints)} WITH TIES`,
        { from: begin, to, ...about },
      );
      const reached = rows.length >= pagePoints ? rows.at(-1)![1] + 1 : to;
      const unknown = new Set(rows.map(([hash]) => hash).filter((hash) => !sent.has(hash)));
      const found = unknown.size === 0 ? [] : await newSeries([...unknown], { from: begin, to: reached });
      for (const { hash } of found) {
        if (sent.size >= seriesMax) sent.clear();
        sent.add(hash);
      }
      const points = rows.map(([hash, at, start, value, count, buckets, flags]) => {
        return { hash, at, start, value: numberOf(value), count, buckets, flags };
      });
      return { series: found, points, cursor: String(reached) };
    },
  };
}

const askedAtOnce = 1000;
