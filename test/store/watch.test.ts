// Damage on disk is told, by table, and stops nothing else: real files of a real engine are spoilt while it is away.
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { gauges, logs, spans, sums } from "./batches.ts";
import { doors, type Place } from "./doors.ts";
import type { Counts } from "./support.ts";

let place: Place;
let store: Store;
let wall = 1_000;
const t0 = Date.UTC(2026, 0, 2);

afterEach(async () => {
  await place.leave();
});

async function open(): Promise<Counts> {
  place.counts.clear();
  store = await place.open({ now: () => wall++ });
  return place.counts;
}

/** Stores a little in four tables, then changes files of the engine while it is away. */
async function fill(spoil: (part: (table: string) => string, definition: (table: string) => string) => void) {
  await open();
  await store.journal.append([
    gauges([{ hash: 1n, at: t0, value: 1 }]),
    sums([{ hash: 2n, at: t0, value: 2 }]),
    spans(["t1"], t0),
    logs(["a", "b"], t0),
  ]);
  await store.flushed();
  const own = `database = '${place.database}'`;
  const parts = await store.rows<{ table: string; path: string }>(
    `SELECT table, path FROM system.parts WHERE ${own} AND active`,
  );
  const tables = await store.rows<{ table: string; path: string }>(
    `SELECT name AS table, metadata_path AS path FROM system.tables WHERE ${own}`,
  );
  const find = (list: typeof parts, table: string): string => list.find((one) => one.table === table)!.path;
  await place.whileClosed(() =>
    spoil(
      (table) => find(parts, table),
      (table) => join(place.directory, "data", find(tables, table)),
    ),
  );
}

function flipMiddle(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 0xff;
  writeFileSync(file, bytes);
}

const columnOf = (part: string, column: string): string =>
  join(part, readdirSync(part).find((name) => name === "data.bin" || name === `${column}.bin`)!);
const values = async (table: string, column: string): Promise<unknown[]> =>
  (await store.rows<{ x: unknown }>(`SELECT ${column} AS x FROM ${place.database}.${table} ORDER BY x`)).map(
    ({ x }) => x,
  );

describe.each(doors.filter((door) => door.files))("$name", (door) => {
  beforeEach(async () => {
    place = await door.enter();
  });

  it("raises no alarm for sound data", async () => {
    await fill(() => {});
    const counts = await open();
    expect(await store.watch()).toEqual([]);
    expect(await store.checkTables()).toEqual([]);
    expect(counts.of("homeostat.store.alarms")).toBe(0);
  });

  it("tells at the start of a part the engine set aside, once, and for as long as it lies there", async () => {
    await fill((part) => truncateSync(join(part("otel_logs"), "checksums.txt"), 20));
    const counts = await open();
    expect(counts.of("homeostat.store.alarms", "detached-part")).toBe(1);
    expect(counts.of("homeostat.store.rows_missing", "detached-part")).toBe(2);
    const [alarm, ...more] = await store.watch();
    expect(more).toEqual([]);
    expect(alarm).toMatchObject({
      kind: "detached-part",
      table: "otel_logs",
      rows: 2,
      says: expect.stringContaining("its rows (2) are missing from answers"),
      remedy: expect.stringContaining("DROP DETACHED PART"),
    });
    expect(await values("otel_traces", "TraceId")).toEqual(["t1"]);
    await store.journal.append([logs(["c"], t0)]);
    await store.flushed();
    expect(await values("otel_logs", "Body")).toEqual(["c"]);
    await place.whileClosed(() => {});
    const again = await open();
    expect(again.of("homeostat.store.alarms")).toBe(0);
    expect(await store.watch()).toEqual([alarm]);
  });

  it("finds flipped bytes by reading everything, sets the part aside and says how many rows are gone", async () => {
    await fill((part) => {
      flipMiddle(columnOf(part("otel_metrics_gauge"), "Value"));
      writeFileSync(join(part("otel_logs"), "count.txt"), "1");
    });
    const counts = await open();
    expect(await store.watch()).toEqual([]);
    await expect(store.rows(`SELECT * FROM ${place.database}.otel_metrics_gauge`)).rejects.toThrow(
      /corrupted|[Cc]hecksum/,
    );
    const alarms = await store.checkTables();
    expect(alarms.map(({ kind, table, rows }) => `${kind} ${table} ${rows}`)).toEqual([
      "detached-part otel_logs 1",
      "detached-part otel_metrics_gauge 1",
    ]);
    expect(alarms[0]!.says).toContain("count.txt");
    expect(counts.of("homeostat.store.rows_missing", "detached-part")).toBe(2);
    expect(await values("otel_metrics_gauge", "Value")).toEqual([]);
    expect(await values("otel_metrics_sum", "Value")).toEqual([2]);
    expect(await store.watch()).toEqual(alarms);
    expect(await store.checkTables()).toEqual(alarms);

    await store.journal.append([gauges([{ hash: 1n, at: t0, value: 9 }])]);
    await store.flushed();
    expect(await values("otel_metrics_gauge", "Value")).toEqual([9]);
    await place.whileClosed(() => {});
    await open();
    expect(await store.watch()).toEqual(alarms);
    const { table, part } = alarms[1]!;
    expect(alarms[1]!.remedy).toContain(`DROP DETACHED PART '${part}'`);
    await place.whileClosed(() => {
      const folder = /Look at (.*): restore/.exec(alarms[1]!.remedy)![1]!;
      rmSync(folder.replace(/[^/]+\/?$/, `detached/${part}`), { recursive: true });
    });
    await open();
    expect((await store.watch()).map((alarm) => alarm.table)).toEqual(["otel_logs"]);
    expect(table).toBe("otel_metrics_gauge");
  });

  it("tells of damage to the log of what was received, until a person has seen to it", async () => {
    await fill(() => {
      const directory = join(place.directory, "spool", "log");
      for (const name of readdirSync(directory)) flipMiddle(join(directory, name));
    });
    await open();
    expect(await store.watch()).toMatchObject([{ kind: "damaged-log", says: expect.stringContaining("1 pieces") }]);
    rmSync(join(place.directory, "spool", "dead"), { recursive: true });
    expect(await store.watch()).toEqual([]);
  });
});

describe("the embedded engine's own files", () => {
  beforeEach(async () => {
    place = await doors[0]!.enter();
  });

  it("are set aside when they are garbage, the tables made anew with their rows, and that is told", async () => {
    const garbage = ["", "\0\0\0garbage", "ATTACH TABLE _ UUID 'cut off"];
    const spoilt = ["otel_logs", "otel_metrics_sum", "homeostat_migrations"];
    await fill((_, definition) => {
      for (const [i, table] of spoilt.entries()) writeFileSync(definition(table), garbage[i]!);
      // Still a statement, but of a type there is not.
      const file = definition("otel_traces");
      writeFileSync(file, readFileSync(file, "utf8").replace("`SpanName` LowCardinality", "`SpanName` LawCardinality"));
      writeFileSync(definition("otel_traces_trace_id_ts_mv"), "?");
    });
    const counts = await open();
    expect(await values("otel_logs", "Body")).toEqual(["a", "b"]);
    expect(await values("otel_metrics_sum", "Value")).toEqual([2]);
    expect(await values("otel_traces", "TraceId")).toEqual(["t1"]);
    expect(await values("otel_metrics_gauge", "Value")).toEqual([1]);
    const alarms = await store.watch();
    expect(new Set(alarms.map(({ kind, table }) => `${kind} ${table}`))).toEqual(
      new Set([...spoilt, "otel_traces", "otel_traces_trace_id_ts_mv"].map((table) => `broken-definition ${table}`)),
    );
    expect(counts.of("homeostat.store.alarms", "broken-definition")).toBe(5);
    expect(alarms.find(({ table }) => table === "otel_logs")!.says).toContain("over its 2 rows");

    await store.journal.append([spans(["t2"], t0), logs(["c"], t0)]);
    await store.flushed();
    expect(await values("otel_logs", "Body")).toEqual(["a", "b", "c"]);
    expect(await values("otel_traces_trace_id_ts", "TraceId")).toEqual(["t1", "t2"]);
    await place.whileClosed(() => {
      for (const { part } of alarms) rmSync(part);
    });
    await open();
    expect(await store.watch()).toEqual([]);
    expect(await values("otel_logs", "Body")).toEqual(["a", "b", "c"]);
    expect(await store.rows("SELECT name FROM system.databases WHERE name LIKE '%remake'")).toEqual([]);
  });

  it("may be garbage for the database itself, or for a table nobody remembers", async () => {
    await fill((_, definition) => {
      writeFileSync(join(place.directory, "data", "metadata", `${place.database}.sql`), "junk");
      writeFileSync(definition("otel_logs"), "junk");
      rmSync(join(place.directory, "set-aside", "tables.json"));
    });
    await open();
    expect(await values("otel_metrics_gauge", "Value")).toEqual([1]);
    expect(await values("otel_logs", "Body")).toEqual([]);
    const alarms = await store.watch();
    expect(alarms.map(({ table }) => table)).toEqual(["", "otel_logs"]);
    expect(alarms[0]!.says).toContain("its tables are there");
    expect(alarms[1]!.says).toContain("without the rows a table had");
    await store.journal.append([logs(["c"], t0)]);
    await store.flushed();
    expect(await values("otel_logs", "Body")).toEqual(["c"]);
  });
});
