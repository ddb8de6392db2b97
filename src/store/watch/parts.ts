// Parts the engine or we set aside, and parts that are not what was written.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Database, systemTable } from "../database.ts";
import { quote } from "../engine/sql-text.ts";
import { messageOf } from "../errors.ts";
import type { Finding } from "./alarms.ts";

/** Longest check of one partition, below the client's timeout. */
const checkLimitSeconds = 100;
/** Reasons of detached parts whose rows are elsewhere, or were never stored. */
const harmless = ["ignored", "covered-by-broken", "attaching", "deleting", "tmp-fetch", "clone", "cloned"];

/** Everything set aside whose rows are missing from answers. */
export async function detachedParts(database: Database): Promise<readonly Finding[]> {
  const found = await database.select<[string, string, string, string, string]>(
    `SELECT table, name, ifNull(reason, ''), toString(bytes_on_disk), path
      FROM ${systemTable(database, "detached_parts")} WHERE database = {database:String} ORDER BY table, name`,
    { database: database.name },
  );
  const missing = found.filter(([, , reason]) => !harmless.includes(reason));
  return await Promise.all(
    missing.map(async ([table, part, reason, bytes, path]) => {
      const why = `is set aside (${reason || "by a person"}, ${bytes} bytes)`;
      return detachedPart(database, table, part, why, await rowsIn(path), path);
    }),
  );
}

/** Reads every part of a partition and compares checksums. Damaged parts are set aside, where no replica can mend them. */
export async function checkPartition(
  database: Database,
  table: string,
  partition: string,
): Promise<readonly Finding[]> {
  const sql = `CHECK TABLE ${database.table(table)} PARTITION ID ${quote(partition)}`;
  try {
    const rows = await database.select<[string, number, string]>(sql, undefined, {
      // One row a part: the single value says of a damaged table only that it is damaged.
      check_query_single_value_result: 0,
      max_execution_time: checkLimitSeconds,
      wait_end_of_query: 1,
    });
    const broken = rows.filter(([, passed]) => passed !== 1);
    const findings: Finding[] = [];
    for (const [part, , message] of broken) findings.push(await brokenPart(database, table, part, message));
    return findings;
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

export async function partitions(database: Database): Promise<readonly (readonly [string, string])[]> {
  return await database.select<[string, string]>(
    `SELECT table, partition_id FROM system.parts WHERE database = {database:String} AND active
      GROUP BY table, partition_id ORDER BY table, partition_id`,
    { database: database.name },
  );
}

/** All parts in use. */
export async function activeParts(
  database: Database,
): Promise<readonly { readonly table: string; readonly part: string }[]> {
  const rows = await database.select<[string, string]>(
    `SELECT table, name FROM ${systemTable(database, "parts")} WHERE database = {database:String} AND active`,
    { database: database.name },
  );
  return rows.map(([table, part]) => ({ table, part }));
}

async function brokenPart(database: Database, table: string, part: string, message: string): Promise<Finding> {
  const says = message.slice(0, 300);
  const named = { table, part };
  const detach = `ALTER TABLE ${database.table(table)} DETACH PART ${quote(part)}`;
  // A replica's engine fetches a sound copy by itself.
  if (database.cluster === undefined)
    try {
      const [[rows, path] = [0, ""]] = await database.select<[number, string]>(
        `SELECT toFloat64(rows), path FROM system.parts
          WHERE database = {database:String} AND active AND table = {table:String} AND name = {part:String}`,
        { database: database.name, ...named },
      );
      await database.command(detach);
      return detachedPart(database, table, part, `was damaged and is set aside (${says})`, rows, path);
    } catch (error) {
      return inUse(`${says}; it could not be set aside: ${messageOf(error).slice(0, 200)}`);
    }
  return inUse(says);

  function inUse(why: string): Finding {
    return {
      kind: "broken-part",
      ...named,
      says: `part ${part} of ${table} is damaged, answers from it are wrong or fail: ${why}`,
      remedy: `Restore it from a backup or a replica; without one, ${detach} keeps it from spoiling answers (its rows are then missing).`,
    };
  }
}

function detachedPart(
  database: Database,
  table: string,
  part: string,
  why: string,
  rows: number | undefined,
  path: string,
): Finding {
  return {
    kind: "detached-part",
    table,
    part,
    rows,
    says: `part ${part} of ${table} ${why}: its rows (${rows ?? "nobody knows how many"}) are missing from answers`,
    remedy:
      `Look at ${path}: restore the rows from a backup if there is one, then end this alarm with ` +
      `ALTER TABLE ${database.table(table)} DROP DETACHED PART ${quote(part)} SETTINGS allow_drop_detached = 1.`,
  };
}

/** What the part says of itself; undefined on a server whose files are elsewhere, or if that file is damaged. */
async function rowsIn(path: string): Promise<number | undefined> {
  const text = await readFile(join(path, "count.txt"), "utf8").catch(() => "");
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
