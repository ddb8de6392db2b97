// Removes what is stored about a trace, a user or a tenant, and counts afterwards that it is gone.
import { readdir } from "node:fs/promises";
import { columnsOf } from "../model/otel-schema.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import { defaultTenant } from "../model/tenant.ts";
import { type Database, onCluster } from "./database.ts";
import { backquote, quote } from "./engine/sql-text.ts";
import { storeError } from "./errors.ts";
import { fingerprint, hasFingerprint, mutate } from "./mutation.ts";
import { storedTables } from "./tables.ts";
import { type Tenants, unknownTenant } from "./tenants.ts";

export type EraseTarget =
  | { readonly trace: string }
  /** Value of `user.id`, `enduser.id` or `gen_ai.user.id` in any attributes. */
  | { readonly user: string }
  /** A tenant by its name; it has a database of its own. */
  | { readonly tenant: string };

export interface ErasedRows {
  /** Absent: the default tenant. */
  readonly tenant?: string;
  readonly table: string;
  /** `clear-exemplars`: the metric points stay, without the examples that lead to the target. */
  readonly how: "delete" | "clear-exemplars" | "drop";
  /** Rows found before. */
  readonly rows: number;
  /** Rows found afterwards: 0, or new ones came in meanwhile. Of a dry run, all. */
  readonly left: number;
}

export interface EraseReport {
  readonly target: EraseTarget;
  /** Nothing was removed, only counted. */
  readonly dryRun: boolean;
  /** Tables in which something was found. */
  readonly tables: readonly ErasedRows[];
  /** True if nothing is left. */
  readonly complete: boolean;
  /** What the reader must know: what was not looked into, and when the disk is free of it. */
  readonly notes: readonly string[];
}

export interface EraseContext {
  readonly tenants: Tenants;
  /** Resolves when nothing appended before can come back from our own log. */
  readonly settled: () => Promise<void>;
  /** Rows the database refused are kept there as files. */
  readonly deadDirectory: string;
  /** Makes the default tenant's database anew after it was dropped. */
  readonly remake: () => Promise<void>;
}

interface Job {
  readonly table: string;
  readonly how: "delete" | "clear-exemplars";
  readonly where: string;
}

const userKeys = ["user.id", "enduser.id", "gen_ai.user.id"];
const exemplarTables = storedTables
  .map((table) => table.name)
  .filter((name) => name.startsWith("otel_metrics_") && !/_(summary|series)$/.test(name));
/** Traces and series of a user looked up at once; more need another run, which the report asks for. */
const relatedMax = 5000;

/** Waits for everything in the log first. Throws a StoreError `refused` for a target that cannot be. */
export async function erase(
  context: EraseContext,
  target: EraseTarget,
  dryRun: boolean,
  telemetry: Telemetry,
): Promise<EraseReport> {
  const value = Object.values(target)[0] ?? "";
  if (value === "") throw storeError("refused", "Nothing to erase was named: the trace, user or tenant is empty.");
  await context.settled();
  const notes = await notesOn(context, target);
  const tables =
    "tenant" in target
      ? await eraseTenant(context, target.tenant, dryRun)
      : await eraseEverywhere(context.tenants, target, dryRun, notes);
  if (!dryRun && tables.length > 0 && !("tenant" in target))
    notes.push("The engine deletes the files of replaced parts about 8 minutes later.");
  const report = { target, dryRun, tables, complete: tables.every((table) => table.left === 0), notes };
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  if (!dryRun) telemetry.count("homeostat.store.erased", rows, { reason: Object.keys(target)[0]! });
  // Without saying whom: that would keep what was to go.
  telemetry.log.info("store: erase", { what: Object.keys(target)[0], rows, dryRun, complete: report.complete });
  return report;
}

async function eraseEverywhere(
  tenants: Tenants,
  target: { readonly trace: string } | { readonly user: string },
  dryRun: boolean,
  notes: string[],
): Promise<readonly ErasedRows[]> {
  const done: ErasedRows[] = [];
  for (const { tenant, database } of tenants.all()) {
    const rows = await eraseRows(database, target, dryRun, notes);
    done.push(...(tenant === defaultTenant ? rows : rows.map((row) => ({ tenant, ...row }))));
  }
  return done;
}

async function eraseRows(
  database: Database,
  target: { readonly trace: string } | { readonly user: string },
  dryRun: boolean,
  notes: string[],
): Promise<readonly ErasedRows[]> {
  const jobs =
    "trace" in target ? await traceJobs(database, target.trace) : await userJobs(database, target.user, notes);
  const done: ErasedRows[] = [];
  for (const { table, how, where } of jobs) {
    const rows = await countRows(database, table, where);
    if (rows === 0) continue;
    if (!dryRun)
      await mutate(database, table, how === "delete" ? `DELETE WHERE ${where}` : `${clearExemplars} WHERE ${where}`);
    done.push({ table, how, rows, left: await countRows(database, table, where) });
  }
  return done;
}

async function traceJobs(database: Database, trace: string): Promise<readonly Job[]> {
  const print = await fingerprint(database, trace);
  const exemplar = `arrayExists(x -> ${hasFingerprint("x", [print])}, Exemplars.TraceId)`;
  return [
    ...["otel_traces", "otel_logs", "otel_traces_trace_id_ts"].map((table): Job => {
      return { table, how: "delete", where: hasFingerprint("TraceId", [print]) };
    }),
    ...exemplarTables.map((table): Job => ({ table, how: "clear-exemplars", where: exemplar })),
  ];
}

async function userJobs(database: Database, user: string, notes: string[]): Promise<readonly Job[]> {
  const print = await fingerprint(database, user);
  const carries = (table: string): string => userCondition(table, print);
  const signals = ["otel_traces", "otel_logs"];
  const points = storedTables.map((table) => table.name).filter((name) => name.startsWith("otel_metrics_"));
  // Found before anything goes: what belongs to the user without naming it.
  const traces = await prints(database, signals, "TraceId", carries);
  const series = await prints(database, points, "SeriesHash", carries);
  if (traces.length >= relatedMax || series.length >= relatedMax)
    notes.push(`More than ${relatedMax} traces or series name the user; run this again until nothing is found.`);
  if (traces.length > 0)
    notes.push(
      `${traces.length} traces name the user. Spans and logs of them that do not name the user themselves are kept; ` +
        "erase those traces by their ids as well if they hold prompts or answers.",
    );
  const ofTraces = hasFingerprint("x", traces);
  const exemplar =
    `arrayExists(m -> ${anyKey("m", print)}, Exemplars.FilteredAttributes)` +
    (traces.length === 0 ? "" : ` OR arrayExists(x -> ${ofTraces}, Exemplars.TraceId)`);
  return [
    // Exemplars first: which traces are the user's is known from the spans.
    ...exemplarTables.map((table): Job => ({ table, how: "clear-exemplars", where: exemplar })),
    ...[...signals, ...points].map((table): Job => ({ table, how: "delete", where: carries(table) })),
    ...(series.length === 0
      ? []
      : ["metrics_10s", "metrics_1m"].map((table): Job => {
          return { table, how: "delete", where: hasFingerprint("toString(SeriesHash)", series) };
        })),
  ];
}

/** True for rows with a user key of that value in any of their attribute maps, those of events and links included. */
function userCondition(table: string, print: string): string {
  const columns = columnsOf(table as Parameters<typeof columnsOf>[0]);
  const maps = columns.filter(({ type }) => type.startsWith("Map(")).map(({ name }) => anyKey(backquote(name), print));
  const lists = columns
    .filter(({ name, type }) => type.startsWith("Array(Map(") && !name.startsWith("Exemplars."))
    .map(({ name }) => `arrayExists(m -> ${anyKey("m", print)}, ${name})`);
  return `(${[...maps, ...lists].join(" OR ")})`;
}

function anyKey(map: string, print: string): string {
  return userKeys.map((key) => hasFingerprint(`${map}[${quote(key)}]`, [print])).join(" OR ");
}

/** Fingerprints of a column's values in rows of these tables that carry the target. */
async function prints(
  database: Database,
  tables: readonly string[],
  column: string,
  where: (table: string) => string,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const table of tables) {
    const rows = await database.select<[string]>(
      `SELECT DISTINCT hex(sipHash128(toString(${column}))) FROM ${database.table(table)}
        WHERE ${where(table)} AND toString(${column}) != '' LIMIT ${relatedMax}`,
    );
    for (const [print] of rows) found.add(print);
  }
  return [...found].slice(0, relatedMax);
}

const clearExemplars = `UPDATE ${columnsOf("otel_metrics_gauge")
  .filter(({ name }) => name.startsWith("Exemplars."))
  .map(({ name, type }) => `${backquote(name)} = CAST([], ${quote(type)})`)
  .join(", ")}`;

async function countRows(database: Database, table: string, where: string): Promise<number> {
  const [[count] = [0]] = await database.select<[number]>(
    `SELECT toFloat64(count()) FROM ${database.table(table)} WHERE ${where}`,
  );
  return count;
}

async function eraseTenant(
  { tenants, remake }: EraseContext,
  tenant: string,
  dryRun: boolean,
): Promise<readonly ErasedRows[]> {
  const found = tenants.all().find((one) => one.tenant === tenant);
  if (found === undefined) throw unknownTenant(tenant, tenants);
  const { database } = found;
  const read = async (): Promise<readonly (readonly [string, number])[]> =>
    await database.select<[string, number]>(
      `SELECT name, toFloat64(ifNull(total_rows, 0)) FROM system.tables
        WHERE database = {name:String} AND engine NOT LIKE '%View' ORDER BY name`,
      { name: database.name },
    );
  const before = await read();
  if (!dryRun) {
    // Forgotten first: what arrives from now on waits for a database that is made anew.
    tenants.forget(tenant);
    await database.command(`DROP DATABASE IF EXISTS ${backquote(database.name)}${onCluster(database)} SYNC`);
    if (tenant === defaultTenant) await remake();
  }
  const after = new Map(tenant === defaultTenant && !dryRun ? [] : await read());
  return before
    .filter(([table]) => table !== "homeostat_migrations")
    .map(([table, rows]) => ({
      ...(tenant === defaultTenant ? {} : { tenant }),
      table,
      how: "drop",
      rows,
      left: after.get(table) ?? 0,
    }));
}

async function notesOn(context: EraseContext, target: EraseTarget): Promise<string[]> {
  const notes: string[] = [];
  const dead = await readdir(context.deadDirectory).catch(() => []);
  if (dead.length > 0)
    notes.push(
      `Rows the database refused lie in ${context.deadDirectory} (${dead.length} files) and were not searched; delete the files.`,
    );
  if ("tenant" in target) return notes;
  notes.push("Homeostat's own records (incidents, ledger) and backups were not searched.");
  return notes;
}
