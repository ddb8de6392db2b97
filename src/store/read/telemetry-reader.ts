// Raw metric points in the order they were stored: one query a page.
import type { Labels } from "../../model/labels.ts";
import {
  type ColumnPage,
  type PointKind,
  pagePointsDefault,
  type RawPage,
  type RawPoint,
  type RawSeries,
  type TelemetryReader,
} from "../../model/ports/telemetry-reader.ts";
import { decimalOf, halvesOf } from "../../model/series-hash.ts";
import type { Database } from "../database.ts";
import { readNative } from "./native-columns.ts";
import { lastBatch, pointColumns, pointsOf } from "./point-columns.ts";
import { clamp } from "./records.ts";
import { createSentBook } from "./sent-book.ts";

export interface ReaderOptions {
  readonly database: Database;
  /** Everything up to this batch is stored; what lies beyond may still have gaps. */
  readonly storedThrough: () => bigint;
  /** Put before every hash; series of different tenants may have the same. */
  readonly hashPrefix?: string;
  /** Points a page aims at; it ends with the batch that reaches them. Default 200,000. */
  readonly pagePoints?: number;
  /** Series whose identity counts as sent; beyond it those not seen for long are sent again. Default 400,000. */
  readonly seriesMax?: number;
}

/** Begins with the point's place in the order it was read in. */
export type PointRow = readonly [
  place: string,
  hash: string,
  at: number,
  start: number,
  value: number | string,
  count: number,
  buckets: readonly number[],
  flags: number,
];
export type SeriesRow = readonly [
  hash: string,
  metric: string,
  kind: PointKind,
  unit: string,
  temporality: number,
  monotonic: number,
  service: string,
  resource: Labels,
  attributes: Labels,
  bounds: readonly (number | string)[],
];

/** Still being made, so its hash may change. */
type Own<T extends { readonly hash: string }> = Omit<T, "hash"> & { hash: string };

const CUMULATIVE = 2;
/** Series asked for by name in one query; a list is cheaper than all series of a page only while it is short. */
const askedAtOnce = 2500;

export function createTelemetryReader(options: ReaderOptions): Required<TelemetryReader> {
  const { database, storedThrough, pagePoints = pagePointsDefault, seriesMax = 400_000, hashPrefix = "" } = options;
  const sent = createSentBook(seriesMax);
  const gauge = database.table("otel_metrics_gauge");
  const sum = database.table("otel_metrics_sum");
  const histogram = database.table("otel_metrics_histogram");
  const scope = `_batch > {after:UInt64} AND _batch <= {through:UInt64} AND TimeUnix >= fromUnixTimestamp64Milli({notBefore:Int64})`;
  const number = (table: string): string =>
    `SELECT _batch, SeriesHash, TimeUnix, StartTimeUnix, Value, 0 AS Count, emptyArrayUInt64() AS Buckets, Flags FROM ${table} WHERE ${scope}`;
  const points = `SELECT _batch, SeriesHash, toFloat64(toUnixTimestamp64Milli(TimeUnix)),
      toFloat64(toUnixTimestamp64Milli(StartTimeUnix)), Value, toFloat64(Count), CAST(Buckets, 'Array(Float64)'), Flags
    FROM (${number(gauge)} UNION ALL ${number(sum)} UNION ALL
      SELECT _batch, SeriesHash, TimeUnix, StartTimeUnix, Sum AS Value, Count, BucketCounts AS Buckets, Flags
      FROM ${histogram} WHERE ${scope})
    ORDER BY _batch LIMIT ${Math.floor(pagePoints)} WITH TIES`;
  const identity = (table: string, kind: PointKind, temporality: string, monotonic: string, bounds: string): string =>
    `SELECT toString(SeriesHash), MetricName, '${kind}', MetricUnit, ${temporality}, ${monotonic}, ServiceName,
      ResourceAttributes, Attributes, ${bounds} FROM ${table} WHERE ${scope} AND SeriesHash IN (HASHES) LIMIT 1 BY SeriesHash`;
  const identities = [
    identity(gauge, "gauge", "toInt32(0)", "toUInt8(0)", "emptyArrayFloat64()"),
    identity(sum, "sum", "AggregationTemporality", "toUInt8(IsMonotonic)", "emptyArrayFloat64()"),
    identity(histogram, "histogram", "AggregationTemporality", "toUInt8(1)", "ExplicitBounds"),
  ].join(" UNION ALL ");

  const newSeries = async (hashes: readonly string[], bounds: Record<string, unknown>): Promise<Own<RawSeries>[]> => {
    const series: Own<RawSeries>[] = [];
    for (let from = 0; from < hashes.length; from += askedAtOnce) {
      // Decimal digits from the engine itself, in the statement because a URL could not hold them.
      const list = hashes.slice(from, from + askedAtOnce).join(", ");
      const rows = await database.select<SeriesRow>(identities.replaceAll("HASHES", list), bounds);
      for (const row of rows) series.push(seriesOf(row));
    }
    return series;
  };

  const columnsAfter = async (cursor: string, notBefore: number): Promise<ColumnPage> => {
    if (!/^\d{0,20}$/.test(cursor)) throw new Error(`not a cursor of this reader: ${JSON.stringify(cursor)}`);
    const after = BigInt(cursor === "" ? "0" : cursor);
    const through = storedThrough();
    if (through <= after) return { series: [], columns: [], cursor };
    const bounds = { after: String(after), through: String(through), notBefore: clamp(notBefore) };
    const blocks = readNative(await database.native(points, bounds));
    const columns = blocks.map((block) => pointColumns(block, hashPrefix));
    const rows = blocks.reduce((sum, block) => sum + block.rows, 0);
    // A full page ends where its last batch does; there may be more behind it.
    const reached = rows >= pagePoints ? lastBatch(blocks) : String(through);
    const unknown = new Set<string>();
    for (const { hashes } of columns) {
      for (let i = 0; i < hashes.length; i += 2) {
        const [low, high] = [hashes[i] as number, hashes[i + 1] as number];
        if (!sent.has(low, high)) unknown.add(decimalOf(low, high));
      }
    }
    const series = unknown.size === 0 ? [] : await newSeries([...unknown], { ...bounds, through: reached });
    for (const one of series) {
      const { low, high } = halvesOf(one.hash);
      sent.add(low, high);
      if (hashPrefix !== "") one.hash = hashPrefix + one.hash;
    }
    return { series, columns, cursor: reached };
  };

  return {
    columnsAfter,
    async metricsAfter(after, notBefore): Promise<RawPage> {
      const { series, columns, cursor } = await columnsAfter(after, notBefore);
      return { series, points: columns.flatMap(pointsOf), cursor };
    },
  };
}

export function pointOf([, hash, at, start, value, count, buckets, flags]: PointRow): Own<RawPoint> {
  return { hash, at, start, value: numberOf(value), count, buckets, flags };
}

export function seriesOf(row: SeriesRow): Own<RawSeries> {
  const [hash, metric, kind, unit, temporality, monotonic, service, resource, attributes, bounds] = row;
  return {
    hash,
    metric,
    kind,
    unit,
    cumulative: temporality === CUMULATIVE,
    monotonic: monotonic === 1,
    service,
    resource,
    attributes,
    bounds: bounds.map(numberOf),
  };
}

/** The engine writes what JSON cannot as "nan", "inf" and "-inf". */
export function numberOf(value: number | string): number {
  if (typeof value === "number") return value;
  if (value === "inf" || value === "+inf") return Number.POSITIVE_INFINITY;
  return value === "-inf" ? Number.NEGATIVE_INFINITY : Number(value);
}
