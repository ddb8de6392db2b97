// Makes tables anew whose definitions were set aside: the schema is ours, so their rows come back under it.
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Database } from "../database.ts";
import type { Definitions, SetAside } from "../engine/definitions.ts";
import { backquote, quote } from "../engine/sql-text.ts";
import { messageOf } from "../errors.ts";
import { type Finding, tableIn } from "./alarms.ts";

export interface RemakeOptions {
  /** Name of the default tenant's database: tables of others are told with their database. */
  readonly main: string;
  /** Those whose tables are made anew now. */
  readonly databases: readonly Database[];
  readonly definitions: Definitions;
  /** The same engine, another database. */
  readonly other: (name: string) => Database;
  /** Makes what is missing of the schema in a database, whatever it has already. */
  readonly makeSchema: (database: Database) => Promise<void>;
}

/** Remakes what it can and says all that is set aside. A table it cannot remake now is tried again the next time. */
export async function remakeTables(options: RemakeOptions, telemetry: Telemetry): Promise<readonly Finding[]> {
  const { definitions, databases, main } = options;
  const hasRows = ({ uuid }: SetAside): boolean => uuid !== undefined && definitions.hasRows(uuid);
  const all = [...(await definitions.list())];
  // Making what is missing of the schema must not put an empty table in the place of one whose rows are still to come back.
  const inOrder = [...all.filter(([, entry]) => hasRows(entry)), ...all.filter(([, entry]) => !hasRows(entry))];
  const waiting = new Set<Database>();
  for (const [file, entry] of inOrder) {
    const database = databases.find(({ name }) => name === entry.database);
    if (entry.table === undefined || entry.remade !== undefined || database === undefined) continue;
    if (waiting.has(database)) continue;
    try {
      const rows = await remake(options, database, entry.table, entry.uuid);
      await definitions.remade(file, rows);
      telemetry.log.warn("store: a table was made anew", { table: entry.table, rows });
    } catch (error) {
      waiting.add(database);
      telemetry.log.error("store: a table cannot be made anew", { table: entry.table, error: messageOf(error) });
    }
  }
  return [...(await definitions.list())].map(([file, entry]) => findingOf(file, entry, main));
}

/** Remembers where the rows of the tables lie, for the day a definition is lost. */
export async function rememberTables(database: Database, definitions: Definitions): Promise<void> {
  const rows = await database.select<[string, string]>(
    `SELECT name, toString(uuid) FROM system.tables
      WHERE database = {database:String} AND engine LIKE '%MergeTree' ORDER BY name`,
    { database: database.name },
  );
  await definitions.remember(database.name, Object.fromEntries(rows));
}

async function remake(
  options: RemakeOptions,
  database: Database,
  table: string,
  uuid: string | undefined,
): Promise<number | "none"> {
  const { definitions, makeSchema } = options;
  const present = async (): Promise<string | undefined> => {
    const [[found] = [undefined]] = await database.select<[string]>(
      "SELECT toString(uuid) FROM system.tables WHERE database = {database:String} AND name = {table:String}",
      { database: database.name, table },
    );
    return found;
  };
  if ((await present()) === undefined && uuid !== undefined && definitions.hasRows(uuid))
    await attach(options, database, table, uuid);
  const found = await present();
  // Views, and tables of which nobody knows where their rows lie.
  if (found === undefined) await makeSchema(database);
  if (found === undefined || found !== uuid) return "none";
  const [[rows] = [0]] = await database.select<[number]>(`SELECT toFloat64(count()) FROM ${database.table(table)}`);
  return rows;
}

/** The definition is taken from a database made for that purpose, so that it is what the migrations together say. */
async function attach(options: RemakeOptions, database: Database, table: string, uuid: string): Promise<void> {
  const { other, makeSchema } = options;
  // No tenant's name has a hyphen, so it can be nobody's.
  const scratch = other(`${database.name}-remake`);
  try {
    await makeSchema(scratch);
    const [[definition] = [undefined]] = await scratch.select<[string]>(
      `SELECT create_table_query FROM system.tables
        WHERE database = {database:String} AND name = {table:String} AND engine LIKE '%MergeTree'`,
      { database: scratch.name, table },
    );
    // Not a table with rows, or not one of ours.
    if (definition === undefined) return;
    const body = definition.slice(definition.indexOf("("));
    await database.command(`ATTACH TABLE ${database.table(table)} UUID ${quote(uuid)} ${body}`);
  } finally {
    await scratch.command(`DROP DATABASE IF EXISTS ${backquote(scratch.name)} SYNC`);
    await scratch.close();
  }
}

function findingOf(file: string, entry: SetAside, main: string): Finding {
  const { database, table, remade, reason } = entry;
  const what = table === undefined ? `of database ${database}` : `of table ${table} in ${database}`;
  const now =
    table === undefined
      ? "it was written anew, and its tables are there"
      : remade === undefined
        ? "the table is missing, and its rows from answers"
        : remade === "none"
          ? "it was made anew from this version's schema, without the rows a table had (views have none)"
          : `it was made anew from this version's schema over its ${remade} rows`;
  return {
    kind: "broken-definition",
    table: table === undefined ? "" : tableIn(database, table, main),
    part: file,
    says: `the definition ${what} could not be read; ${now}. The engine said: ${reason}`,
    remedy: `Check the disk, and that what is stored is as expected. Delete ${file} to end this alarm.`,
  };
}
