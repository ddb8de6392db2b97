// The journal at its limits: full, unwritable, refused, damaged, and on a server that others use too.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { storeError } from "../../src/store/errors.ts";
import { type JournalOptions, openJournal, type Spool } from "../../src/store/journal/journal.ts";
import { migrate, render } from "../../src/store/migrate.ts";
import { claimDatabase } from "../../src/store/owner.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { gauges } from "./batches.ts";
import { float64s, strings, uint64s } from "./native.ts";
import { countingTelemetry, type Folder, temporaryFolder, until } from "./support.ts";

let engine: Engine;
let folder: Folder;
let url: string;
let database: Database;
let opened = 0;
const t0 = Date.UTC(2026, 0, 2);
const point = (value: number): ColumnBatch => gauges([{ hash: 1n, at: t0, value }]);

beforeAll(async () => {
  folder = await temporaryFolder();
  engine = await startEngine({ path: join(folder.path, "data"), memoryBytes: 1e9, tcp: true }, silentTelemetry);
  url = `http://127.0.0.1:${engine.tcpPort()}`;
  database = openDatabase({ url, database: "journal" });
  await migrate(database, silentTelemetry.log);
});
afterAll(async () => {
  await database?.close();
  await engine?.close();
  await folder?.remove();
});

const freshDirectory = (): string => join(folder.path, `spool-${++opened}`);
const open = (directory: string, more: Partial<JournalOptions> = {}, telemetry = silentTelemetry): Promise<Spool> =>
  openJournal(
    {
      directory,
      database,
      backlogLimitBytes: 2 ** 30,
      diskFloorBytes: 1,
      now: Date.now,
      enginesLost: () => 0,
      ...more,
    },
    telemetry,
  );
const values = async (from: number): Promise<number[]> =>
  (
    await database.select<[number]>(
      `SELECT Value FROM journal.otel_metrics_gauge WHERE Value >= ${from} AND Value < ${from + 1000} ORDER BY Value`,
    )
  ).map(([value]) => value);

it("lets processes bring one database to its schema at the same time, and knows a newer one", async () => {
  const clients = [1, 2, 3].map(() => openDatabase({ url, database: "both" }));
  await Promise.all(clients.map((client) => migrate(client, silentTelemetry.log)));
  const files = readdirSync(new URL("../../src/store/migrations/", import.meta.url)).filter((name) =>
    name.endsWith(".sql"),
  );
  expect(files.length).toBeGreaterThan(3);
  expect(await clients[0]!.select("SELECT DISTINCT version FROM both.homeostat_migrations ORDER BY version")).toEqual(
    files.map((_, i) => [i + 1]),
  );
  for (const client of clients) await client.close();
  const own = (): Promise<Store> =>
    openStore(
      { url, database: "both", directory: freshDirectory(), diskFloorBytes: 1, now: Date.now },
      silentTelemetry,
    );
  const store = await own();
  expect(store.info()).toMatchObject({ mode: "server", database: "both" });
  await store[Symbol.asyncDispose]();
  await database.command("INSERT INTO both.homeostat_migrations VALUES (9999, 'later')");
  await expect(own()).rejects.toMatchObject({ kind: "schema-too-new" });
});

it("lets one Homeostat own a server's database: not a second, but the next one after it ended or died", async () => {
  const claim = (spoolId: string, counts = countingTelemetry()) =>
    claimDatabase({ database, spoolId, now: Date.now, beatMs: 50 }, counts.telemetry);
  const release = await claim("b");
  await expect(claim("a")).rejects.toMatchObject({
    kind: "database-in-use",
    message: expect.stringContaining("spool b"),
  });
  await release();
  const again = await claim("c");
  await again();
  // One that died left its claim behind, and never beats again.
  await database.command("INSERT INTO journal.homeostat_owners VALUES ('dead', 'owning', 9999999999999)");
  const counts = countingTelemetry();
  const last = await claim("d", counts);
  await database.command("INSERT INTO journal.homeostat_owners VALUES ('dead', 'owning', 9999999999998888)");
  await until("it saw the one it took for dead", () => counts.of("homeostat.store.alarms", "second-owner") > 0);
  await last();
  await database.command("INSERT INTO journal.homeostat_owners VALUES ('dead', 'released', 9999999999999999)");
  // Of two that come at once, one goes on.
  const both = await Promise.allSettled([claim("e"), claim("f")]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  for (const one of both) if (one.status === "fulfilled") await one.value();
});

it("keeps rows as long as it is told, and for ever when it is told no longer", async () => {
  const ttl = async (retentionDays: { metrics?: number }): Promise<unknown> => {
    const store = await openStore(
      { url, database: "kept", directory: freshDirectory(), retentionDays, now: Date.now },
      silentTelemetry,
    );
    const found = await store.rows(
      "SELECT extract(create_table_query, 'TTL (.*?) SETTINGS') AS t FROM system.tables WHERE database = 'kept' AND name = 'otel_metrics_sum'",
    );
    await store[Symbol.asyncDispose]();
    return found;
  };
  expect(await ttl({})).toEqual([{ t: "" }]);
  expect(await ttl({ metrics: 30 })).toEqual([{ t: "toDateTime(TimeUnix) + toIntervalDay(30)" }]);
  expect(await ttl({})).toEqual([{ t: "" }]);
});

it("turns the same migrations into replicated and distributed tables for a cluster", () => {
  const [local, distributed] = render(
    "CREATE TABLE IF NOT EXISTS {table t} (a Int8) ENGINE = {engine ReplacingMergeTree(a)} ORDER BY a SETTINGS {durable};",
    "d",
    "c",
  );
  expect(local).toContain("`d`.`t_local` ON CLUSTER `c` (a Int8) ENGINE = ReplicatedReplacingMergeTree(a)");
  expect(distributed).toBe(
    "CREATE TABLE IF NOT EXISTS `d`.`t` ON CLUSTER `c` AS `d`.`t_local` ENGINE = Distributed('c', 'd', 't_local', rand())",
  );
});

it("refuses a second owner of the spool, but not after the first has gone", async () => {
  const directory = freshDirectory();
  const first = await open(directory);
  await expect(open(directory)).rejects.toMatchObject({ kind: "directory-in-use" });
  await first.close(1000);
  await (await open(directory)).close(1000);
});

it("refuses more than the backlog limit and says so, then takes again", async () => {
  const spool = await open(freshDirectory(), { backlogLimitBytes: 100 });
  await spool.journal.append([point(1000)]);
  expect(spool.journal.pressure()).toMatchObject({ backlogLimitBytes: 100, writable: true });
  await expect(spool.journal.append([point(1001)])).rejects.toMatchObject({ kind: "backlog-full" });
  await spool.flushed();
  await spool.journal.append([point(1002)]);
  await spool.flushed();
  expect(await values(1000)).toEqual([1000, 1002]);
  await spool.close(1000);
});

it("is unwritable with a reason while its directory or disk is gone, and writable again by itself", async () => {
  const directory = freshDirectory();
  const spool = await open(directory);
  await spool.journal.append([point(2000)]);
  rmSync(join(directory, "log"), { recursive: true });
  await expect(spool.journal.append([point(2001)])).rejects.toMatchObject({ kind: "unwritable" });
  expect(spool.journal.pressure()).toMatchObject({ writable: false, reason: expect.any(String) });
  await until("it has healed", () => spool.journal.pressure().writable);
  await spool.journal.append([point(2002)]);
  await spool.flushed();
  expect(await values(2000)).toEqual([2000, 2002]);
  await spool.close(1000);
  const starved = await open(freshDirectory(), { diskFloorBytes: 2 ** 60 });
  expect(starved.journal.pressure()).toMatchObject({ writable: false, reason: expect.stringContaining("make room") });
  await expect(starved.journal.append([point(2003)])).rejects.toMatchObject({ kind: "unwritable" });
  await starved.close(1000);
});

it("sets aside the rows the engine refuses, stores the others, and is not held up", async () => {
  const counts = countingTelemetry();
  const directory = freshDirectory();
  const spool = await open(directory, {}, counts.telemetry);
  const odd = (from: number, times: readonly string[]): ColumnBatch => ({
    table: "otel_metrics_gauge",
    rows: times.length,
    columns: [
      { name: "SeriesHash", type: "UInt64", bytes: uint64s(times.map(() => 1n)) },
      { name: "TimeUnix", type: "String", bytes: strings(times) },
      { name: "Value", type: "Float64", bytes: float64s(times.map((_, i) => from + i)) },
    ],
  });
  const good = "2026-01-02 00:00:00";
  const unreadable = { ...point(3100), columns: [{ name: "Value", type: "Float64", bytes: strings(["x"]) }] };
  const unknown = { ...point(3200), columns: [{ name: "NoSuchColumn", type: "Float64", bytes: float64s([1]) }] };
  await spool.append([point(3000), odd(3001, [good, "rubbish", good, good, "?"]), unreadable, unknown, point(3300)]);
  await spool.flushed();
  expect(await values(3000)).toEqual([3000, 3001, 3003, 3004, 3300]);
  expect(counts.of("homeostat.store.dropped", "refused")).toBe(4);
  const dead = readdirSync(join(directory, "dead")).filter((name) => name.endsWith(".json"));
  expect(dead).toHaveLength(3);
  expect(JSON.parse(readFileSync(join(directory, "dead", dead[0]!), "utf8"))).toMatchObject({
    rows: [
      { from: 1, to: 2 },
      { from: 4, to: 5 },
    ],
  });
  await spool.close(1000);
});

it("takes up what an earlier process left, damaged or stored already, with ids that only rise", async () => {
  const directory = freshDirectory();
  const never = { ...database, send: () => Promise.reject(new Error("not now")) };
  const first = await open(directory, { database: never });
  const ids = [
    ...(await first.append([point(4000)], ["a"])),
    ...(await first.append([point(4001)])),
    ...(await first.append([point(4002)])),
  ];
  await first.close(10);
  const [name] = readdirSync(join(directory, "log")).filter((file) => file.endsWith(".log"));
  const file = join(directory, "log", name!);
  const bytes = readFileSync(file);
  // The second of the three entries behind the first one, which carries keys, loses a byte; a half entry follows the last.
  const starts = [...bytes.keys()].filter((at) => bytes.toString("latin1", at, at + 4) === "HSL1");
  bytes[starts[2]! + 40]! ^= 1;
  writeFileSync(file, Buffer.concat([bytes, bytes.subarray(starts[3]!, starts[3]! + 30)]));
  rmSync(join(directory, "checkpoint.json"));
  const counts = countingTelemetry();
  const second = await open(directory, { now: () => 5 }, counts.telemetry);
  expect(second.journal.seen("a")).toBe(true);
  const [later] = await second.append([point(4003)]);
  expect(later! > ids.at(-1)!).toBe(true);
  await second.flushed();
  expect(second.storedThrough() >= later!).toBe(true);
  expect(await values(4000)).toEqual([4000, 4002, 4003]);
  expect([counts.of("homeostat.store.log_damage", "torn"), counts.of("homeostat.store.log_damage", "corrupt")]).toEqual(
    [1, 1],
  );
  expect(readdirSync(join(directory, "dead"))).toHaveLength(1);
  await second.close(1000);
});

it("stores rows once although the answers to inserts are lost, in the same process and the next", async () => {
  const directory = freshDirectory();
  let lost = 0;
  const losing = (times: number): Database => ({
    ...database,
    async send(...insert) {
      await database.send(...insert);
      if (lost++ < times) throw storeError("unavailable", "the answer was lost");
    },
  });
  const first = await open(directory, { database: losing(2) });
  for (let i = 0; i < 3; i++) await first.append([point(6000 + i)]);
  await first.flushed();
  expect(lost).toBeGreaterThan(2);
  await first.close(1000);
  const second = await open(directory, { database: losing(Number.POSITIVE_INFINITY) });
  await second.append([point(6100), gauges([{ hash: 1n, at: t0 + 86_400_000, value: 6101 }])]);
  await until("the rows are there", async () => (await values(6000)).length === 5);
  expect(second.storedThrough() < 2n ** 63n && second.journal.pressure().backlogBytes > 0).toBe(true);
  await second.close(10);
  const third = await open(directory);
  await third.flushed();
  expect(await values(6000)).toEqual([6000, 6001, 6002, 6100, 6101]);
  await third.close(1000);
});

it("begins new files as they fill, lets go of stored ones, and remembers their requests", async () => {
  const directory = freshDirectory();
  const spool = await open(directory, { fileBytes: 2000 });
  for (let i = 0; i < 30; i++) await spool.journal.append([point(5000 + i)], [`request-${i}`]);
  await spool.flushed();
  await until("only the last file is left", () => readdirSync(join(directory, "log")).length === 1);
  await spool.close(1000);
  const again = await open(directory);
  expect(Array.from({ length: 30 }, (_, i) => again.journal.seen(`request-${i}`))).not.toContain(false);
  expect(await values(5000)).toHaveLength(30);
  await again.close(1000);
});
