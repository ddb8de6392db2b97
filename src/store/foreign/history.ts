// Metric points of an exporter's tables by series and event time, as queries ask for them. Selections go down into the SQL.
import type { StoredMetric, TelemetryHistory } from "../../model/ports/telemetry-history.ts";
import type { PointKind, RawPoint, RawSeries } from "../../model/ports/telemetry-reader.ts";
import type { TimeRange } from "../../model/time.ts";
import { clamp } from "../read/records.ts";
import { numberOf, type SeriesRow, seriesOf } from "../read/telemetry-reader.ts";
import type { Gate } from "./gate.ts";
import { type ForeignMetricTables, hashOf, identityOf, msOf, numbersOf, scope } from "./metrics.ts";

const pagePoints = 50_000;
/** Hashes named in one statement. */
const hashesAtOnce = 2000;
const kinds: readonly PointKind[] = ["gauge", "sum", "histogram"];

type PointRow = readonly [
  nanos: string,
  hash: string,
  at: number,
  start: number,
  value: string,
  count: number,
  buckets: readonly number[],
  flags: number,
];

/** Exporters keep no rollups: where a range is to be thinned, the last point of each stretch is chosen while it is read. */
export function createForeignHistory(gate: Gate, tables: ForeignMetricTables): TelemetryHistory {
  const there = kinds.flatMap((kind) => (tables[kind] === undefined ? [] : [{ kind, table: tables[kind] as string }]));

  async function* pointsOf(
    kind: PointKind,
    members: readonly RawSeries[],
    range: TimeRange,
    thinToMs: number,
  ): AsyncIterable<readonly RawPoint[]> {
    // A change since the point before is lost with it: only values that stand for themselves may be left out.
    const thin =
      thinToMs > 0 ? ` ORDER BY TimeUnix DESC LIMIT 1 BY Hash, intDiv(toInt64(At), ${Math.floor(thinToMs)})` : "";
    for (let from = 0; from < members.length; from += hashesAtOnce) {
      const part = members.slice(from, from + hashesAtOnce);
      for (let after = "0"; ; ) {
        const rows = await gate.select<PointRow>(
          `SELECT Nanos, Hash, At, Start, V, N, Buckets, Flags FROM (
            SELECT toString(toUnixTimestamp64Nano(toDateTime64(TimeUnix, 9))) AS Nanos, ${hashOf(kind)} AS Hash,
              ${msOf("TimeUnix")} AS At, ${msOf("StartTimeUnix")} AS Start, ${numbersOf(kind)}, Flags, TimeUnix
            FROM ${tables[kind]} WHERE ${scope} AND ${about} AND TimeUnix > fromUnixTimestamp64Nano({after:Int64})
              AND Hash IN (${part.map(({ hash }) => `'${hash}'`).join(", ")})${thin}
          ) ORDER BY TimeUnix LIMIT ${pagePoints} WITH TIES`,
          { ...namesOf(part), ...clamped(range), after },
        );
        if (rows.length > 0) yield rows.map(pointOf);
        if (rows.length < pagePoints) break;
        after = rows.at(-1)![0];
      }
    }
  }

  return {
    async metrics(range) {
      if (there.length === 0) return [];
      const parts = there.map(
        ({ kind, table }) =>
          `SELECT toString(MetricName) AS Metric, '${kind}', any(MetricUnit) FROM ${table} WHERE ${scope} GROUP BY Metric`,
      );
      const rows = await gate.select<[string, PointKind, string]>(parts.join(" UNION ALL "), clamped(range));
      return rows
        .map(([metric, kind, unit]): StoredMetric => ({ metric, kind, unit }))
        .toSorted((a, b) => (a.metric < b.metric ? -1 : 1));
    },
    async series(metrics, range, limit) {
      if (metrics.length === 0 || there.length === 0) return [];
      const parts = there.map(
        ({ kind, table }) =>
          `SELECT ${hashOf(kind)} AS Hash, ${identityOf(kind)} FROM ${table}
            WHERE ${scope} AND MetricName IN {metrics:Array(String)} LIMIT 1 BY Hash`,
      );
      const sql = `SELECT * FROM (${parts.join(" UNION ALL ")}) LIMIT ${Math.floor(limit)}`;
      return (await gate.select<SeriesRow>(sql, { ...clamped(range), metrics })).map(seriesOf);
    },
    async countPoints(series, range) {
      let total = 0;
      for (const { kind, table } of there) {
        const members = series.filter((one) => one.kind === kind);
        if (members.length === 0) continue;
        // Of all series of these services and metrics: too many rather than too few.
        const [[count] = [0]] = await gate.select<[number]>(
          `SELECT toFloat64(count()) FROM ${table} WHERE ${scope} AND ${about}`,
          { ...namesOf(members), ...clamped(range) },
        );
        total += count;
      }
      return total;
    },
    async *points(series, range, thinToMs = 0) {
      for (const { kind } of there) {
        const members = series.filter((one) => one.kind === kind && /^\d{1,20}$/.test(one.hash));
        const standing = members.filter((one) => kind === "gauge" || one.cumulative);
        const changes = members.filter((one) => kind !== "gauge" && !one.cumulative);
        yield* pointsOf(kind, standing, range, thinToMs);
        yield* pointsOf(kind, changes, range, 0);
      }
    },
  };
}

/** Service and metric lead the exporter's own order, so naming them saves reading. */
const about = "ServiceName IN {services:Array(String)} AND MetricName IN {metrics:Array(String)}";

function namesOf(series: readonly RawSeries[]) {
  return {
    services: [...new Set(series.map((one) => one.service))],
    metrics: [...new Set(series.map((one) => one.metric))],
  };
}

function pointOf([, hash, at, start, value, count, buckets, flags]: PointRow): RawPoint {
  return { hash, at, start, value: numberOf(value), count, buckets, flags };
}

function clamped({ from, to }: TimeRange): { readonly from: number; readonly to: number } {
  return { from: clamp(from), to: clamp(to) };
}
