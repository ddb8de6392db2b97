// What data take, what is dropped to keep a budget, and how long rows are kept.
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Store, StoreOptions } from "../../src/store/store.ts";
import { gauges, logs, spans } from "./batches.ts";
import { doors, type Place } from "./doors.ts";
import type { Counts } from "./support.ts";

describe.each(doors)("$name", (door) => {
  let place: Place;
  let store: Store;
  const dayMs = 86_400_000;
  const today = Date.UTC(2026, 5, 10);
  const now = today + dayMs / 2;
  const day = (back: number): number => today - back * dayMs + 3_600_000;

  beforeEach(async () => {
    place = await door.enter();
  });
  afterEach(async () => {
    await place.leave();
  });

  async function open(more: Partial<StoreOptions> = {}): Promise<Counts> {
    place.counts.clear();
    store = await place.open({ now: () => now, ...more });
    return place.counts;
  }

  async function reopen(more: Partial<StoreOptions>): Promise<Counts> {
    await store[Symbol.asyncDispose]();
    return await open(more);
  }

  /** Ids with little in common, so that bytes grow with rows. */
  const ids = (count: number, salt: number): string[] =>
    Array.from({ length: count }, (_, i) => (((i + 1) * 2654435761 + salt * 97) >>> 0).toString(16).repeat(4));

  const logDays = async (): Promise<string[]> =>
    (
      await store.rows<{ d: string }>(
        `SELECT DISTINCT toString(toDate(Timestamp)) AS d FROM ${place.database}.otel_logs ORDER BY d`,
      )
    ).map(({ d }) => d);

  it("reports rows, bytes, days and the size to come, by table and by signal", async () => {
    await open();
    // No retention here: these rows' event time is long past, so it would drop them at once.
    for (const back of [3, 2, 1, 0])
      await store.journal.append([spans(ids(500, back), day(back)), gauges([{ hash: 1n, at: day(back), value: 1 }])]);
    await store.flushed();
    const cost = await store.cost();
    const traces = cost.tables.find((table) => table.table === "otel_traces")!;
    expect(traces).toMatchObject({
      signal: "traces",
      rows: 2000,
      days: { from: "2026-06-07", to: "2026-06-10", count: 4 },
    });
    expect(traces.bytesPerRow).toBeCloseTo(traces.diskBytes / 2000);
    expect(traces.compressedBytes).toBeGreaterThan(0);
    expect(traces.uncompressedBytes).toBeGreaterThan(traces.compressedBytes);
    const [whole] = await store.rows<{ b: number }>(
      `SELECT toFloat64(sum(bytes_on_disk)) AS b FROM system.parts WHERE active AND table = 'otel_traces' AND database = '${place.database}' AND partition_id != '20260610'`,
    );
    expect(traces.bytesPerDay).toBeCloseTo(whole!.b / 3);
    expect(traces).not.toHaveProperty("projectedBytes");
    const signal = cost.signals.find((one) => one.signal === "traces")!;
    const index = cost.tables.find((table) => table.table === "otel_traces_trace_id_ts")!;
    expect(signal.diskBytes).toBe(traces.diskBytes + index.diskBytes);
    expect(index.bytesPerDay).toBeCloseTo(index.diskBytes / 3.5);
    expect(cost.total.rows).toBe(cost.tables.reduce((sum, table) => sum + table.rows, 0));
  });

  it("projects a day's bytes over the retention, and today's alone by the hours gone", async () => {
    const recent = Math.floor(Date.now() / dayMs) * dayMs;
    await open({ now: () => recent + dayMs / 4, retentionDays: { logs: 7 } });
    await store.journal.append([logs(ids(300, 1), recent)]);
    await store.flushed();
    const cost = await store.cost();
    const table = cost.tables.find((one) => one.table === "otel_logs")!;
    expect(table.bytesPerDay).toBeCloseTo(table.diskBytes * 4);
    expect(table).toMatchObject({ retentionDays: 7, projectedBytes: table.bytesPerDay * 7 });
    expect(cost.signals.find((one) => one.signal === "logs")).toMatchObject({
      retentionDays: 7,
      projectedBytes: table.bytesPerDay * 7,
    });
    expect(cost.total).not.toHaveProperty("projectedBytes");
  });

  it("drops the oldest days of a signal until it fits its budget, and nothing of others", async () => {
    await open();
    for (const back of [3, 2, 1, 0])
      await store.journal.append([logs(ids(500, back), day(back)), spans(ids(50, back), day(back))]);
    await store.flushed();
    const bytes = (await store.cost()).tables.find((table) => table.table === "otel_logs")!.diskBytes;
    expect(await store.enforceBudgets()).toEqual([]);

    let counts = await reopen({ budgetBytes: { logs: Math.ceil(bytes * 0.6), traces: 1e9 } });
    const dropped = await store.enforceBudgets();
    expect(dropped.map(({ signal, day, rows, tables }) => ({ signal, day, rows, tables }))).toEqual(
      ["2026-06-07", "2026-06-08"].map((day) => ({ signal: "logs", day, rows: 500, tables: ["otel_logs"] })),
    );
    expect(await logDays()).toEqual(["2026-06-09", "2026-06-10"]);
    expect(counts.of("homeostat.store.dropped", "budget")).toBe(1000);
    expect(await store.enforceBudgets()).toEqual([]);
    expect(await store.rows(`SELECT toFloat64(count()) AS n FROM ${place.database}.otel_traces`)).toEqual([{ n: 200 }]);

    counts = await reopen({ budgetBytes: { logs: 1 } });
    expect((await store.enforceBudgets()).map(({ day }) => day)).toEqual(["2026-06-09"]);
    expect(await logDays()).toEqual(["2026-06-10"]);
    expect(counts.of("homeostat.store.over_budget")).toBe(1);
  });

  it("sets how long rows are kept once, changes it when asked and never again unasked", async () => {
    const ttls = async (): Promise<Record<string, string | undefined>> => {
      const rows = await store.rows<{ name: string; text: string; version: string }>(
        `SELECT name, create_table_query AS text FROM system.tables WHERE database = '${place.database}' AND engine LIKE '%MergeTree'`,
      );
      return Object.fromEntries(rows.map(({ name, text }) => [name, /toIntervalDay\((\d+)\)/.exec(text)?.[1]]));
    };
    const altered = async (): Promise<string> => {
      const rows = await store.rows<{ m: string }>(
        `SELECT toString(max(metadata_modification_time)) AS m FROM system.tables WHERE database = '${place.database}'`,
      );
      return rows[0]!.m;
    };
    const retentionDays = { traces: 7, logs: 7, metrics: 15, rollups: 180, own: 400 };
    await open({ retentionDays });
    const first = await ttls();
    expect(first).toMatchObject({
      otel_traces: "7",
      otel_traces_trace_id_ts: "7",
      otel_logs: "7",
      otel_metrics_gauge: "15",
      otel_metrics_summary: "15",
      otel_metrics_series: "180",
      metrics_10s: "180",
      metrics_1m: "180",
      incidents: "400",
      actions: "400",
      changes: "400",
    });
    expect(Object.keys(first).filter((name) => first[name] === undefined)).toEqual([
      "homeostat_migrations",
      ...(door.mode === "server" ? ["homeostat_owners"] : []),
      "metrics_rollup_state",
    ]);
    const before = await altered();
    await reopen({ retentionDays });
    expect(await altered()).toBe(before);
    await reopen({ retentionDays: { traces: 3, metrics: 15, rollups: 180, own: 400 } });
    expect(await ttls()).toMatchObject({ otel_traces: "3", otel_logs: undefined, otel_metrics_gauge: "15" });
  });
});
