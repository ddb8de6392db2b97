// Rows an engine dies of are found and set aside, and nothing beside them is; turns keep the innocent out of it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { openJournal, type Spool } from "../../src/store/journal/journal.ts";
import { createTurns } from "../../src/store/journal/turns.ts";
import { migrate } from "../../src/store/migrate.ts";
import { deadRows } from "../../src/store/watch/dead-rows.ts";
import { gauges, logs, sums } from "./batches.ts";
import { type Counts, countingTelemetry, type Folder, temporaryFolder } from "./support.ts";

let folder: Folder;
let engine: Engine;
let database: Database;
const t0 = Date.UTC(2026, 0, 2);
const poison = "a text this engine dies of";

beforeEach(async () => {
  folder = await temporaryFolder();
  engine = await startEngine({ path: join(folder.path, "data"), memoryBytes: 1e9 }, silentTelemetry);
  database = openDatabase({ database: "poison", agent: engine.agent });
  await migrate(database, silentTelemetry.log);
});
afterEach(async () => {
  await database.close();
  await engine.close();
  await folder.remove();
});

/** The database, but each insert that carries the poison takes the engine process with it. */
const deadly = (): Database => ({
  ...database,
  async send(sql, body, settings) {
    const sent = database.send(sql, body, settings);
    if (Buffer.concat(body).includes(poison)) process.kill(engine.pid()!, "SIGKILL");
    await sent;
  },
});

const open = (database: Database, counts: Counts): Promise<Spool> =>
  openJournal(
    {
      directory: join(folder.path, "spool"),
      database,
      backlogLimitBytes: 2 ** 30,
      diskFloorBytes: 1,
      now: Date.now,
      enginesLost: () => engine.replaced(),
    },
    counts.telemetry,
  );

it("sets aside only the frame the engine dies of, and stores the others of its table and of others once", async () => {
  const counts = countingTelemetry();
  const spool = await open(deadly(), counts);
  const batches: ColumnBatch[][] = [];
  for (let i = 0; i < 9; i++) {
    const value = { hash: 1n, at: t0, value: i };
    batches.push([logs([i === 5 ? poison : `line ${i}`, `more ${i}`], t0), gauges([value]), sums([value])]);
  }
  await Promise.all(batches.map((batch) => spool.append(batch)));
  await spool.flushed();
  const bodies = await database.select<[string]>("SELECT Body FROM poison.otel_logs ORDER BY Body");
  const expected = [0, 1, 2, 3, 4, 6, 7, 8].flatMap((i) => [[`line ${i}`], [`more ${i}`]]);
  expect(bodies).toEqual(expected.toSorted(([a], [b]) => (a! < b! ? -1 : 1)));
  for (const table of ["otel_metrics_gauge", "otel_metrics_sum"])
    expect(await database.select(`SELECT Value FROM poison.${table} ORDER BY Value`)).toEqual(
      batches.map((_, i) => [i]),
    );
  expect(counts.of("homeostat.store.dropped", "refused")).toBe(2);
  const dead = join(folder.path, "spool", "dead");
  const files = readdirSync(dead).filter((name) => name.endsWith(".native"));
  expect(files).toHaveLength(1);
  expect(readFileSync(join(dead, files[0]!)).includes(poison)).toBe(true);
  expect(await deadRows(dead)).toMatchObject([
    { kind: "refused-rows", table: "otel_logs", says: expect.stringContaining("the engine died of it") },
  ]);
  await spool.close(1000);
}, 120_000);

it("blames nobody for an engine that is killed from outside while they are stored", async () => {
  const counts = countingTelemetry();
  let sends = 0;
  // Often enough to look closer at what was sent together, and twice more for the first of it: no fault of its.
  const unlucky: Database = {
    ...database,
    async send(sql, body, settings) {
      const sent = database.send(sql, body, settings);
      if (++sends <= 5) process.kill(engine.pid()!, "SIGKILL");
      await sent;
    },
  };
  const spool = await open(unlucky, counts);
  await Promise.all([spool.append([logs(["a"], t0)]), spool.append([logs(["b"], t0)])]);
  await spool.flushed();
  expect(await database.select("SELECT Body FROM poison.otel_logs ORDER BY Body")).toEqual([["a"], ["b"]]);
  expect(counts.of("homeostat.store.dropped")).toBe(0);
  expect(sends).toBeGreaterThan(6);
  await spool.close(1000);
}, 120_000);

it("gives turns in order, so many at once, one alone beside nobody", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.nat(3)), { minLength: 1, maxLength: 12 }), async (wanted) => {
      const turn = createTurns(2);
      const inside = new Set<number>();
      const order: number[] = [];
      await Promise.all(
        wanted.map(async ([alone, ticks], i) => {
          const leave = await turn(alone);
          order.push(i);
          inside.add(i);
          expect(inside.size).toBeLessThanOrEqual(2);
          for (let tick = 0; tick <= ticks; tick++) {
            expect([...inside].some((other) => other !== i && (alone || wanted[other]![0]))).toBe(false);
            await Promise.resolve();
          }
          inside.delete(i);
          leave();
        }),
      );
      expect(order).toEqual(wanted.map((_, i) => i));
    }),
  );
});
