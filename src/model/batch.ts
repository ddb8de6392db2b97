// What the receiver hands to the store: rows of one table, already in columns.

/** Tables telemetry lands in: the schema of the OpenTelemetry Collector's ClickHouse exporter. */
export type TelemetryTable =
  | "otel_traces"
  | "otel_logs"
  | "otel_metrics_gauge"
  | "otel_metrics_sum"
  | "otel_metrics_histogram"
  | "otel_metrics_exponential_histogram"
  | "otel_metrics_summary"
  | "otel_metrics_series";

/** One column: its rows in the byte layout of the ClickHouse Native format, without name and type. */
export interface Column {
  readonly name: string;
  /** ClickHouse type, exactly as in the table. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

export interface ColumnBatch {
  readonly table: TelemetryTable;
  readonly rows: number;
  readonly columns: readonly Column[];
}
