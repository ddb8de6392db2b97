// The store as the rooms see it, on the real engine.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LedgerEntry } from "../../src/model/action.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";
import type { RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import { createTelemetryReader } from "../../src/store/read/telemetry-reader.ts";
import type { Store } from "../../src/store/store.ts";
import { gauges, histograms, logs, spans, sums } from "./batches.ts";
import { doors, type Place } from "./doors.ts";
import { arrays, block, float64s, uint32s, uint64s } from "./native.ts";

describe.each(doors)("$name", (door) => {
  let store: Store;
  let place: Place;
  const t0 = Date.UTC(2026, 0, 2);

  beforeAll(async () => {
    place = await door.enter();
    store = await place.open();
  });

  afterAll(async () => {
    await place?.leave();
  });

  async function readAll(
    from: string,
    notBefore = 0,
  ): Promise<{ points: RawPoint[]; series: RawSeries[]; cursor: string }> {
    const points: RawPoint[] = [];
    const series: RawSeries[] = [];
    for (let cursor = from; ; ) {
      const page = await store.reader.metricsAfter(cursor, notBefore);
      points.push(...page.points);
      series.push(...page.series);
      if (page.cursor === cursor) return { points, series, cursor };
      cursor = page.cursor;
    }
  }

  it("gives every metric point once, with its series' identity once, in the order of arrival", async () => {
    const { cursor } = await readAll("");
    const hash = 18446744073709551610n;
    await store.journal.append([
      gauges([{ hash, at: t0, value: Number.POSITIVE_INFINITY, attributes: { "k'": "v\0" } }]),
    ]);
    await store.journal.append([
      sums([{ hash: 2n, at: t0 + 1, value: 5 }]),
      histograms([{ hash: 3n, at: t0 + 2, value: 1.5 }]),
    ]);
    await store.journal.append([gauges([{ hash, at: t0 - 10_000, value: Number.NaN, attributes: { "k'": "v\0" } }])]);
    await store.flushed();
    const { points, series, cursor: next } = await readAll(cursor);
    expect(points).toEqual([
      { hash: String(hash), at: t0, start: t0 - 1000, value: Infinity, count: 0, buckets: [], flags: 0 },
      { hash: "2", at: t0 + 1, start: t0 - 999, value: 5, count: 0, buckets: [], flags: 0 },
      { hash: "3", at: t0 + 2, start: t0 - 998, value: 1.5, count: 3, buckets: [1, 1, 1], flags: 0 },
      { hash: String(hash), at: t0 - 10_000, start: t0 - 11_000, value: Number.NaN, count: 0, buckets: [], flags: 0 },
    ]);
    const common = { metric: "m", unit: "s", service: "svc", resource: { "service.name": "svc" } };
    expect(series.toSorted((a, b) => Number(a.hash) - Number(b.hash))).toEqual([
      { ...common, hash: "2", kind: "sum", cumulative: true, monotonic: true, attributes: {}, bounds: [] },
      { ...common, hash: "3", kind: "histogram", cumulative: false, monotonic: true, attributes: {}, bounds: [0.5, 1] },
      {
        ...common,
        hash: String(hash),
        kind: "gauge",
        cumulative: false,
        monotonic: false,
        attributes: { "k'": "v\0" },
        bounds: [],
      },
    ]);
    await store.journal.append([
      gauges([
        { hash, at: t0 + 5, value: 1 },
        { hash, at: t0 - 99_000, value: 2 },
      ]),
    ]);
    await store.flushed();
    const later = await readAll(next, t0);
    expect(later.points.map((point) => point.value)).toEqual([1]);
    expect(later.series).toEqual([]);
  });

  it("pages by whole batches without a gap or a repeat, whatever the tables and page sizes", async () => {
    const { cursor } = await readAll("");
    const makers = [gauges, sums, histograms];
    let value = 0;
    for (let i = 0; i < 40; i++) {
      const points = Array.from({ length: 1 + (i % 4) }, () => ({
        hash: BigInt(100 + (value % 7)),
        at: t0,
        value: value++,
      }));
      await store.journal.append([makers[i % 3]!(points)]);
    }
    await store.flushed();
    const database = await importDatabase();
    for (const pagePoints of [1, 3, 1000]) {
      const reader = createTelemetryReader({ database, storedThrough: () => 2n ** 63n, pagePoints, seriesMax: 3 });
      const seen: number[] = [];
      for (let at = cursor; ; ) {
        const page = await reader.metricsAfter(at, 0);
        if (page.points.length === 0) break;
        seen.push(...page.points.map((point) => point.value));
        at = page.cursor;
      }
      expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: value }, (_, i) => i));
    }
    await expect(store.reader.metricsAfter("1; DROP", 0)).rejects.toThrow("cursor");
  });

  /** Stands in for a database with only what a reader needs of it. */
  async function importDatabase(): Promise<Parameters<typeof createTelemetryReader>[0]["database"]> {
    const select = async (sql: string, params?: Readonly<Record<string, unknown>>): Promise<never[]> =>
      (await store.rows<Record<string, unknown>>(sql, params)).map((row) => Object.values(row)) as never[];
    const native = async (sql: string, params?: Readonly<Record<string, unknown>>): Promise<Uint8Array> => {
      // JSON would round 64 bits to 53.
      const exact = sql.replace("SELECT _batch, SeriesHash,", "SELECT toString(_batch), toString(SeriesHash),");
      const rows = (await select(exact, params)) as unknown as readonly (readonly unknown[])[];
      const words = (i: number): Uint8Array => uint64s(rows.map((row) => BigInt(String(row[i]))));
      const numbers = (i: number): Uint8Array => float64s(rows.map((row) => Number(row[i])));
      const lists = rows.map((row) => row[6] as readonly number[]);
      const buckets = arrays(
        lists.map((list) => list.length),
        float64s(lists.flat()),
      );
      return block(rows.length, [
        { name: "batch", type: "UInt64", bytes: words(0) },
        { name: "hash", type: "UInt64", bytes: words(1) },
        ...[2, 3, 4, 5].map((i) => ({ name: `n${i}`, type: "Float64", bytes: numbers(i) })),
        { name: "buckets", type: "Array(Float64)", bytes: buckets },
        { name: "flags", type: "UInt32", bytes: uint32s(rows.map((row) => Number(row[7]))) },
      ]);
    };
    return { table: (name: string) => `${place.database}.${name}`, select, native } as never;
  }

  it("keeps the collector's names and types, fills the promoted columns, and knows where a trace lies", async () => {
    await store.journal.append([spans(["t1", "t1", "t2"], t0)]);
    await store.flushed();
    const [span] = await store.rows(
      `SELECT \`llm.model\` AS m, \`llm.input_tokens\` AS n, \`Events.Timestamp\` AS e FROM ${place.database}.otel_traces LIMIT 1`,
    );
    expect(span).toEqual({ m: "m1", n: 12, e: ["2026-01-02 00:00:00.000000000"] });
    const lies = await store.rows(
      `SELECT TraceId, min(Start) AS s, max(End) AS e FROM ${place.database}.otel_traces_trace_id_ts GROUP BY TraceId ORDER BY TraceId`,
    );
    expect(lies).toEqual(
      ["t1", "t2"].map((TraceId) => ({ TraceId, s: "2026-01-02 00:00:00", e: "2026-01-02 00:00:00" })),
    );
    const types = await store.rows<{ t: string; n: string }>(
      `SELECT table AS t, concat(name, ' ', type) AS n FROM system.columns WHERE database = '${place.database}' AND table LIKE 'otel_%' AND table NOT LIKE '%\\\\_mv' AND name NOT LIKE '\\\\_%'`,
    );
    const made = new Set(types.map(({ t, n }) => `${t}.${n}`));
    for (const need of [
      "otel_logs.TimestampTime DateTime",
      "otel_metrics_gauge.SeriesHash UInt64",
      "otel_metrics_exp_histogram.Scale Int32",
      "otel_traces.Links.TraceId Array(String)",
    ])
      expect(made).toContain(need);
  });

  it("finds log records by literal text and time, newest first", async () => {
    await store.journal.append([logs(["a 100% _x", "b", "CUDA out of memory", "cuda", "a 100% _x again"], t0)]);
    await store.flushed();
    const found = await store.logs.search({ contains: "100% _x", range: { from: t0, to: t0 + 100 }, limit: 10 });
    expect(found.map((record) => record.body)).toEqual(["a 100% _x again", "a 100% _x"]);
    expect(found[1]).toEqual({
      at: t0,
      service: "svc",
      severity: 17,
      body: "a 100% _x",
      resource: {},
      attributes: { line: "0" },
    });
    expect(await store.logs.search({ contains: "", range: { from: t0 + 1, to: t0 + 3 }, limit: 1 })).toMatchObject([
      { body: "CUDA out of memory" },
    ]);
    expect(await store.logs.search({ contains: "' OR 1", range: { from: t0, to: t0 + 100 }, limit: 10 })).toEqual([]);
    // A text that floods does not hide the others.
    const range = { from: t0, to: t0 + 100 };
    const either = await store.logs.search({ contains: ["100%", "cuda", "CUDA out"], range, limit: 1 });
    expect(either.map((record) => record.body)).toEqual(["a 100% _x again", "cuda", "CUDA out of memory"]);
    expect(await store.logs.search({ contains: [], range, limit: 1 })).toEqual([]);
  });

  const anomaly = (id: string, onset: number, tail: number): Anomaly => ({
    id,
    entity: "replica:a",
    signal: "ttft",
    onset,
    lastSeen: onset,
    tail,
    direction: "up",
    shape: "level-shift",
    observed: 2,
    expected: { low: Number.NaN, high: Number.POSITIVE_INFINITY },
    detector: "d",
    evidence: [{ kind: "signal", says: 'it\'s\n"so" \\', at: onset }],
  });

  it("keeps the newest version of a record and every line of the ledger", async () => {
    await store.records.put("anomalies", [anomaly("a", t0, 0.1), anomaly("b", t0 + 1, 0.2)]);
    await store.records.put("anomalies", [{ ...anomaly("a", t0, 0.01), endedAt: t0 + 5 }]);
    expect(await store.records.list("anomalies")).toEqual([
      anomaly("b", t0 + 1, 0.2),
      { ...anomaly("a", t0, 0.01), endedAt: t0 + 5 },
    ]);
    expect(await store.records.list("anomalies", { range: { from: t0, to: t0 + 1 } })).toHaveLength(1);
    expect(await store.records.list("anomalies", { id: "b", limit: 5 })).toEqual([anomaly("b", t0 + 1, 0.2)]);
    expect(await store.rows(`SELECT id, state, tail FROM ${place.database}.anomalies FINAL ORDER BY id`)).toEqual([
      { id: "a", state: "ended", tail: 0.01 },
      { id: "b", state: "open", tail: 0.2 },
    ]);
    const line = {
      action: { id: "x", kind: "none", target: "replica:a" },
      at: t0,
      by: "gate",
      reason: "",
    } as unknown as LedgerEntry;
    for (const state of ["proposed", "held", "held"] as const) await store.records.put("actions", [{ ...line, state }]);
    expect((await store.records.list("actions", { id: "x" })).map((entry) => entry.state)).toEqual([
      "held",
      "held",
      "proposed",
    ]);
  });

  it("takes a change event twice as one, and gives changes oldest first", async () => {
    const change = (id: string, at: number) => ({
      id,
      at,
      kind: "deploy" as const,
      target: "deployment:d",
      summary: `s ${id}`,
    });
    await Promise.all([store.changes.add(change("2", t0 + 2)), store.changes.add(change("1", t0 + 1))]);
    await store.changes.add(change("2", t0 + 2));
    expect(await store.changes.within({ from: t0, to: t0 + 10 })).toEqual([change("1", t0 + 1), change("2", t0 + 2)]);
  });

  it("refuses statements that write or name files at its reading door", async () => {
    for (const sql of [
      `DROP TABLE ${place.database}.otel_logs`,
      "SELECT 1; SELECT 2",
      "INSERT INTO x VALUES (1)",
      "SELECT 1 INTO OUTFILE '/tmp/y'",
    ])
      await expect(store.rows(sql)).rejects.toMatchObject({ kind: "refused" });
  });

  it("gives everything again after a restart, and goes on where a reader was", async () => {
    const before = await readAll("");
    const anomalies = await store.records.list("anomalies");
    await store.journal.append([gauges([{ hash: 9n, at: t0, value: 77 }])], ["key-1"]);
    await store[Symbol.asyncDispose]();
    store = await place.open();
    expect(store.journal.seen("key-1")).toBe(true);
    expect(store.journal.seen("key-2")).toBe(false);
    expect(await store.records.list("anomalies")).toEqual(anomalies);
    await store.flushed();
    expect((await readAll(before.cursor)).points.map((point) => point.value)).toEqual([77]);
    expect((await readAll("")).points).toHaveLength(before.points.length + 1);
    expect(store.info()).toMatchObject({ mode: door.mode, backlogBytes: 0, engineRestarts: 0 });
  });
});
