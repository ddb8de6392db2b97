// How long rows are kept, applied to the tables as they are; nothing named = for ever.
import { type Database, localTable, onCluster } from "./database.ts";
import { type StoredSignal, storedTables } from "./tables.ts";

/** Days of event time, whole ones. Replays set none: their rows are as old as they like. */
export type RetentionDays = { readonly [S in StoredSignal]?: number };

/** Changes a table only where it differs from what is asked. Resolves with the tables that were changed. */
export async function applyRetention(database: Database, days: RetentionDays): Promise<readonly string[]> {
  const found = await database.select<[string, string]>(
    "SELECT name, create_table_query FROM system.tables WHERE database = {database:String}",
    { database: database.name },
  );
  const definitions = new Map(found);
  const changed: string[] = [];
  for (const { name, signal, time } of storedTables) {
    const definition = definitions.get(database.cluster === undefined ? name : `${name}_local`);
    if (definition === undefined) continue;
    const present = /\bTTL .* \+ toIntervalDay\((\d+)\)/.exec(definition)?.[1];
    const wanted = days[signal] === undefined ? undefined : String(Math.max(1, Math.floor(days[signal])));
    if (present === wanted) continue;
    const change = wanted === undefined ? "REMOVE TTL" : `MODIFY TTL ${time} + toIntervalDay(${wanted})`;
    await database.command(`ALTER TABLE ${localTable(database, name)}${onCluster(database)} ${change}`);
    changed.push(name);
  }
  return changed;
}
