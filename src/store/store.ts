// The store: batches in, ClickHouse in the middle, typed answers out.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ChangeLog } from "../model/ports/change-log.ts";
import type { FactHistory } from "../model/ports/fact-history.ts";
import type { Journal } from "../model/ports/journal.ts";
import type { LogReader } from "../model/ports/log-reader.ts";
import type { LogSource } from "../model/ports/log-source.ts";
import type { Records } from "../model/ports/records.ts";
import type { RequestHistory } from "../model/ports/request-history.ts";
import type { RequestSource } from "../model/ports/request-source.ts";
import type { SpanReader } from "../model/ports/span-reader.ts";
import type { StackSource } from "../model/ports/stack-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { TelemetryHistory } from "../model/ports/telemetry-history.ts";
import type { TelemetryReader } from "../model/ports/telemetry-reader.ts";
import { defaultTenant } from "../model/tenant.ts";
import type { Instant } from "../model/time.ts";
import type { DroppedDay } from "./budget.ts";
import { type CostReport, readCost } from "./cost.ts";
import type { Database } from "./database.ts";
import { inspect } from "./engine/sql-text.ts";
import { type EraseReport, type EraseTarget, erase } from "./erase.ts";
import { messageOf, storeError } from "./errors.ts";
import { openJournal } from "./journal/journal.ts";
import { openDatabases } from "./open-databases.ts";
import type { StoreOptions } from "./options.ts";
import { createFactHistory } from "./read/fact-history.ts";
import { createLogSource } from "./read/log-source.ts";
import { createChangeLog, createRecords } from "./read/records.ts";
import { createRequestHistory } from "./read/request-history.ts";
import { createRequestSource } from "./read/request-source.ts";
import { createStackSource } from "./read/stack-source.ts";
import { createTenantHistory } from "./read/tenant-history.ts";
import { createTenantLogs } from "./read/tenant-logs.ts";
import { createTenantReader } from "./read/tenant-reader.ts";
import { createTenantSpans } from "./read/tenant-spans.ts";
import type { RollUpReport } from "./rollup.ts";
import { unknownTenant } from "./tenants.ts";
import { createUpkeep } from "./upkeep.ts";
import type { StoreAlarm } from "./watch/alarms.ts";
import { createEngineWatch } from "./watch/watch.ts";

export type { StoreOptions };

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
  readonly requests: RequestHistory;
  readonly facts: FactHistory;
  /** The same spans, gathered by their traces. */
  readonly tracedRequests: RequestSource;
  readonly logs: LogSource;
  readonly stacks: StackSource;
  /** The same records by arrival. */
  readonly logReader: LogReader;
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
  /** Tenants with a database, the default one first. */
  tenants(): readonly string[];
  /** What a tenant's data take, a table and a signal, and what they will take. Reads no rows. Throws a StoreError `refused` for an unknown one. */
  cost(tenant?: string): Promise<CostReport>;
  /** Drops the oldest days of signals of which a tenant has more than the budget, never today's. Roll up before. */
  enforceBudgets(): Promise<readonly DroppedDay[]>;
  /** Brings every tenant's rollups up to date with all stored points before `upTo` (whole minutes of event time). */
  rollUp(upTo: Instant): Promise<RollUpReport>;
  /**
   * Removes what is stored about the target, of whichever tenant, and counts that it is gone; `dryRun` only counts. Long on large tables.
   * Throws a StoreError: refused, unavailable.
   */
  erase(target: EraseTarget, options?: { readonly dryRun?: boolean }): Promise<EraseReport>;
}

const gib = 1024 ** 3;
/** How long closing goes on storing; what is left stays in the log. */
const closeGraceMs = 5000;

/**
 * Opens the engine or reaches the server, brings the schema up to date and takes up what the log still holds.
 * Throws a StoreError: directory-in-use, database-in-use, engine-unsupported, unavailable, schema-too-new, foreign-tables,
 * refused (a database is not ours), unwritable (the directory cannot be made).
 */
export async function openStore(options: StoreOptions, telemetry: Telemetry): Promise<Store> {
  const { directory } = options;
  const undo: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error: unknown) => {
        telemetry.log.warn("store: a step of closing failed", { error: String(error) });
      });
    }
  };
  try {
    makeDirectory(directory);
    const opened = await openDatabases(options, telemetry, (step) => undo.push(step));
    const { engine, database, tenants, retention, serverVersion } = opened;
    const spool = await openJournal(
      {
        directory: join(directory, "spool"),
        database,
        tenants,
        backlogLimitBytes: options.backlogLimitBytes ?? 2 * gib,
        diskFloorBytes: options.diskFloorBytes ?? gib / 4,
        now: options.now,
        enginesLost: () => engine?.replaced() ?? 0,
      },
      telemetry,
    );
    undo.push(() => spool.close(closeGraceMs));
    const records = createRecords(database, spool);
    const upkeep = createUpkeep(
      { tenants, spool, retention, budget: options.budgetBytes ?? {}, now: options.now },
      telemetry,
    );
    const databases = (): readonly Database[] => tenants.all().map((one) => one.database);
    const deadDirectory = join(directory, "spool", "dead");
    const watch = createEngineWatch(
      { database, databases, directory, deadDirectory, definitions: opened.remakeTables, now: options.now },
      telemetry,
    );
    // Opening is when the engine sets parts aside. Not to be able to tell must not keep telemetry out.
    await watch.watch().catch((error: unknown) => {
      telemetry.log.warn("store: the engine cannot be asked for parts set aside", { error: String(error) });
    });
    return {
      journal: spool.journal,
      reader: createTenantReader({ tenants, storedThrough: spool.storedThrough }, telemetry),
      history: createTenantHistory(tenants),
      spans: createTenantSpans({ tenants, storedThrough: spool.storedThrough }, telemetry),
      requests: createRequestHistory(tenants),
      facts: createFactHistory(tenants),
      tracedRequests: createRequestSource(tenants),
      logs: createLogSource(tenants),
      stacks: createStackSource(tenants),
      logReader: createTenantLogs({ tenants, storedThrough: spool.storedThrough, lastId: spool.lastId }, telemetry),
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
      tenants: () => tenants.all().map(({ tenant }) => tenant),
      async cost(tenant = defaultTenant) {
        const found = tenants.all().find((one) => one.tenant === tenant);
        if (found === undefined) throw unknownTenant(tenant, tenants);
        return await readCost(found.database, retention, options.now());
      },
      enforceBudgets: upkeep.enforceBudgets,
      rollUp: upkeep.rollUp,
      async erase(target, { dryRun = false } = {}) {
        const remake = (): Promise<void> => opened.prepare(database);
        return await erase({ tenants, settled: spool.settled, deadDirectory, remake }, target, dryRun, telemetry);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const text = `The data directory ${directory} cannot be made (${messageOf(error)}). Choose a place that can be written.`;
    throw storeError("unwritable", text, error);
  }
}
