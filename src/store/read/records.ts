// Homeostat's nouns at rest, and the change log, which is one of them.
import type { ChangeLog } from "../../model/ports/change-log.ts";
import type { RecordKind, RecordQuery, Records, RecordTypes } from "../../model/ports/records.ts";
import type { TimeRange } from "../../model/time.ts";
import type { Database } from "../database.ts";
import type { Spool } from "../journal/journal.ts";
import { fromJson, recordRows } from "./record-tables.ts";

/** How long a put waits until a list would show it; what the log holds is durable and will be stored anyway. */
const visibleWithinMs = 10_000;
const limits = { default: 100, max: 1000 };

export function createRecords(database: Database, spool: Spool): Records {
  return {
    async put(kind, records) {
      if (records.length === 0) return;
      const ids = await spool.append([recordRows(kind, records)]);
      await spool.stored(ids.at(-1)!, visibleWithinMs);
    },
    async list(kind, query = {}) {
      const limit = Math.min(limits.max, Math.max(1, Math.floor(query.limit ?? limits.default)));
      return await readRecords(database, kind, query, "DESC", limit);
    },
  };
}

export function createChangeLog(database: Database, records: Records): ChangeLog {
  return {
    add: (event) => records.put("changes", [event]),
    within: (range: TimeRange) => readRecords(database, "changes", { range }, "ASC", 10_000),
  };
}

async function readRecords<K extends RecordKind>(
  database: Database,
  kind: K,
  { range, id }: RecordQuery,
  order: "ASC" | "DESC",
  limit: number,
): Promise<readonly RecordTypes[K][]> {
  const conditions = [
    ...(range === undefined
      ? []
      : ["at >= fromUnixTimestamp64Milli({from:Int64})", "at < fromUnixTimestamp64Milli({to:Int64})"]),
    ...(id === undefined ? [] : ["id = {id:String}"]),
  ];
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  // The ledger keeps every line; of all else the newest version counts.
  const newest = kind === "actions" ? "" : "FINAL";
  const rows = await database.select<[string]>(
    `SELECT body FROM ${database.table(kind)} ${newest} ${where}
      ORDER BY at ${order}, _batch ${order}, _i ${order} LIMIT ${limit}`,
    {
      ...(range === undefined ? {} : { from: clamp(range.from), to: clamp(range.to) }),
      ...(id === undefined ? {} : { id }),
    },
  );
  return rows.map(([body]) => fromJson<RecordTypes[K]>(body));
}

/** Instants the engine's time type can hold: the years 1900 to 2299. */
export function clamp(at: number): number {
  return Math.round(Math.min(10_413_791_999_000, Math.max(-2_208_988_800_000, Number.isNaN(at) ? 0 : at)));
}
