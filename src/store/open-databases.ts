// Opening: the engine or the server, and every tenant's database brought to its schema.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Database, openDatabase } from "./database.ts";
import { createDefinitions } from "./engine/definitions.ts";
import { type Engine, startEngine } from "./engine/supervisor.ts";
import { isStoreError } from "./errors.ts";
import { refuseForeign } from "./foreign/ownership.ts";
import { spoolIdOf } from "./journal/checkpoint.ts";
import { migrate } from "./migrate.ts";
import type { StoreOptions } from "./options.ts";
import { claimDatabase } from "./owner.ts";
import { applyRetention, type RetentionDays } from "./retention.ts";
import { createTenants, markOf, refuseTenantDatabase, storedTenants, type Tenants } from "./tenants.ts";
import type { Finding } from "./watch/alarms.ts";
import { remakeTables, rememberTables } from "./watch/remake.ts";

export interface OpenedDatabases {
  readonly serverVersion: string;
  /** Absent on a server. */
  readonly engine: Engine | undefined;
  /** The default tenant's. */
  readonly database: Database;
  readonly tenants: Tenants;
  readonly retention: RetentionDays;
  /** Brings a database to its schema, whatever there is of it. */
  prepare(database: Database): Promise<void>;
  /** Remakes tables whose definitions were set aside, of all tenants, and tells of all that were. */
  remakeTables(): Promise<readonly Finding[]>;
}

const gib = 1024 ** 3;
/** How often opening is gone over when the engine is replaced underneath it, and how long it waits before. */
const triesMax = 120;
const againMs = 500;

/**
 * Databases that are not ours are refused before anything of them is changed. `opened` is told how to close each thing, in
 * order. Throws a StoreError: see `openStore`.
 */
export async function openDatabases(
  options: StoreOptions,
  telemetry: Telemetry,
  opened: (close: () => Promise<void>) => void,
): Promise<OpenedDatabases> {
  const { url, username, password, cluster, directory, database: name = "homeostat" } = options;
  const path = join(directory, "data");
  const definitions =
    url === undefined ? createDefinitions(path, join(directory, "set-aside"), (lost) => markOf(name, lost)) : undefined;
  const memoryBytes = options.engineMemoryBytes ?? Math.round(1.2 * gib);
  const engine = definitions && (await startEngine({ path, memoryBytes, repair: definitions.setAside }, telemetry));
  if (engine !== undefined) opened(() => engine.close());
  const openOne = (one: string): Database =>
    openDatabase({
      database: one,
      ...(url === undefined ? {} : { url }),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(cluster === undefined ? {} : { cluster }),
      ...(engine === undefined ? {} : { agent: engine.agent }),
    });
  const database = openOne(name);
  opened(() => database.close());
  const retention = options.retentionDays ?? {};

  const remake = async (databases: readonly Database[]): Promise<readonly Finding[]> => {
    if (definitions === undefined) return [];
    const makeSchema = (one: Database): Promise<void> =>
      migrate(one, telemetry.log, { again: true, comment: markOf(name, one.name) });
    return await remakeTables({ main: name, databases, definitions, other: openOne, makeSchema }, telemetry);
  };
  const prepare = async (own: Database, comment = ""): Promise<void> => {
    if (url !== undefined) await refuseForeign(own);
    // Before the migrations, which would put an empty table in the place of one with rows.
    await remake([own]);
    await migrate(own, telemetry.log, { comment });
    await applyRetention(own, retention);
    if (definitions !== undefined) await rememberTables(own, definitions);
  };
  const reached = <T>(work: () => Promise<T>): Promise<T> =>
    engine === undefined ? work() : untilAnswered(work, telemetry);
  await reached(async () => {
    await refuseTenantDatabase(database);
    await prepare(database);
  });
  if (url !== undefined) {
    const spool = join(directory, "spool");
    mkdirSync(spool, { recursive: true, mode: 0o700 });
    opened(await claimDatabase({ database, spoolId: spoolIdOf(spool), now: options.now }, telemetry));
  }
  const tenants = createTenants({ database, prepare });
  const serverVersion = await reached(async () => {
    for (const tenant of new Set([...(await storedTenants(database)), ...(options.tenants ?? [])]))
      await tenants.open(tenant);
    const [[version] = [""]] = await database.select<[string]>("SELECT version()");
    return version;
  });
  return {
    serverVersion,
    engine,
    database,
    tenants,
    retention,
    prepare: (own) => prepare(own),
    remakeTables: () => remake(tenants.all().map((one) => one.database)),
  };
}

/**
 * Opening a large or damaged directory on a busy machine, an engine may be taken for hung and be replaced: what was asked
 * of it is asked again of the next. Only for work that may be done twice.
 */
async function untilAnswered<T>(work: () => Promise<T>, telemetry: Telemetry): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isStoreError(error) || error.kind !== "unavailable" || tries >= triesMax) throw error;
      telemetry.log.warn("store: the engine was lost while opening; asking again", { error: error.message, tries });
      await wait(againMs);
    }
  }
}
