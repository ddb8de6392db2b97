// Tables of somebody else's exporter as sources of history: read, never written.
import type { Agent } from "node:http";
import type { LogSource } from "../../model/ports/log-source.ts";
import type { TelemetryHistory } from "../../model/ports/telemetry-history.ts";
import type { TelemetryReader } from "../../model/ports/telemetry-reader.ts";
import type { DurationMs } from "../../model/time.ts";
import { type Database, openDatabase } from "../database.ts";
import { type ForeignLimits, type Gate, openGate } from "./gate.ts";
import { createForeignHistory } from "./history.ts";
import { createForeignLogs } from "./logs.ts";
import { createForeignReader, type ForeignReaderOptions } from "./metrics.ts";

const kinds = ["logs", "gauge", "sum", "histogram"] as const;
export type ForeignKind = (typeof kinds)[number];

export interface ForeignOptions {
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  /** Leads to an embedded engine, instead of `url`. */
  readonly agent?: Agent;
  readonly database: string;
  /** Names of tables where they are not the exporter's own (`otel_logs`, `otel_metrics_gauge`, …). */
  readonly tables?: { readonly [K in ForeignKind]?: string };
  readonly limits?: ForeignLimits;
  /** How long metric points may take to arrive; default 2 minutes. */
  readonly latenessMs?: DurationMs;
  /** Event time a page of metric points reaches over at most; default 10 minutes. */
  readonly windowMs?: DurationMs;
  /** Points a page aims at; default 20,000. */
  readonly pagePoints?: number;
  /** Wall time, Unix ms. */
  readonly now: () => number;
}

export interface ForeignTable {
  readonly kind: ForeignKind;
  readonly table: string;
  readonly usable: boolean;
  /** What is missing; empty for usable ones. */
  readonly why: string;
}

export interface ForeignSource extends AsyncDisposable {
  /** Pages by event time; those of kinds that are not usable have no points. */
  readonly reader: TelemetryReader;
  /** The same of some metrics alone, of another length, or up to another time than now. */
  readerOf(more: Partial<Omit<ForeignReaderOptions, "tables">>): TelemetryReader;
  /** By series and event time, for queries. */
  readonly history: TelemetryHistory;
  /** Finds nothing if the logs are not usable. */
  readonly logs: LogSource;
  /** What was found when it was opened. */
  readonly tables: readonly ForeignTable[];
  /** How the server lets us bind ourselves; `none`: give the source a user with readonly set. */
  readonly guard: Gate["guard"];
}

const point = ["ServiceName", "MetricName", "MetricUnit", "ScopeName", "ResourceAttributes", "Attributes"].concat([
  "StartTimeUnix",
  "TimeUnix",
  "Flags",
]);
const needed: Readonly<Record<ForeignKind, readonly string[]>> = {
  logs: ["Timestamp", "ServiceName", "SeverityNumber", "Body", "ResourceAttributes", "LogAttributes"],
  gauge: [...point, "Value"],
  sum: [...point, "Value", "AggregationTemporality", "IsMonotonic"],
  histogram: [...point, "Count", "Sum", "BucketCounts", "ExplicitBounds", "AggregationTemporality"],
};

/**
 * Looks at the tables, and reads them from then on. Takes plain exporter tables of any version with Map attributes.
 * Throws a StoreError `unavailable` if the server cannot be reached.
 */
export async function openForeign(options: ForeignOptions): Promise<ForeignSource> {
  const { url, username, password, agent } = options;
  const database = openDatabase({
    database: options.database,
    ...(url === undefined ? {} : { url }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(agent === undefined ? {} : { agent }),
    // A user who may change no setting could not ask otherwise.
    readSettings: {},
  });
  try {
    const gate = await openGate(database, options.limits ?? {}, options.now);
    const columns = await columnsOf(database, gate);
    const nameOf = (kind: ForeignKind): string =>
      options.tables?.[kind] ?? (kind === "logs" ? "otel_logs" : `otel_metrics_${kind}`);
    const tables = kinds.map((kind) => look(kind, nameOf(kind), columns));
    const inSql = (kind: ForeignKind): string | undefined =>
      tables.some((table) => table.kind === kind && table.usable) ? database.table(nameOf(kind)) : undefined;
    const metricTables = { gauge: inSql("gauge"), sum: inSql("sum"), histogram: inSql("histogram") };
    const readerOf: ForeignSource["readerOf"] = (more) =>
      createForeignReader(gate, {
        tables: metricTables,
        now: options.now,
        latenessMs: options.latenessMs ?? 120_000,
        windowMs: options.windowMs ?? 600_000,
        pagePoints: options.pagePoints ?? 20_000,
        seriesMax: 200_000,
        ...more,
      });
    const seconds = columns.get(nameOf("logs"))?.has("TimestampTime") === true;
    return {
      reader: readerOf({}),
      readerOf,
      history: createForeignHistory(gate, metricTables),
      logs: createForeignLogs(gate, inSql("logs"), seconds),
      tables,
      guard: gate.guard,
      [Symbol.asyncDispose]: () => database.close(),
    };
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * History of a source that is opened when it is first asked, and again after it could not be. Rejects as {@link openForeign}
 * and the source do.
 */
export function openForeignLater(options: ForeignOptions): {
  readonly history: TelemetryHistory;
  close(): Promise<void>;
} {
  let opened: Promise<ForeignSource> | undefined;
  const source = (): Promise<ForeignSource> => {
    opened ??= openForeign(options).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  return {
    history: {
      metrics: async (range) => await (await source()).history.metrics(range),
      series: async (...asked) => await (await source()).history.series(...asked),
      countPoints: async (...asked) => await (await source()).history.countPoints(...asked),
      async *points(...asked) {
        yield* (await source()).history.points(...asked);
      },
    },
    close: async () => await (await opened?.catch(() => undefined))?.[Symbol.asyncDispose](),
  };
}

/** Types of columns by name, by table. */
async function columnsOf(database: Database, gate: Gate): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const rows = await gate.select<[string, string, string]>(
    "SELECT table, name, type FROM system.columns WHERE database = {database:String} LIMIT 50000",
    { database: database.name },
  );
  const tables = new Map<string, Map<string, string>>();
  for (const [table, name, type] of rows) {
    const columns = tables.get(table) ?? new Map<string, string>();
    tables.set(table, columns.set(name, type));
  }
  return tables;
}

function look(
  kind: ForeignKind,
  table: string,
  tables: ReadonlyMap<string, ReadonlyMap<string, string>>,
): ForeignTable {
  const columns = tables.get(table);
  if (columns === undefined) return { kind, table, usable: false, why: "there is no such table" };
  const missing = needed[kind].filter((name) => !columns.has(name));
  if (missing.length > 0) return { kind, table, usable: false, why: `it has no column ${missing.join(", ")}` };
  const other = needed[kind].filter((name) => name.endsWith("Attributes") && !columns.get(name)!.startsWith("Map("));
  if (other.length > 0)
    return { kind, table, usable: false, why: `${other.join(", ")} must be a Map (json: false in the exporter)` };
  return { kind, table, usable: true, why: "" };
}
