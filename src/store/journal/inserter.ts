// Gets frames into their table, each row exactly once whatever happened before.
import type { ClickHouseSettings } from "@clickhouse/client";
import type { Database } from "../database.ts";
import { backquote, quote } from "../engine/sql-text.ts";
import type { Frame } from "./log.ts";

/** Rows of a frame by `_i`, `to` exclusive. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

export interface Inserter {
  /** For frames no insert was ever tried with. `marker` is part of the statement. */
  insertNew(frames: readonly Frame[], marker: string): Promise<void>;
  /** Inserts those rows (of a range of the only frame) that are not there. No other insert of them may be running. */
  insertMissing(frames: readonly Frame[], marker: string, range?: RowRange): Promise<void>;
}

/** Asks the engine which indexes it may leave to the first merge. All frames of a call have one table and the same columns. */
export async function createInserter(database: Database): Promise<Inserter> {
  const deferred = await deferrableIndexes(database);
  const settings = (table: string): ClickHouseSettings => ({
    async_insert: 0,
    insert_deduplicate: 0,
    // One partition a day: late rows of many days in one body are many partitions.
    max_partitions_per_insert_block: "1000",
    wait_end_of_query: 1,
    ...(database.cluster === undefined ? {} : { distributed_foreground_insert: 1 }),
    ...(deferred.has(table) ? { exclude_materialize_skip_indexes_on_insert: deferred.get(table)! } : {}),
  });
  const send = async (sql: string, frames: readonly Frame[], marker: string): Promise<void> => {
    const body: Buffer[] = [];
    for (const frame of frames) body.push(await frame.read());
    await database.send(`/* ${marker} */ ${sql}`, body, settings(frames[0]!.table));
  };

  return {
    async insertNew(frames, marker) {
      const { names, table } = shapeOf(frames[0]!, database);
      await send(`INSERT INTO ${table} (${names}) FORMAT Native`, frames, marker);
    },
    async insertMissing(frames, marker, range) {
      const { names, table, structure } = shapeOf(frames[0]!, database);
      const ids = frames.map((frame) => frame.id).join(", ");
      const within = range === undefined ? "" : `_i >= ${range.from} AND _i < ${range.to} AND `;
      await send(
        `INSERT INTO ${table} (${names}) SELECT ${names} FROM input(${quote(structure)}) WHERE ${within}` +
          `(_batch, _i) NOT IN (SELECT _batch, _i FROM ${table} WHERE _batch IN (${ids})) FORMAT Native`,
        frames,
        marker,
      );
      // A view's rows are no part of the insert that was cut short; this one takes being told twice.
      if (frames[0]!.table !== "otel_traces") return;
      await database.command(
        `/* ${marker} */ INSERT INTO ${database.table("otel_traces_trace_id_ts")} (TraceId, Start, End)
          SELECT TraceId, toDateTime(min(Timestamp)), toDateTime(max(Timestamp)) FROM ${table}
          WHERE _batch IN (${ids}) AND TraceId != '' GROUP BY TraceId`,
      );
    },
  };
}

interface Shape {
  readonly table: string;
  readonly names: string;
  readonly structure: string;
}

function shapeOf(frame: Frame, database: Database): Shape {
  const columns = [...frame.columns, ["_batch", "UInt64"], ["_i", "UInt32"]] as const;
  return {
    table: database.table(frame.table),
    names: columns.map(([name]) => backquote(name!)).join(", "),
    structure: columns.map(([name, type]) => `${backquote(name!)} ${type}`).join(", "),
  };
}

/**
 * Bloom and token filters cost several times the insert itself and are built at the first merge as well; `_batch` and
 * time indexes are needed at once. Empty for servers that cannot leave single indexes out.
 */
async function deferrableIndexes(database: Database): Promise<ReadonlyMap<string, string>> {
  const known = await database.select(
    "SELECT name FROM system.settings WHERE name = 'exclude_materialize_skip_indexes_on_insert'",
  );
  if (known.length === 0) return new Map();
  const rows = await database.select<[string, string]>(
    `SELECT table, arrayStringConcat(groupArray(name), ',') FROM system.data_skipping_indices
      WHERE database = {database:String} AND type != 'minmax' GROUP BY table`,
    { database: database.name },
  );
  return new Map(rows.map(([table, names]) => [table.replace(/_local$/, ""), names]));
}
