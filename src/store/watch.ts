// Watches the engine's own data: parts set aside or damaged make answers wrong without any error, so they raise alarms.
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { type Database, systemTable } from "./database.ts";
import { quote } from "./engine/sql-text.ts";
import { messageOf } from "./errors.ts";

export interface StoreAlarm {
  readonly kind: /** A part the engine found damaged and set aside: its rows are missing from every answer. */
    | "detached-part"
    /** A part in use whose bytes are not what was written: answers from it may be wrong or fail. */
    | "broken-part"
    /** The check of a table ended early, so nothing is known of it. */
    | "unchecked";
  readonly table: string;
  /** The part; of an unchecked table, the partition. */
  readonly part: string;
  /** What was found. */
  readonly says: string;
  /** Unix ms of wall time at which it was first seen, by this run or an earlier one. */
  readonly since: number;
  /** What a person should do. */
  readonly remedy: string;
}

export interface EngineWatch {
  /** Looks at what the engine set aside. Quick. Rejects while the engine cannot be asked. */
  watch(): Promise<readonly StoreAlarm[]>;
  /** Reads every part of every table and compares checksums: minutes for large tables, meant for the night. */
  checkTables(): Promise<readonly StoreAlarm[]>;
}

export interface WatchOptions {
  readonly database: Database;
  /** Those watched, `database` among them; absent: only that. Tables of the others are told with their database before them. */
  readonly databases?: () => readonly Database[];
  /** Remembers in `watch.json` what was seen. */
  readonly directory: string;
  /** Wall time, Unix ms. */
  readonly now: () => number;
}

type Finding = Omit<StoreAlarm, "since">;

/** Longest check of one partition, below the client's timeout. */
const checkLimitSeconds = 100;
/** Reasons of detached parts whose rows are elsewhere, or were never stored. */
const harmless = ["ignored", "covered-by-broken", "attaching", "deleting", "tmp-fetch", "clone", "cloned"];

/** On a cluster, `watch` sees all its nodes; `checkTables` only the one it is connected to. */
export function createEngineWatch(options: WatchOptions, telemetry: Telemetry): EngineWatch {
  const all = (): readonly Database[] => options.databases?.() ?? [options.database];
  /** A table as alarms name it. */
  const named = (database: Database, table: string): string =>
    database.name === options.database.name ? table : `${database.name}.${table}`;
  const file = join(options.directory, "watch.json");
  const alarms = new Map(readAlarms(file).map((alarm) => [keyOf(alarm), alarm]));

  const set = async (kinds: readonly StoreAlarm["kind"][], found: readonly Finding[]) => {
    const before = JSON.stringify([...alarms.values()]);
    const keep = new Set(found.map(keyOf));
    for (const [key, alarm] of alarms) if (kinds.includes(alarm.kind) && !keep.has(key)) alarms.delete(key);
    for (const alarm of found) {
      const key = keyOf(alarm);
      const known = alarms.get(key);
      alarms.set(key, { ...alarm, since: known?.since ?? options.now() });
      if (known !== undefined) continue;
      const { kind, table, part, says, remedy } = alarm;
      telemetry.count("homeostat.store.alarms", 1, { reason: kind, table });
      telemetry.log.error(`store: ${says}`, { table, part, remedy });
    }
    telemetry.gauge("homeostat.store.open_alarms", alarms.size);
    const after = [...alarms.values()];
    if (JSON.stringify(after) !== before) await writeAlarms(file, after, telemetry);
    return after;
  };
  /** Broken parts that are still in use; a part that was dropped or replaced is no alarm any more. */
  const stillBroken = async (): Promise<StoreAlarm[]> => {
    const broken = [...alarms.values()].filter((alarm) => alarm.kind === "broken-part");
    if (broken.length === 0) return [];
    const active = new Set<string>();
    for (const database of all()) {
      const rows = await database.select<[string, string]>(
        `SELECT table, name FROM ${systemTable(database, "parts")} WHERE database = {database:String} AND active`,
        { database: database.name },
      );
      for (const [table, name] of rows) active.add(`${named(database, table)}/${name}`);
    }
    return broken.filter(({ table, part }) => active.has(`${table}/${part}`));
  };

  const detachedEverywhere = async (): Promise<Finding[]> => {
    const found: Finding[] = [];
    for (const database of all())
      for (const one of await detachedParts(database)) found.push({ ...one, table: named(database, one.table) });
    return found;
  };

  return {
    async watch() {
      const detached = await detachedEverywhere();
      return await set(["detached-part", "broken-part"], [...detached, ...(await stillBroken())]);
    },
    async checkTables() {
      const found: Finding[] = [];
      for (const database of all()) {
        for (const [table, partition] of await partitions(database)) {
          const alarms = await checkPartition(database, table, partition);
          found.push(...alarms.map((alarm) => ({ ...alarm, table: named(database, table) })));
        }
      }
      telemetry.count("homeostat.store.table_checks");
      return await set(["detached-part", "broken-part", "unchecked"], [...found, ...(await detachedEverywhere())]);
    },
  };
}

async function detachedParts(database: Database): Promise<readonly Finding[]> {
  const rows = await database.select<[string, string, string, string, string]>(
    `SELECT table, name, ifNull(reason, ''), toString(bytes_on_disk), path
      FROM ${systemTable(database, "detached_parts")} WHERE database = {database:String} ORDER BY table, name`,
    { database: database.name },
  );
  return rows
    .filter(([, , reason]) => !harmless.includes(reason))
    .map(([table, part, reason, bytes, path]) => ({
      kind: "detached-part",
      table,
      part,
      says: `part ${part} of ${table} is set aside (${reason || "by a person"}): its rows (${bytes} bytes) are missing from answers`,
      remedy:
        `Look at ${path}: restore the rows from a backup if there is one, then end this alarm with ` +
        `ALTER TABLE ${database.table(table)} DROP DETACHED PART ${quote(part)} SETTINGS allow_drop_detached = 1.`,
    }));
}

async function partitions(database: Database): Promise<readonly (readonly [string, string])[]> {
  return await database.select<[string, string]>(
    `SELECT table, partition_id FROM system.parts WHERE database = {database:String} AND active
      GROUP BY table, partition_id ORDER BY table, partition_id`,
    { database: database.name },
  );
}

async function checkPartition(database: Database, table: string, partition: string): Promise<readonly Finding[]> {
  const sql = `CHECK TABLE ${database.table(table)} PARTITION ID ${quote(partition)}`;
  try {
    const rows = await database.select<[string, number, string]>(sql, undefined, {
      // One row a part: the single value says of a damaged table only that it is damaged.
      check_query_single_value_result: 0,
      max_execution_time: checkLimitSeconds,
      wait_end_of_query: 1,
    });
    return rows
      .filter(([, passed]) => passed !== 1)
      .map(([part, , message]) => ({
        kind: "broken-part",
        table,
        part,
        says: `part ${part} of ${table} is damaged, answers from it are wrong or fail: ${message.slice(0, 300)}`,
        remedy:
          `Restore partition ${partition} of ${table} from a backup or a replica; without one, ` +
          `ALTER TABLE ${database.table(table)} DETACH PART ${quote(part)} keeps it from spoiling answers (its rows are then missing).`,
      }));
  } catch (error) {
    return [
      {
        kind: "unchecked",
        table,
        part: partition,
        says: `partition ${partition} of ${table} could not be checked: ${messageOf(error).slice(0, 300)}`,
        remedy: `Run ${sql} by hand when the engine is less busy.`,
      },
    ];
  }
}

function keyOf({ kind, table, part }: Pick<StoreAlarm, "kind" | "table" | "part">): string {
  return `${kind}/${table}/${part}`;
}

const schema: z.ZodType<StoreAlarm[]> = z.array(
  z.object({
    kind: z.enum(["detached-part", "broken-part", "unchecked"]),
    table: z.string(),
    part: z.string(),
    says: z.string(),
    since: z.number(),
    remedy: z.string(),
  }),
);

/** What an earlier run saw; nothing if the file is missing or damaged, so that alarms are told again rather than never. */
function readAlarms(file: string): readonly StoreAlarm[] {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return [];
  }
}

async function writeAlarms(file: string, alarms: readonly StoreAlarm[], telemetry: Telemetry): Promise<void> {
  try {
    await writeFile(`${file}.new`, JSON.stringify(alarms), { mode: 0o600 });
    await rename(`${file}.new`, file);
  } catch (error) {
    telemetry.log.warn("store: alarms cannot be remembered", { file, error: messageOf(error) });
  }
}
