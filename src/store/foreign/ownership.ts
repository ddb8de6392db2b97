// Whose the telemetry tables of a database are: an exporter's have the same names as ours, and must never be altered.
import type { Database } from "../database.ts";
import { storeError } from "../errors.ts";

/**
 * Tables named `otel_…` that Homeostat did not make: without its row identity, or in a database without its record of
 * migrations. Views hold nothing and are not counted.
 */
export async function foreignTables(database: Database): Promise<readonly string[]> {
  const tables = await database.select<[string, number]>(
    `SELECT t.name, toUInt8(max(c.name = '_batch')) FROM system.tables AS t
      LEFT JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
      WHERE t.database = {database:String} AND t.engine NOT LIKE '%View' GROUP BY t.name ORDER BY t.name`,
    { database: database.name },
  );
  const recorded = tables.some(([name]) => name === "homeostat_migrations");
  return tables
    .filter(([name, ours]) => {
      if (!name.startsWith("otel_")) return false;
      // The one table of ours whose rows have no identity: telling it twice changes nothing.
      const own = ours === 1 || /^otel_traces_trace_id_ts(_local)?$/.test(name);
      return !recorded || !own;
    })
    .map(([name]) => name);
}

/** Throws a StoreError `foreign-tables` if the database is somebody else's. Nothing is changed. */
export async function refuseForeign(database: Database): Promise<void> {
  const foreign = await foreignTables(database);
  if (foreign.length === 0) return;
  throw storeError(
    "foreign-tables",
    `Database ${database.name} holds ${foreign.join(", ")}, which Homeostat did not make (an OpenTelemetry exporter's, ` +
      "perhaps). They are left as they are. Give Homeostat a database of its own in store.database; what the others " +
      "hold can be read as history, without being changed, when it is named as a source.",
  );
}
