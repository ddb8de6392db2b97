// The store: batches in, ClickHouse in the middle, typed answers out.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { LogSource } from "../model/ports/log-source.ts";
import type { Records } from "../model/ports/records.ts";
import type { SpanReader } from "../model/ports/span-reader.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { TelemetryHistory } from "../model/ports/telemetry-history.ts";
import type { TelemetryReader } from "../model/ports/telemetry-reader.ts";
import type { Instant } from "../model/time.ts";
import { type BudgetBytes, type DroppedDay, enforceBudgets } from "./budget.ts";
import { type CostReport, readCost } from "./cost.ts";
import { type Database, openDatabase } from "./database.ts";
import { createDefinitions } from "./engine/definitions.ts";
import { inspect } from "./engine/sql-text.ts";
import { startEngine } from "./engine/supervisor.ts";
import { type EraseReport, type EraseTarget, erase } from "./erase.ts";
import { storeError } from "./errors.ts";
import { refuseForeign } from "./foreign/ownership.ts";
import { openJournal } from "./journal/journal.ts";
import { migrate } from "./migrate.ts";
import { createTelemetryHistory } from "./read/history.ts";
import { createLogSource } from "./read/log-source.ts";
import { createChangeLog, createRecords } from "./read/records.ts";
import { createSpanReader } from "./read/span-reader.ts";
import { createTelemetryReader } from "./read/telemetry-reader.ts";
import { applyRetention, type RetentionDays } from "./retention.ts";
import { createRollups, type RollUpReport } from "./rollup.ts";
import type { Finding, StoreAlarm } from "./watch/alarms.ts";
import { remakeTables, rememberTables } from "./watch/remake.ts";
import { createEngineWatch } from "./watch/watch.ts";

export interface StoreOptions {
  /** A ClickHouse server; absent = the embedded engine. */
  readonly url?: string;
  readonly username?: string;
  readonly password?: string;
  /** Makes tables replicated and distributed over this cluster. */
  readonly cluster?: string;
  /** Default `homeostat`. */
  readonly database?: string;
  /** Embedded data and the log of received telemetry live under it. */
  readonly directory: string;
  /** Received and not yet stored beyond which intake is refused; default 2 GiB. */
  readonly backlogLimitBytes?: number;
  /** Free disk below which intake is refused; default 256 MiB. */
  readonly diskFloorBytes?: number;
  /** Absent kinds are kept for ever. */
  readonly retentionDays?: RetentionDays;
  /** Bytes on disk a signal may take, kept by `enforceBudgets`; absent ones may take any. */
  readonly budgetBytes?: BudgetBytes;
  /** Memory the embedded engine may use; default 1.2 GiB. */
  readonly engineMemoryBytes?: number;
  /** Wall time, Unix ms. */
  readonly now: () => number;
}

export interface StoreInfo {
  readonly mode: "embedded" | "server";
  readonly engineVersion: string;
  readonly enginePid?: number;
  /** How many times the engine process was replaced since the start. */
  readonly engineRestarts: number;
  readonly database: string;
  readonly backlogBytes: number;
}

export interface Store extends AsyncDisposable {
  readonly journal: Journal;
  readonly reader: TelemetryReader;
  readonly history: TelemetryHistory;
  readonly spans: SpanReader;
  readonly logs: LogSource;
  readonly changes: ChangeLog;
  readonly records: Records;
  /** Resolves when everything appended before the call can be read. */
  flushed(): Promise<void>;
  /** One reading statement; for our own command line and tests, never for text that came from outside. */
  rows<T>(sql: string, params?: Readonly<Record<string, unknown>>): Promise<T[]>;
  info(): StoreInfo;
  /** What is wrong with the stored data, as far as known: parts set aside or found damaged. Quick; look every minute. */
  watch(): Promise<readonly StoreAlarm[]>;
  /** Reads everything and compares checksums, then tells as `watch` does. Long; meant for the night. */
  checkTables(): Promise<readonly StoreAlarm[]>;
  /** What the data take, a table and a signal, and what they will take. Reads no rows. */
  cost(): Promise<CostReport>;
  /** Drops the oldest days of signals that take more than their budget, never today's. Roll up before. */
  enforceBudgets(): Promise<readonly DroppedDay[]>;
  /** Brings the rollups up to date with all stored points before `upTo` (whole minutes of event time). */
  rollUp(upTo: Instant): Promise<RollUpReport>;
  /**
   * Removes what is stored about the target, and counts that it is gone; `dryRun` only counts. Long on large tables.
   * Throws a StoreError: refused, unavailable.
   */
  erase(target: EraseTarget, options?: { readonly dryRun?: boolean }): Promise<EraseReport>;
}

const gib = 1024 ** 3;
/** How long closing goes on storing; what is left stays in the log. */
const closeGraceMs = 5000;

/**
 * Opens the engine or reaches the server, brings the schema up to date and takes up what the log still holds.
 * Throws a StoreError: directory-in-use, engine-unsupported, unavailable, schema-too-new, foreign-tables.
 */
export async function openStore(options: StoreOptions, telemetry: Telemetry): Promise<Store> {
  const { url, username, password, cluster, directory } = options;
  const undo: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => {
        telemetry.log.warn("store: a step of closing failed", { error: String(error) });
      });
    }
  };
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const memoryBytes = options.engineMemoryBytes ?? Math.round(1.2 * gib);
    const path = join(directory, "data");
    const definitions = url === undefined ? createDefinitions(path, join(directory, "set-aside")) : undefined;
    const engine = definitions && (await startEngine({ path, memoryBytes, repair: definitions.setAside }, telemetry));
    if (engine !== undefined) undo.push(() => engine.close());
    const openOne = (name: string): Database =>
      openDatabase({
        database: name,
        ...(url === undefined ? {} : { url }),
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(cluster === undefined ? {} : { cluster }),
        ...(engine === undefined ? {} : { agent: engine.agent }),
      });
    const database = openOne(options.database ?? "homeostat");
    undo.push(() => database.close());
    const retention = options.retentionDays ?? {};
    const remakeTablesNow = async (): Promise<readonly Finding[]> => {
      if (definitions === undefined) return [];
      const makeSchema = (one: Database): Promise<void> => migrate(one, telemetry.log, true);
      return await remakeTables({ database, definitions, other: openOne, makeSchema }, telemetry);
    };
    const prepare = async (): Promise<void> => {
      await migrate(database, telemetry.log);
      await applyRetention(database, retention);
      if (definitions !== undefined) await rememberTables(database, definitions);
    };
    if (url !== undefined) await refuseForeign(database);
    // Before the migrations, which would put an empty table in the place of one with rows.
    await remakeTablesNow();
    await prepare();
    const [[serverVersion] = [""]] = await database.select<[string]>("SELECT version()");
    const spool = await openJournal(
      {
        directory: join(directory, "spool"),
        database,
        backlogLimitBytes: options.backlogLimitBytes ?? 2 * gib,
        diskFloorBytes: options.diskFloorBytes ?? gib / 4,
        now: options.now,
        enginesLost: () => engine?.replaced() ?? 0,
      },
      telemetry,
    );
    undo.push(() => spool.close(closeGraceMs));
    const records = createRecords(database, spool);
    const rollups = createRollups(
      {
        database,
        storedThrough: spool.storedThrough,
        ...(retention.metrics === undefined ? {} : { rawDays: retention.metrics }),
      },
      telemetry,
    );
    const deadDirectory = join(directory, "spool", "dead");
    const watch = createEngineWatch(
      { database, directory, deadDirectory, definitions: remakeTablesNow, now: options.now },
      telemetry,
    );
    // Opening is when the engine sets parts aside. Not to be able to tell must not keep telemetry out.
    await watch.watch().catch((error: unknown) => {
      telemetry.log.warn("store: the engine cannot be asked for parts set aside", { error: String(error) });
    });
    return {
      journal: spool.journal,
      reader: createTelemetryReader({ database, storedThrough: spool.storedThrough }),
      history: createTelemetryHistory(database),
      spans: createSpanReader({ database, storedThrough: spool.storedThrough }),
      logs: createLogSource(database),
      changes: createChangeLog(database, records),
      records,
      flushed: spool.flushed,
      async rows(sql, params) {
        const statement = inspect(sql);
        if (!statement.reads || statement.several || statement.namesFile)
          throw storeError("refused", "Only a single statement that reads is taken here; this one is not.");
        return await database.objects(sql, params, { readonly: "2" });
      },
      info: () => {
        const pid = engine?.pid();
        return {
          mode: engine === undefined ? "server" : "embedded",
          engineVersion: engine?.version() || serverVersion,
          ...(pid === undefined ? {} : { enginePid: pid }),
          engineRestarts: engine?.replaced() ?? 0,
          database: database.name,
          backlogBytes: spool.journal.pressure().backlogBytes,
        };
      },
      watch: watch.watch,
      checkTables: watch.checkTables,
      cost: () => readCost(database, retention, options.now()),
      enforceBudgets: () =>
        enforceBudgets(database, options.budgetBytes ?? {}, options.now(), telemetry, async (signal, dayEnd) => {
          if (signal === "metrics") await rollups.freeze(dayEnd);
        }),
      rollUp: rollups.rollUp,
      async erase(target, { dryRun = false } = {}) {
        const context = { database, settled: spool.settled, deadDirectory, remake: prepare };
        return await erase(context, target, dryRun, telemetry);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
