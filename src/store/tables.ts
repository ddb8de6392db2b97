// The tables of a Homeostat database, by what they hold and how they age.
import { type Database, systemTable } from "./database.ts";

/** `own`: what Homeostat found, thought, did and advised, the ledger included. */
export type StoredSignal = "traces" | "logs" | "metrics" | "rollups" | "own";

export interface StoredTable {
  readonly name: string;
  readonly signal: StoredSignal;
  /** Expression of type DateTime that tells a row's event time. */
  readonly time: string;
  /** True if each day has a partition of its own, named YYYYMMDD. */
  readonly daily: boolean;
}

const daily = (signal: StoredSignal, name: string, time: string): StoredTable => ({ name, signal, time, daily: true });
const other = (signal: StoredSignal, name: string, time: string): StoredTable => ({ name, signal, time, daily: false });

export const storedTables: readonly StoredTable[] = [
  daily("traces", "otel_traces", "toDateTime(Timestamp)"),
  other("traces", "otel_traces_trace_id_ts", "End"),
  daily("logs", "otel_logs", "toDateTime(Timestamp)"),
  daily("metrics", "otel_metrics_gauge", "toDateTime(TimeUnix)"),
  daily("metrics", "otel_metrics_sum", "toDateTime(TimeUnix)"),
  daily("metrics", "otel_metrics_histogram", "toDateTime(TimeUnix)"),
  daily("metrics", "otel_metrics_exponential_histogram", "toDateTime(TimeUnix)"),
  daily("metrics", "otel_metrics_summary", "toDateTime(TimeUnix)"),
  // Rollups are of no use without the names of their series, so those stay as long.
  other("rollups", "otel_metrics_series", "toDateTime(LastSeen)"),
  other("rollups", "metrics_10s", "Bucket"),
  other("rollups", "metrics_1m", "Bucket"),
  ...[
    ...["anomalies", "alerts", "findings", "incidents", "diagnoses"],
    ...["actions", "recommendations", "changes", "deliveries", "feedback"],
  ].map((name) => other("own", name, "toDateTime(at)")),
];

/** Rows and bytes of one partition of one table, replicas counted once. */
export interface PartitionSize {
  readonly table: string;
  /** `YYYYMMDD` in daily tables. */
  readonly partition: string;
  readonly rows: number;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  /** With indexes and marks. */
  readonly diskBytes: number;
}

/** Reads what the engine knows of its parts; no rows are read. */
export async function partitionSizes(database: Database): Promise<readonly PartitionSize[]> {
  const rows = await database.select<[string, string, number, number, number, number]>(
    `SELECT replaceRegexpOne(table, '_local$', ''), partition_id, toFloat64(sum(rows)), toFloat64(sum(data_compressed_bytes)),
        toFloat64(sum(data_uncompressed_bytes)), toFloat64(sum(bytes_on_disk))
      FROM ${systemTable(database, "parts", "cluster")} WHERE database = {database:String} AND active
      GROUP BY table, partition_id ORDER BY table, partition_id`,
    { database: database.name },
  );
  return rows.map(([table, partition, rows, compressedBytes, uncompressedBytes, diskBytes]) => {
    return { table, partition, rows, compressedBytes, uncompressedBytes, diskBytes };
  });
}

/** `20260102` -> the instant that day begins (UTC); undefined for anything else. */
export function dayOf(partition: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)$/.exec(partition);
  return parts === null ? undefined : Date.UTC(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]));
}
