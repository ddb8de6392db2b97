// How long rows are kept, applied to the tables as they are; nothing named = for ever.
import type { Database } from "./database.ts";

/** Days of event time. Replays set none: their rows are as old as they like. */
export interface RetentionDays {
  readonly traces?: number;
  readonly logs?: number;
  readonly metrics?: number;
  /** Homeostat's own records; the ledger of actions is always kept. */
  readonly own?: number;
}

const timeColumns: readonly (readonly [keyof RetentionDays, string, string])[] = [
  ["traces", "otel_traces", "toDateTime(Timestamp)"],
  ["traces", "otel_traces_trace_id_ts", "End"],
  ["logs", "otel_logs", "toDateTime(Timestamp)"],
  ["metrics", "otel_metrics_gauge", "toDateTime(TimeUnix)"],
  ["metrics", "otel_metrics_sum", "toDateTime(TimeUnix)"],
  ["metrics", "otel_metrics_histogram", "toDateTime(TimeUnix)"],
  ["metrics", "otel_metrics_exponential_histogram", "toDateTime(TimeUnix)"],
  ["metrics", "otel_metrics_summary", "toDateTime(TimeUnix)"],
  ["metrics", "otel_metrics_series", "toDateTime(LastSeen)"],
  ["own", "anomalies", "toDateTime(at)"],
  ["own", "alerts", "toDateTime(at)"],
  ["own", "diagnoses", "toDateTime(at)"],
  ["own", "recommendations", "toDateTime(at)"],
  ["own", "deliveries", "toDateTime(at)"],
];

/** Changes a table only where it differs from what is asked. */
export async function applyRetention(database: Database, days: RetentionDays): Promise<void> {
  const suffix = database.cluster === undefined ? "" : "_local";
  const on = database.cluster === undefined ? "" : ` ON CLUSTER \`${database.cluster}\``;
  const found = await database.select<[string, string]>(
    "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}",
    { database: database.name },
  );
  const definitions = new Map(found);
  for (const [kind, table, column] of timeColumns) {
    const definition = definitions.get(table + suffix);
    if (definition === undefined) continue;
    const now = /\bTTL .* \+ toIntervalDay\((\d+)\)/.exec(definition)?.[1];
    const wanted = days[kind];
    const name = database.table(table + suffix);
    if (wanted !== undefined && Number(now) !== wanted) {
      await database.command(`ALTER TABLE ${name}${on} MODIFY TTL ${column} + toIntervalDay(${Math.floor(wanted)})`);
    } else if (wanted === undefined && now !== undefined) {
      await database.command(`ALTER TABLE ${name}${on} REMOVE TTL`);
    }
  }
}
