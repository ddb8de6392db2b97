// Somebody else's exporter tables: refused as our own, never changed, and read as history within limits.
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silentTelemetry as telemetry } from "../../src/model/ports/telemetry.ts";
import type { RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import { createHistory } from "../../src/observe/history.ts";
import type { Database } from "../../src/store/database.ts";
import { openGate } from "../../src/store/foreign/gate.ts";
import {
  type ForeignOptions,
  type ForeignSource,
  openForeign,
  openForeignLater,
} from "../../src/store/foreign/open.ts";
import { foreignTables } from "../../src/store/foreign/ownership.ts";
import { render } from "../../src/store/migrate.ts";
import { doors, type Place } from "./doors.ts";

let place: Place;
let database: Database;
let source: ForeignSource | undefined;
const t0 = Date.UTC(2026, 0, 2, 3);
const now = t0 + 3_600_000;

afterEach(async () => {
  await source?.[Symbol.asyncDispose]();
  source = undefined;
  await place.leave();
});

/** What the plain exporter makes: our own tables without what is ours. */
function exporterTables(older: boolean): readonly string[] {
  const text = readFileSync(new URL("../../src/store/migrations/0001-telemetry.sql", import.meta.url), "utf8");
  const plain = text
    .split("\n")
    .filter((line) => !/^ {2}(_batch|_i|`llm\.|SeriesHash|INDEX idx_batch|TimestampTime)/.test(line))
    .join("\n")
    .replace(/,(\s*\) ENGINE)/g, "$1")
    .replaceAll("toStartOfHour(TimeUnix), SeriesHash, TimeUnix", "Attributes, toUnixTimestamp64Nano(TimeUnix)");
  const statements = render(plain, place.database).filter((sql) =>
    /otel_(logs|metrics_(gauge|sum|histogram))`/.test(sql),
  );
  if (!older) return statements;
  // Before v0.151 logs had a second time column, sorted and partitioned by.
  return statements.map((sql) =>
    sql.includes("`otel_logs`")
      ? sql
          .replace(
            "Timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),",
            "$& TimestampTime DateTime DEFAULT toDateTime(Timestamp),",
          )
          .replace("PARTITION BY toDate(Timestamp)", "PARTITION BY toDate(TimestampTime)")
          .replace(/ORDER BY \(.*\)/, "ORDER BY (ServiceName, TimestampTime)")
      : sql,
  );
}

async function make(older = false): Promise<void> {
  await database.command(`CREATE DATABASE ${place.database}`);
  for (const sql of exporterTables(older)) await database.command(sql);
  const at = (ms: number): string => `fromUnixTimestamp64Milli(toInt64(${t0} + ${ms}))`;
  await database.command(
    `INSERT INTO ${place.database}.otel_logs (Timestamp, ServiceName, SeverityNumber, Body, LogAttributes)
      SELECT ${at(0)} + toIntervalMillisecond(number * 1000), 'svc', 17, concat('line ', toString(number)), map('n', toString(number)) FROM numbers(100)`,
  );
  for (const [table, value] of [
    ["otel_metrics_gauge", "Value"],
    ["otel_metrics_sum", "Value"],
    ["otel_metrics_histogram", "Sum"],
  ])
    await database.command(
      `INSERT INTO ${place.database}.${table} (ServiceName, MetricName, MetricUnit, ResourceAttributes, Attributes, StartTimeUnix, TimeUnix, ${value}
          ${table === "otel_metrics_histogram" ? ", Count, BucketCounts, ExplicitBounds" : ""})
        SELECT 'svc', 'm', 's', map('host', 'h'), if(number % 2 = 0, map('a', '1', 'b', '2'), map('b', '2', 'a', '1')),
          ${at(0)}, ${at(0)} + toIntervalMillisecond(intDiv(number, 2) * 10000 + number % 2), if(number = 7, nan, number)
          ${table === "otel_metrics_histogram" ? ", 3, [1, 1, 1], [0.5, 1]" : ""} FROM numbers(50)`,
    );
}

const open = async (more: Partial<ForeignOptions> = {}): Promise<ForeignSource> => {
  const limits = { queriesPerMinute: 1_000_000 };
  source = await openForeign({ url: place.url!, database: place.database, limits, now: () => now, ...more });
  return source;
};

async function readAll(one: ForeignSource, notBefore = 0): Promise<{ points: RawPoint[]; series: RawSeries[] }> {
  const points: RawPoint[] = [];
  const series: RawSeries[] = [];
  for (let cursor = ""; ; ) {
    const page = await one.reader.metricsAfter(cursor, notBefore);
    points.push(...page.points);
    series.push(...page.series);
    if (page.cursor === cursor) return { points, series };
    cursor = page.cursor;
  }
}

describe.each(doors.filter((door) => door.mode === "server"))("$name", (door) => {
  beforeEach(async () => {
    place = await door.enter();
    database = await place.bare();
  });

  it("refuses a database with an exporter's tables as its own, changes nothing in it, and takes its own", async () => {
    await make();
    const look = async (): Promise<unknown> =>
      await database.select(
        "SELECT name, create_table_query, toString(metadata_modification_time) FROM system.tables WHERE database = {d:String} ORDER BY name",
        { d: place.database },
      );
    const before = await look();
    await expect(place.open()).rejects.toMatchObject({
      kind: "foreign-tables",
      message: expect.stringMatching(/holds otel_logs, otel_metrics_gauge.*database of its own in store\.database/),
    });
    expect(await look()).toEqual(before);

    const own = `${place.database}_own`;
    const store = await place.open({ database: own });
    await store[Symbol.asyncDispose]();
    const again = await place.open({ database: own });
    expect(await again.rows(`SELECT count() > 20 AS many FROM system.tables WHERE database = '${own}'`)).toEqual([
      { many: 1 },
    ]);
    expect(await foreignTables({ ...database, name: own })).toEqual([]);
    // One table of an exporter among ours is one too many.
    await database.command(`DROP TABLE ${own}.otel_logs`);
    await database.command(`CREATE TABLE ${own}.otel_logs AS ${place.database}.otel_logs`);
    await again[Symbol.asyncDispose]();
    await expect(place.open({ database: own })).rejects.toMatchObject({ kind: "foreign-tables" });
  });

  it.each([false, true])("finds log records by text and time (older exporter: %s)", async (older) => {
    await make(older);
    const { logs, tables, guard } = await open();
    expect(guard).toBe("readonly and limits");
    expect(tables.map(({ kind, usable }) => `${kind} ${usable}`)).toEqual([
      "logs true",
      "gauge true",
      "sum true",
      "histogram true",
    ]);
    const found = await logs.search({ contains: "line 9", range: { from: t0 + 9000, to: t0 + 97_000 }, limit: 3 });
    expect(found.map(({ body }) => body)).toEqual(["line 96", "line 95", "line 94"]);
    expect(found[0]).toEqual({
      at: t0 + 96_000,
      service: "svc",
      severity: 17,
      body: "line 96",
      resource: {},
      attributes: { n: "96" },
    });
    expect(await logs.search({ contains: "' OR 1", range: { from: 0, to: now }, limit: 3 })).toEqual([]);
  });

  it("gives every point once in order of event time, whatever the page and window, and each series once", async () => {
    await make();
    for (const more of [{}, { pagePoints: 7 }, { pagePoints: 1, windowMs: 25_000 }]) {
      const one = await open(more);
      const { points, series } = await readAll(one);
      expect(points.map(({ at }) => at)).toEqual(points.map(({ at }) => at).toSorted((a, b) => a - b));
      expect(series.map(({ kind }) => kind).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
        "gauge",
        "histogram",
        "sum",
      ]);
      for (const { hash, kind, bounds, attributes } of series) {
        const own = points.filter((point) => point.hash === hash);
        expect(own.map(({ value }) => value)).toEqual(Array.from({ length: 50 }, (_, i) => (i === 7 ? Number.NaN : i)));
        expect([kind, bounds]).toEqual([kind, kind === "histogram" ? [0.5, 1] : []]);
        expect(attributes).toEqual({ a: "1", b: "2" });
      }
      await one[Symbol.asyncDispose]();
    }
    const some = await readAll(await open({ latenessMs: now - t0 - 300_000 }), t0 + 100_000);
    expect(new Set(some.points.map(({ at }) => at))).toEqual(
      new Set(Array.from({ length: 30 }, (_, i) => t0 + 100_000 + (i >> 1) * 10_000 + (i % 2))),
    );
    expect(await source!.reader.metricsAfter(String(t0 + 300_000), 0)).toMatchObject({ points: [] });
    await expect(source!.reader.metricsAfter("1; DROP", 0)).rejects.toThrow("cursor");
  });

  it("is history by series and time, thinned where asked, and answers queries with names as ours", async () => {
    await make();
    const { history } = await open();
    const range = { from: t0, to: t0 + 125_000 };
    expect((await history.metrics(range)).map(({ metric, kind, unit }) => [metric, kind, unit])).toEqual(
      ["gauge", "sum", "histogram"].map((kind) => ["m", kind, "s"]),
    );
    expect(await history.metrics({ from: 0, to: t0 })).toEqual([]);
    const series = await history.series(["m"], range, 10);
    expect(series.map(({ kind }) => kind)).toEqual(["gauge", "sum", "histogram"]);
    expect(await history.series(["m"], range, 2)).toHaveLength(2);
    expect(await history.series(["other"], range, 10)).toEqual([]);
    // 26 points lie before 125 s: two every ten seconds.
    expect(await history.countPoints(series, range)).toBe(78);
    const read = async (thinToMs?: number): Promise<RawPoint[]> => {
      const found: RawPoint[] = [];
      for await (const page of history.points(series, range, thinToMs)) found.push(...page);
      return found;
    };
    const gauge = series[0]!.hash;
    expect((await read()).length).toBe(78);
    expect((await read()).filter(({ hash }) => hash === gauge).map(({ at }) => at - t0)).toEqual(
      Array.from({ length: 26 }, (_, i) => Math.floor(i / 2) * 10_000 + (i % 2)),
    );
    const thin = await read(60_000);
    expect(thin.filter(({ hash }) => hash === gauge).map(({ at }) => at - t0)).toEqual([50_001, 110_001, 120_001]);
    // Changes add up, so none of them may be missing.
    expect(thin.filter(({ hash }) => hash === series[1]!.hash)).toHaveLength(26);

    const asked = createHistory({ stepMs: 15_000, rateWindowMs: 60_000, mappings: [] }, { stored: history, telemetry });
    const views = await asked.select([{ name: "__name__", op: "=", value: "m_count" }], range);
    expect(views.map(({ labels }) => labels)).toEqual([expect.objectContaining({ job: "svc", a: "1", b: "2" })]);
    expect(await asked.labelSets([{ name: "a", op: "=", value: "2" }], range)).toEqual([]);
    const small = createHistory(
      { stepMs: 15_000, rateWindowMs: 60_000, mappings: [], pointsMax: 5 },
      { stored: history, telemetry },
    );
    await expect(small.select([{ name: "__name__", op: "=", value: "m" }], range)).rejects.toThrow("maxSamples");
  });

  it("may be opened later, and again when it could not be", async () => {
    await make();
    const reachable = openForeignLater({ url: place.url!, database: place.database, now: () => now });
    expect(await reachable.history.metrics({ from: t0, to: now })).toHaveLength(3);
    await reachable.close();
    const away = openForeignLater({ url: "http://127.0.0.1:1", database: "otel", now: () => now });
    await expect(away.history.metrics({ from: t0, to: now })).rejects.toMatchObject({ kind: "unavailable" });
    await expect(away.history.countPoints([], { from: t0, to: now })).rejects.toMatchObject({ kind: "unavailable" });
    await away.close();
  });

  it("writes nothing and reads no more than it may", async () => {
    await make();
    const { logs, reader, history } = await open({ limits: { rowsRead: 10 } });
    await expect(history.metrics({ from: t0, to: now })).rejects.toMatchObject({ kind: "refused" });
    const search = { contains: "x", range: { from: t0, to: now }, limit: 10 };
    await expect(logs.search(search)).rejects.toMatchObject({
      kind: "refused",
      message: expect.stringContaining("shorter time"),
    });
    await expect(reader.metricsAfter("", 0)).rejects.toMatchObject({ kind: "refused" });
    const gate = await openGate(database, {}, () => now);
    await expect(gate.select(`ALTER TABLE ${place.database}.otel_logs DELETE WHERE 1`)).rejects.toThrow();
    await expect(gate.select(`INSERT INTO ${place.database}.otel_logs (Body) VALUES ('x')`)).rejects.toThrow();
    expect(await database.select(`SELECT toFloat64(count()) FROM ${place.database}.otel_logs`)).toEqual([[100]]);
  });

  it("waits for its turn, refuses what would wait too long, and binds itself as far as the server lets it", async () => {
    let clock = 0;
    let asked = 0;
    const counting = (takes: readonly string[]): Database => ({
      ...database,
      async select<Row>(sql: string, parameters?: Readonly<Record<string, unknown>>, settings = {}) {
        if (Object.keys(settings).some((name) => !takes.includes(name)))
          throw Object.assign(new Error("Cannot modify setting in readonly mode"), { code: "164" });
        asked++;
        return await database.select<Row>(sql, parameters);
      },
    });
    const bounds = ["max_rows_to_read", "read_overflow_mode", "max_result_rows", "result_overflow_mode"];
    expect((await openGate(counting([...bounds, "max_execution_time"]), {}, () => clock)).guard).toBe("limits");
    const gate = await openGate(counting([]), { queriesPerMinute: 2, waitingMax: 3 }, () => clock);
    expect(gate.guard).toBe("none");
    asked = 0;
    const all = [1, 2, 3].map((i) => gate.select(`SELECT ${i}`));
    await expect(gate.select("SELECT 4")).rejects.toMatchObject({ kind: "refused" });
    expect(await Promise.all(all.slice(0, 2))).toEqual([[[1]], [[2]]]);
    expect(asked).toBe(2);
    clock = 60_000;
    expect(await all[2]).toEqual([[3]]);
  });

  it("says which tables it cannot use and why, and works with the others", async () => {
    await database.command(`CREATE DATABASE ${place.database}`);
    await database.command(
      `CREATE TABLE ${place.database}.spans_or_so (Timestamp DateTime64(9), Body String) ENGINE = MergeTree ORDER BY Timestamp`,
    );
    const { tables, logs, reader } = await open({ tables: { logs: "spans_or_so" } });
    expect(tables[0]).toMatchObject({
      kind: "logs",
      usable: false,
      why: expect.stringContaining("no column ServiceName"),
    });
    expect(tables[1]).toMatchObject({ kind: "gauge", usable: false, why: "there is no such table" });
    expect(await logs.search({ contains: "", range: { from: 0, to: now }, limit: 1 })).toEqual([]);
    expect(await reader.metricsAfter("", 0)).toEqual({ series: [], points: [], cursor: "" });
  });
});
