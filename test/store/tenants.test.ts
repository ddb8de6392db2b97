// Rows of one tenant never reach another's database, whatever is interleaved, killed and taken up again.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { storeError } from "../../src/store/errors.ts";
import { encodeEntry } from "../../src/store/journal/entry.ts";
import { openJournal, type Spool } from "../../src/store/journal/journal.ts";
import { migrate } from "../../src/store/migrate.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { createTenants, storedTenants, type Tenants } from "../../src/store/tenants.ts";
import { gauges, logs, spans } from "./batches.ts";
import { countingTelemetry, type Folder, temporaryFolder, until } from "./support.ts";

let engine: Engine;
let folder: Folder;
let url: string;
let database: Database;
let opened = 0;
const t0 = Date.UTC(2026, 0, 2);
const names = ["default", "a", "b", "a_b"];

beforeAll(async () => {
  folder = await temporaryFolder();
  engine = await startEngine({ path: join(folder.path, "data"), memoryBytes: 1e9, tcp: true }, silentTelemetry);
  url = `http://127.0.0.1:${engine.tcpPort()}`;
  database = openDatabase({ url, database: "t" });
  await migrate(database, silentTelemetry.log);
});
afterAll(async () => {
  await database?.close();
  await engine?.close();
  await folder?.remove();
});

const freshDirectory = (): string => join(folder.path, `spool-${++opened}`);
const open = (directory: string, own = database, telemetry = silentTelemetry, tenants?: Tenants): Promise<Spool> =>
  openJournal(
    {
      directory,
      database: own,
      backlogLimitBytes: 2 ** 30,
      diskFloorBytes: 1,
      fileBytes: 4000,
      now: Date.now,
      enginesLost: () => 0,
      ...(tenants === undefined ? {} : { tenants }),
    },
    telemetry,
  );
const databaseOf = (tenant: string): string => (tenant === "default" ? "t" : `t_${tenant}`);
/** Canaries of a run in a tenant's tables, sorted, as `table:number`. */
const canaries = async (tenant: string, run: number): Promise<string[]> => {
  const name = databaseOf(tenant);
  const [from, to] = [run * 1000, run * 1000 + 1000];
  const rows = await database.select<[string]>(
    `SELECT * FROM (
      SELECT concat('gauge:', toString(toUInt64(Value))) AS c FROM ${name}.otel_metrics_gauge WHERE Value >= ${from} AND Value < ${to}
      UNION ALL SELECT concat('log:', Body) FROM ${name}.otel_logs WHERE toUInt64OrZero(Body) >= ${from} AND toUInt64OrZero(Body) < ${to}
      UNION ALL SELECT concat('trace:', TraceId) FROM ${name}.otel_traces_trace_id_ts WHERE toUInt64OrZero(TraceId) >= ${from} AND toUInt64OrZero(TraceId) < ${to} GROUP BY TraceId
    ) ORDER BY c`,
  );
  return rows.map(([canary]) => canary);
};
const batchOf = (kind: string, canary: number): ColumnBatch => {
  if (kind === "gauge") return gauges([{ hash: 1n, at: t0, value: canary }]);
  return kind === "log" ? logs([String(canary)], t0) : spans([String(canary)], t0);
};

it("holds over random interleavings of tenants, tables, lost answers and crashes", async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        tenant: fc.constantFrom(...names),
        kinds: fc.array(fc.constantFrom("gauge", "log", "trace"), { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant("crash" as const) },
    { weight: 1, arbitrary: fc.constant("forget the checkpoint" as const) },
  );
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 3, maxLength: 14 }),
      fc.integer({ min: 1, max: 4 }),
      async (steps, every) => {
        run++;
        const directory = freshDirectory();
        let sends = 0;
        // Every so many inserts succeed without anybody hearing of it. One that died sends nothing more, which the client
        // of a process that goes on would.
        const losing = (): { readonly database: Database; die(): Promise<void> } => {
          let dead = false;
          const running = new Set<Promise<void>>();
          return {
            database: {
              ...database,
              async send(...insert) {
                if (dead) throw storeError("unavailable", "the process is dead");
                const sent = database.send(...insert);
                running.add(sent);
                await sent.finally(() => running.delete(sent));
                if (++sends % (every + 1) === 0) throw storeError("unavailable", "the answer was lost");
              },
            },
            async die() {
              dead = true;
              await Promise.allSettled(running);
            },
          };
        };
        const expected = new Map(names.map((tenant) => [tenant, [] as string[]]));
        let canary = run * 1000;
        let life = losing();
        let spool = await open(directory, life.database);
        for (const one of steps) {
          if (typeof one === "string") {
            // Whatever runs is given up: the next process finds the log as it lies there.
            await Promise.all([life.die(), spool.close(0)]);
            if (one === "forget the checkpoint") rmSync(join(directory, "checkpoint.json"), { force: true });
            life = losing();
            spool = await open(directory, life.database);
            continue;
          }
          const rows = one.kinds.map((kind) => [kind, canary++] as const);
          await spool.append(
            rows.map(([kind, number]) => batchOf(kind, number)),
            [],
            one.tenant,
          );
          expected.get(one.tenant)!.push(...rows.map(([kind, number]) => `${kind}:${number}`));
        }
        await spool.flushed();
        await spool.close(1000);
        for (const tenant of names) {
          const found = expected.get(tenant)!.length === 0 && tenant !== "default" ? [] : await canaries(tenant, run);
          expect(found).toEqual(expected.get(tenant)!.toSorted());
        }
      },
    ),
    { numRuns: 8 },
  );
}, 240_000);

it("reads a log written before there were tenants as the default tenant's", async () => {
  const directory = freshDirectory();
  const { bytes } = encodeEntry(1000, [["old", Date.now()]], [batchOf("gauge", 900_001)], [7n << 40n]);
  // Nothing in it tells of tenants: byte for byte what the version before wrote.
  expect(bytes.includes("tenant")).toBe(false);
  expect(bytes.subarray(0, 4).toString()).toBe("HSL1");
  const other = encodeEntry(1000, [], [batchOf("gauge", 900_002)], [(7n << 40n) + 1n], "a").bytes;
  // An older version knows no such entry, and sets it aside instead of storing it with its own.
  expect(other.subarray(0, 4).toString()).toBe("HSL2");
  mkdirSync(join(directory, "log"), { recursive: true });
  writeFileSync(join(directory, "log", `${"1".padStart(20, "0")}.log`), Buffer.concat([bytes, other]));
  const spool = await open(directory);
  expect(spool.journal.seen("old")).toBe(true);
  await spool.flushed();
  expect(await canaries("default", 900)).toEqual(["gauge:900001"]);
  expect(await canaries("a", 900)).toEqual(["gauge:900002"]);
  await spool.close(1000);
});

it("stores a log that the version before tenants wrote", async () => {
  const directory = freshDirectory();
  // One entry with one log record, body "901001", as that version wrote it to disk.
  const bytes = Buffer.from(
    "SFNMMcYAAADlUtEFiQAAAHsiYXQiOjEwMDAsImtleXMiOltbIm9sZCIsMTAwMF1dLCJmcmFtZXMiOlt7ImlkIjoiOTg5NTYwNDY0OTk4NCIsInRhYmxl" +
      "Ijoib3RlbF9sb2dzIiwicm93cyI6MSwiY29sdW1ucyI6W1siQm9keSIsIlN0cmluZyJdXSwiYnl0ZXMiOjU3fV19AwEEQm9keQZTdHJpbmcGOTAxMDAx" +
      "Bl9iYXRjaAZVSW50NjQAAAAAAAkAAAJfaQZVSW50MzIAAAAA",
    "base64",
  );
  mkdirSync(join(directory, "log"), { recursive: true });
  writeFileSync(join(directory, "log", `${"1".padStart(20, "0")}.log`), bytes);
  const spool = await open(directory);
  await spool.flushed();
  expect(await canaries("default", 901)).toEqual(["log:901001"]);
  await spool.close(1000);
});

it("keeps one tenant's trouble from the others: they are stored and read on, and it catches up", async () => {
  const counts = countingTelemetry();
  const real = createTenants({ database, prepare: (own, comment) => migrate(own, silentTelemetry.log, { comment }) });
  let broken = true;
  const tenants: Tenants = {
    ...real,
    open: (tenant) =>
      tenant === "b" && broken ? Promise.reject(storeError("unavailable", "no rights")) : real.open(tenant),
  };
  const spool = await open(freshDirectory(), database, counts.telemetry, tenants);
  for (let i = 0; i < 3; i++)
    await spool.append(
      [batchOf("gauge", 902_000 + i), batchOf("log", 902_100 + i), batchOf("trace", 902_200 + i)],
      [],
      "b",
    );
  const ids = await spool.append([batchOf("gauge", 902_500)], [], "a");
  await until("a's row is there", () => spool.storedThrough("a") >= ids[0]!);
  expect(await canaries("a", 902)).toEqual(["gauge:902500"]);
  expect(spool.storedThrough("b") < ids[0]!).toBe(true);
  await until("b was tried", () => counts.of("homeostat.store.insert_failures", "no-database") > 0);
  broken = false;
  await spool.flushed();
  expect(await canaries("b", 902)).toHaveLength(9);
  await spool.close(1000);
});

it("takes no database of somebody else for a tenant's, nor a tenant's for a store of its own", async () => {
  await database.command("CREATE DATABASE t_theirs");
  const tenants = createTenants({
    database,
    prepare: (own, comment) => migrate(own, silentTelemetry.log, { comment }),
  });
  await expect(tenants.open("theirs")).rejects.toMatchObject({
    kind: "refused",
    message: expect.stringContaining("t_theirs"),
  });
  await expect(tenants.open("x`; DROP")).rejects.toMatchObject({ kind: "refused" });
  await tenants.open("a");
  expect(await storedTenants(database)).toContain("a");
  expect(await storedTenants(database)).not.toContain("theirs");
  const at = (name: string, own: readonly string[] = []): Promise<Store> =>
    openStore(
      { url, database: name, tenants: own, directory: freshDirectory(), diskFloorBytes: 1, now: Date.now },
      silentTelemetry,
    );
  await expect(at("t_a")).rejects.toMatchObject({ kind: "refused", message: expect.stringContaining("tenant a of t") });
  await expect(at("t", ["theirs"])).rejects.toMatchObject({ kind: "refused" });
});

it("gives observers every tenant's points, apart: hashes, tenants, and logs", async () => {
  const store = await openStore(
    { url, database: "o", tenants: ["x"], directory: freshDirectory(), diskFloorBytes: 1, now: Date.now },
    silentTelemetry,
  );
  for (const [i, tenant] of ["default", "x", "y"].entries())
    await store.journal.append([gauges([{ hash: 5n, at: t0, value: i }]), logs([`hello ${tenant}`], t0)], [], tenant);
  await store.flushed();
  const seen: string[] = [];
  for (let cursor = ""; ; ) {
    const page = await store.reader.metricsAfter(cursor, 0);
    for (const { hash, tenant } of page.series) seen.push(`series ${hash} of ${tenant}`);
    for (const { hash, value } of page.points) seen.push(`${hash} = ${value}`);
    if (page.cursor === cursor) break;
    cursor = page.cursor;
  }
  expect(seen.toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
    "5 = 0",
    "series 5 of default",
    "series x:5 of x",
    "series y:5 of y",
    "x:5 = 1",
    "y:5 = 2",
  ]);
  const found = await store.logs.search({ contains: "hello", range: { from: t0 - 1, to: t0 + 10 }, limit: 10 });
  expect(found.map(({ body, tenant }) => `${body}: ${tenant}`).toSorted()).toEqual([
    "hello default: undefined",
    "hello x: x",
    "hello y: y",
  ]);
  await expect(store.reader.metricsAfter("12,'", 0)).rejects.toThrow("not a cursor");
  // Rollups and costs are of every tenant.
  expect((await store.rollUp(t0 + 60_000)).hours).toBe(3);
  expect(await store.rows("SELECT toString(count()) AS n FROM o_y.metrics_1m")).toEqual([{ n: "1" }]);
  expect((await store.cost("x")).database).toBe("o_x");
  await expect(store.cost("z")).rejects.toMatchObject({ kind: "refused" });
  await store[Symbol.asyncDispose]();
});
