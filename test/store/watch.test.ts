// Damage on disk is told, by table, and stops nothing else: real parts of a real engine are spoilt between two openings.
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { gauges, logs, spans, sums } from "./batches.ts";
import { type Counts, countingTelemetry, type Folder, temporaryFolder } from "./support.ts";

let folder: Folder;
let store: Store | undefined;
let wall = 1_000;
const t0 = Date.UTC(2026, 0, 2);

beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  await store?.[Symbol.asyncDispose]();
  await folder.remove();
});

async function open(): Promise<Counts> {
  const counts = countingTelemetry();
  store = await openStore({ directory: folder.path, now: () => wall++, diskFloorBytes: 1 }, counts.telemetry);
  return counts;
}

/** Stores a little in four tables, closes, and gives the folder of the table's only part. */
async function fill(): Promise<(table: string) => string> {
  await open();
  await store!.journal.append([
    gauges([{ hash: 1n, at: t0, value: 1 }]),
    sums([{ hash: 2n, at: t0, value: 2 }]),
    spans(["t1"], t0),
    logs(["a", "b"], t0),
  ]);
  await store!.flushed();
  const parts = await store!.rows<{ table: string; path: string }>(
    "SELECT table, path FROM system.parts WHERE database = 'homeostat' AND active",
  );
  await store![Symbol.asyncDispose]();
  store = undefined;
  return (table) => parts.find((part) => part.table === table)!.path;
}

function flipMiddle(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 0xff;
  writeFileSync(file, bytes);
}

it("raises no alarm for sound data", async () => {
  await fill();
  const counts = await open();
  expect(await store!.watch()).toEqual([]);
  expect(await store!.checkTables()).toEqual([]);
  expect(counts.of("homeostat.store.alarms")).toBe(0);
});

it("tells at the start of a part the engine set aside, once, and for as long as it lies there", async () => {
  const part = await fill();
  truncateSync(join(part("otel_traces"), "checksums.txt"), 20);
  const counts = await open();
  expect(counts.of("homeostat.store.alarms", "detached-part")).toBe(1);
  const [alarm, ...more] = await store!.watch();
  expect(more).toEqual([]);
  expect(alarm).toMatchObject({
    kind: "detached-part",
    table: "otel_traces",
    says: expect.stringContaining("missing from answers"),
    remedy: expect.stringContaining("DROP DETACHED PART"),
  });

  expect(await store!.rows("SELECT Body AS b FROM homeostat.otel_logs ORDER BY b")).toEqual([{ b: "a" }, { b: "b" }]);
  await store!.journal.append([spans(["t2"], t0)]);
  await store!.flushed();
  expect(await store!.rows("SELECT TraceId AS t FROM homeostat.otel_traces")).toEqual([{ t: "t2" }]);

  await store![Symbol.asyncDispose]();
  const again = await open();
  expect(again.of("homeostat.store.alarms")).toBe(0);
  expect(await store!.watch()).toEqual([alarm]);
});

it("finds wrong counts and flipped bytes by reading everything, while all else goes on", async () => {
  const part = await fill();
  writeFileSync(join(part("otel_logs"), "count.txt"), "1");
  const gauge = part("otel_metrics_gauge");
  flipMiddle(join(gauge, readdirSync(gauge).find((name) => name === "data.bin" || name === "Value.bin")!));
  const counts = await open();
  expect(await store!.watch()).toEqual([]);
  const alarms = await store!.checkTables();
  expect(alarms.map(({ kind, table }) => `${kind} ${table}`)).toEqual([
    "broken-part otel_logs",
    "broken-part otel_metrics_gauge",
  ]);
  expect(alarms[0]!.says).toContain("count.txt");
  expect(counts.of("homeostat.store.alarms", "broken-part")).toBe(2);
  expect(await store!.watch()).toEqual(alarms);

  await expect(store!.rows("SELECT * FROM homeostat.otel_metrics_gauge")).rejects.toThrow(/corrupted|[Cc]hecksum/);
  expect(await store!.rows("SELECT Value AS v FROM homeostat.otel_metrics_sum")).toEqual([{ v: 2 }]);
  await store!.journal.append([gauges([{ hash: 1n, at: t0 + 86_400_000, value: 9 }])]);
  await store!.flushed();

  await store![Symbol.asyncDispose]();
  await open();
  expect(await store!.watch()).toEqual(alarms);

  await store![Symbol.asyncDispose]();
  const later = { now: () => t0 + 3 * 86_400_000, budgetBytes: { logs: 1 } };
  store = await openStore({ directory: folder.path, diskFloorBytes: 1, ...later }, silentTelemetry);
  expect(await store.enforceBudgets()).toHaveLength(1);
  expect((await store.watch()).map(({ table }) => table)).toEqual(["otel_metrics_gauge"]);
});
