// Reads what is stored with plain SQL over the bare engine, sharing no code with what wrote it. Argument: the engine's directory.
import { Session } from "chdb";
import type { Found } from "./judge.ts";

const [, , directory] = process.argv;
const session = new Session(directory!);

const check = "(request * 31 + row * 7) % 1000003";
const fromAttributes = (attributes: string): string =>
  `toUInt64(${attributes}['request']) AS request, toUInt64(${attributes}['row']) AS row, toUInt64(${attributes}['check']) != ${check} AS wrong`;
const fromValue = (value: string): string =>
  `intDiv(toUInt64(${value}), 64) AS request, toUInt64(${value}) % 64 AS row, Attributes['place'] != toString(row % 8) AS wrong`;

const sources: readonly (readonly [Found["signal"], string, string])[] = [
  ["traces", "otel_traces", fromAttributes("SpanAttributes")],
  ["logs", "otel_logs", fromAttributes("LogAttributes")],
  ["metrics", "otel_metrics_gauge", fromValue("Value")],
  ["metrics", "otel_metrics_sum", fromValue("Value")],
  ["metrics", "otel_metrics_histogram", fromValue("Sum")],
];
for (const [signal, table, columns] of sources) {
  const lines = ask(
    `SELECT request, count(), uniqExact(row), max(row) + 1, sum(wrong)
      FROM (SELECT ${columns} FROM homeostat.${table} WHERE ServiceName = 'torture') GROUP BY request`,
  );
  for (const line of lines) {
    const [request, rows, distinct, above, wrong] = line.map(Number);
    tell({ signal, request: request!, rows: rows!, distinct: distinct!, above: above!, wrong: wrong! });
  }
}
const [traces] = ask(
  `SELECT count() FROM (SELECT DISTINCT TraceId FROM homeostat.otel_traces WHERE ServiceName = 'torture')
    WHERE TraceId NOT IN (SELECT TraceId FROM homeostat.otel_traces_trace_id_ts)`,
);
const [series] = ask(
  `SELECT count() FROM (SELECT DISTINCT MetricName, SeriesHash FROM merge('homeostat', '^otel_metrics_(gauge|sum|histogram)$') WHERE ServiceName = 'torture')
    WHERE (MetricName, SeriesHash) NOT IN (SELECT MetricName, SeriesHash FROM homeostat.otel_metrics_series)`,
);
process.stdout.write(
  `${JSON.stringify({ tracesUnindexed: Number(traces![0]), seriesUndescribed: Number(series![0]) })}\n`,
);
session.close();

function ask(sql: string): unknown[][] {
  return String(session.query(sql, "JSONCompactEachRow"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown[]);
}

function tell(found: Found): void {
  process.stdout.write(`${JSON.stringify(found)}\n`);
}
