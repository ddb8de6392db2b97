// Brings the database to the schema of this version: numbered .sql files, each applied once and recorded.
import { readdirSync, readFileSync } from "node:fs";
import type { Logger } from "../model/ports/telemetry.ts";
import type { Database } from "./database.ts";
import { backquote, quote } from "./engine/sql-text.ts";
import { engineCode, storeError } from "./errors.ts";

/** Settings under which every acknowledged insert survived every power cut tried, and broken parts never block opening. */
const durable =
  "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, " +
  "min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 100000";

/**
 * Safe when several processes start together: every statement of a migration can be run twice. `again`: runs those
 * recorded as applied too, to make what is missing. `comment` is set where the database is made.
 * Throws a StoreError `schema-too-new` on a database of a later version.
 */
export async function migrate(database: Database, log: Logger, { again = false, comment = "" } = {}): Promise<void> {
  const { cluster, name } = database;
  const on = cluster === undefined ? "" : ` ON CLUSTER ${backquote(cluster)}`;
  const marked = comment === "" ? "" : ` COMMENT ${quote(comment)}`;
  await tolerant(() => database.command(`CREATE DATABASE IF NOT EXISTS ${backquote(name)}${on}${marked}`));
  const record = database.table("homeostat_migrations");
  const engine = cluster === undefined ? "ReplacingMergeTree" : "ReplicatedReplacingMergeTree";
  await tolerant(() =>
    database.command(
      `CREATE TABLE IF NOT EXISTS ${record}${on} (version UInt32, name String) ENGINE = ${engine} ORDER BY version SETTINGS ${durable}`,
    ),
  );
  const applied = new Set((await database.select<[number]>(`SELECT DISTINCT version FROM ${record}`)).map(([v]) => v));
  const files = migrationFiles();
  const newest = files.at(-1)!.version;
  const later = [...applied].filter((version) => version > newest);
  if (later.length > 0)
    throw storeError(
      "schema-too-new",
      `Database ${name} was made by a newer Homeostat (migration ${Math.max(...later)}, this one knows ${newest}). ` +
        "Start that version, or use another store.database.",
    );
  for (const file of files) {
    if (applied.has(file.version) && !again) continue;
    for (const statement of render(file.text, name, cluster)) await tolerant(() => database.command(statement));
    if (applied.has(file.version)) continue;
    await database.command(`INSERT INTO ${record} (version, name) VALUES (${file.version}, ${quote(file.name)})`);
    log.info("store: migration applied", { migration: file.name, database: name });
  }
}

/**
 * Statements of a migration for one database. In the text, `{table x}` names a table to make, `{view x}` a view to make,
 * `{local x}` where this node's rows are and `{read x}` where all rows are; `{engine X}` and `{durable}` give engine and
 * settings. With a cluster, tables are replicated under `x_local` and a Distributed `x` is made for each.
 */
export function render(text: string, database: string, cluster?: string): readonly string[] {
  const on = cluster === undefined ? "" : ` ON CLUSTER ${backquote(cluster)}`;
  const local = cluster === undefined ? "" : "_local";
  const full = (name: string): string => `${backquote(database)}.${backquote(name)}`;
  return statementsOf(text).flatMap((template) => {
    const table = /\{table (\w+)\}/.exec(template)?.[1];
    const statement = template
      .replace(/\{table (\w+)\}/g, (_, name: string) => full(name + local) + on)
      .replace(/\{view (\w+)\}/g, (_, name: string) => full(name) + on)
      .replace(/\{local (\w+)\}/g, (_, name: string) => full(name + local))
      .replace(/\{read (\w+)\}/g, (_, name: string) => full(name))
      .replace(/\{engine (\w+)(\([^)]*\))?\}/g, (_, engine: string, args = "") =>
        cluster === undefined ? engine + args : `Replicated${engine}${args}`,
      )
      .replaceAll("{durable}", durable);
    if (cluster === undefined || table === undefined) return [statement];
    const distributed = `Distributed(${quote(cluster)}, ${quote(database)}, ${quote(table + local)}, rand())`;
    return [
      statement,
      `CREATE TABLE IF NOT EXISTS ${full(table)}${on} AS ${full(table + local)} ENGINE = ${distributed}`,
    ];
  });
}

interface MigrationFile {
  readonly version: number;
  readonly name: string;
  readonly text: string;
}

function migrationFiles(): readonly MigrationFile[] {
  const folder = new URL("./migrations/", import.meta.url);
  return readdirSync(folder)
    .filter((name) => /^\d{4}-[\w-]+\.sql$/.test(name))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => ({ version: Number(name.slice(0, 4)), name, text: readFileSync(new URL(name, folder), "utf8") }));
}

/** Our own files end each statement with a semicolon at the end of a line and comment whole lines only. */
function statementsOf(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("--"))
    .join("\n")
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/** Runs a statement that somebody else may be running at the same time: then it fails once, and is there the next time. */
async function tolerant(run: () => Promise<void>): Promise<void> {
  // TABLE_ALREADY_EXISTS, DATABASE_ALREADY_EXISTS, and the embedded engine's lock on a table being made.
  const concurrent = new Set([57, 82, 473]);
  for (let tries = 1; ; tries++) {
    try {
      await run();
      return;
    } catch (error) {
      if (tries >= 5 || !concurrent.has(engineCode(error) ?? -1)) throw error;
    }
  }
}
