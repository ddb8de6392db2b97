// What stored items take on disk once everything is merged, read from the engine itself.
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openDatabase } from "../../src/store/database.ts";
import { startEngine } from "../../src/store/engine/supervisor.ts";
import type { Signal } from "./bodies.ts";

const tables: Readonly<Record<Signal, readonly string[]>> = {
  traces: ["otel_traces"],
  logs: ["otel_logs"],
  metrics: ["otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram"],
};

/** Bytes an item, of a service's data directory that nobody has open. */
export async function mergedBytesPerItem(directory: string): Promise<Readonly<Record<Signal, number>>> {
  const engine = await startEngine(
    { path: `${directory}/store/data`, memoryBytes: 1200 * 1024 * 1024 },
    silentTelemetry,
  );
  const database = openDatabase({ database: "homeostat", agent: engine.agent });
  try {
    const sizes = { traces: 0, logs: 0, metrics: 0 };
    for (const signal of ["traces", "logs", "metrics"] as const) {
      for (const table of tables[signal]) await database.command(`OPTIMIZE TABLE ${database.table(table)} FINAL`);
      const [sum] = await database.select<[number]>(
        `SELECT toFloat64(sum(bytes_on_disk)) / greatest(1, sum(rows)) FROM system.parts
          WHERE active AND database = 'homeostat' AND has({tables:Array(String)}, table)`,
        { tables: tables[signal] },
      );
      sizes[signal] = sum![0];
    }
    return sizes;
  } finally {
    await database.close();
    await engine.close();
  }
}
