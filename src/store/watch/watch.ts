// Watches the stored data: what is set aside or damaged makes answers wrong without any error, so it raises alarms.
import { join } from "node:path";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Database } from "../database.ts";
import { type Finding, keyOf, readAlarms, type StoreAlarm, tableIn, writeAlarms } from "./alarms.ts";
import { deadRows } from "./dead-rows.ts";
import { activeParts, checkPartition, detachedParts, partitions } from "./parts.ts";

export interface EngineWatch {
  /** Looks at what was set aside. Quick. Rejects while the engine cannot be asked. */
  watch(): Promise<readonly StoreAlarm[]>;
  /** Reads every part of every table and compares checksums: minutes for large tables, meant for the night. */
  checkTables(): Promise<readonly StoreAlarm[]>;
}

export interface WatchOptions {
  /** The default tenant's. */
  readonly database: Database;
  /** Those watched, `database` among them; absent: only that. */
  readonly databases?: () => readonly Database[];
  /** Remembers in `watch.json` what was seen. */
  readonly directory: string;
  /** Where refused rows lie. */
  readonly deadDirectory: string;
  /** Definitions set aside; what can be done about them by itself is done there. */
  readonly definitions: () => Promise<readonly Finding[]>;
  /** Wall time, Unix ms. */
  readonly now: () => number;
}

/** Kinds that only a check of everything finds. */
const checked: readonly StoreAlarm["kind"][] = ["broken-part", "unchecked"];

/** On a cluster, `watch` sees all its nodes; `checkTables` only the one it is connected to. */
export function createEngineWatch(options: WatchOptions, telemetry: Telemetry): EngineWatch {
  const databases = (): readonly Database[] => options.databases?.() ?? [options.database];
  const named = <T extends { readonly table: string }>({ name }: Database, found: readonly T[]): readonly T[] =>
    found.map((one) => ({ ...one, table: tableIn(name, one.table, options.database.name) }));
  const file = join(options.directory, "watch.json");
  const alarms = new Map(readAlarms(file).map((alarm) => [keyOf(alarm), alarm]));

  const set = async (found: readonly Finding[]): Promise<readonly StoreAlarm[]> => {
    const before = JSON.stringify([...alarms.values()]);
    const keep = new Set(found.map(keyOf));
    for (const key of alarms.keys()) if (!keep.has(key)) alarms.delete(key);
    for (const alarm of found) {
      const key = keyOf(alarm);
      const known = alarms.get(key);
      // Who set a part aside knew more about it than anyone who finds it later.
      const same = known?.kind === "detached-part" ? known : alarm;
      alarms.set(key, { ...same, since: known?.since ?? options.now() });
      if (known !== undefined) continue;
      const { kind, table, part, rows, says, remedy } = alarm;
      telemetry.count("homeostat.store.alarms", 1, { reason: kind, table });
      if (rows !== undefined) telemetry.count("homeostat.store.rows_missing", rows, { reason: kind, table });
      telemetry.log.error(`store: ${says}`, { table, part, remedy });
    }
    telemetry.gauge("homeostat.store.open_alarms", alarms.size);
    const after = [...alarms.values()];
    if (JSON.stringify(after) !== before) await writeAlarms(file, after, telemetry);
    return after;
  };
  const look = async (): Promise<readonly Finding[]> => {
    const found = [...(await options.definitions())];
    for (const database of databases()) found.push(...named(database, await detachedParts(database)));
    return [...found, ...(await deadRows(options.deadDirectory))];
  };
  /** What the last check found and is still so; a part that was dropped or replaced is no alarm any more. */
  const stillSo = async (): Promise<readonly Finding[]> => {
    const found = [...alarms.values()].filter((alarm) => checked.includes(alarm.kind));
    if (!found.some((alarm) => alarm.kind === "broken-part")) return found;
    const active = new Set<string>();
    for (const database of databases())
      for (const { table, part } of named(database, await activeParts(database))) active.add(`${table}/${part}`);
    return found.filter(({ kind, table, part }) => kind !== "broken-part" || active.has(`${table}/${part}`));
  };

  return {
    async watch() {
      return await set([...(await look()), ...(await stillSo())]);
    },
    async checkTables() {
      const found: Finding[] = [];
      for (const database of databases())
        for (const [table, partition] of await partitions(database))
          found.push(...named(database, await checkPartition(database, table, partition)));
      telemetry.count("homeostat.store.table_checks");
      const own = new Set(found.map(keyOf));
      return await set([...found, ...(await look()).filter((finding) => !own.has(keyOf(finding)))]);
    },
  };
}
