// What was erased is gone from every table, from the log and from what the engine remembers, and stays gone.
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ColumnBatch } from "../../src/model/batch.ts";
import type { Store } from "../../src/store/store.ts";
import { gauges, logs, spans, sums } from "./batches.ts";
import { doors, type Place } from "./doors.ts";
import { arrays, float64s, instants, maps, strings } from "./native.ts";
import { until } from "./support.ts";

describe.each(doors)("$name", (door) => {
  let place: Place;
  let store: Store;
  const t0 = Date.UTC(2026, 0, 2);
  const secret = "jane' OR 1=1 \\ éß";

  beforeEach(async () => {
    place = await door.enter();
    store = await place.open();
  });
  afterEach(async () => {
    await place.leave();
  });

  type Attributes = Readonly<Record<string, string>>;

  /** The batch with that attribute column, one set a row. */
  function withAttributes(batch: ColumnBatch, name: string, sets: readonly Attributes[]): ColumnBatch {
    const type = "Map(LowCardinality(String), String)";
    const columns = batch.columns.filter((column) => column.name !== name);
    return { ...batch, columns: [...columns, { name, type, bytes: maps(sets) }] };
  }

  function withTraces(batch: ColumnBatch, ids: readonly string[]): ColumnBatch {
    return { ...batch, columns: [...batch.columns, { name: "TraceId", type: "String", bytes: strings(ids) }] };
  }

  /** The batch with one exemplar a row, of that trace and with those attributes. */
  function withExemplars(batch: ColumnBatch, traces: readonly string[], sets: readonly Attributes[]): ColumnBatch {
    const one = traces.map(() => 1);
    // The dictionary's state comes before the offsets of the array around it.
    const inner = maps(sets);
    const filtered = Buffer.concat([inner.subarray(0, 8), arrays(one, inner.subarray(8))]);
    const column = (name: string, type: string, bytes: Uint8Array) => ({
      name: `Exemplars.${name}`,
      type: `Array(${type})`,
      bytes,
    });
    return {
      ...batch,
      columns: [
        ...batch.columns,
        column("FilteredAttributes", "Map(LowCardinality(String), String)", filtered),
        column("TimeUnix", "DateTime64(9)", arrays(one, instants(traces.map(() => t0)))),
        column("Value", "Float64", arrays(one, float64s(traces.map(() => 1)))),
        column("SpanId", "String", arrays(one, strings(traces.map(() => "s")))),
        column("TraceId", "String", arrays(one, strings(traces))),
      ],
    };
  }

  const count = async (table: string, where = "1"): Promise<number> =>
    (
      await store.rows<{ n: number }>(`SELECT toFloat64(count()) AS n FROM ${place.database}.${table} WHERE ${where}`)
    )[0]!.n;

  function filesWith(text: string, directory: string): string[] {
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return files.map((file) => join(file.parentPath, file.name)).filter((path) => readFileSync(path).includes(text));
  }

  it("removes a trace from spans, logs, the trace index and exemplars, and leaves all others", async () => {
    await store.journal.append([
      spans(["t1", "t1", "t2"], t0),
      withTraces(logs(["a", "b"], t0), ["t1", "t2"]),
      withExemplars(
        gauges([
          { hash: 1n, at: t0, value: 1 },
          { hash: 2n, at: t0, value: 2 },
        ]),
        ["t1", "t2"],
        [{}, {}],
      ),
    ]);
    const dry = await store.erase({ trace: "t1" }, { dryRun: true });
    expect(dry).toMatchObject({ dryRun: true, complete: false });
    expect(await count("otel_traces")).toBe(3);

    const report = await store.erase({ trace: "t1" });
    expect(report.tables).toEqual([
      { table: "otel_traces", how: "delete", rows: 2, left: 0 },
      { table: "otel_logs", how: "delete", rows: 1, left: 0 },
      { table: "otel_traces_trace_id_ts", how: "delete", rows: 1, left: 0 },
      { table: "otel_metrics_gauge", how: "clear-exemplars", rows: 1, left: 0 },
    ]);
    expect(report).toMatchObject({ complete: true, dryRun: false });
    expect(await store.rows(`SELECT TraceId AS t FROM ${place.database}.otel_traces`)).toEqual([{ t: "t2" }]);
    expect(await store.rows(`SELECT Body AS b FROM ${place.database}.otel_logs`)).toEqual([{ b: "b" }]);
    expect(
      await store.rows(
        `SELECT Value AS v, \`Exemplars.TraceId\` AS t FROM ${place.database}.otel_metrics_gauge ORDER BY v`,
      ),
    ).toEqual([
      { v: 1, t: [] },
      { v: 2, t: ["t2"] },
    ]);
    expect((await store.erase({ trace: "t1" })).tables).toEqual([]);
  });

  it("removes a user by any of its keys, wherever they stand, with its series, rollups and exemplars", async () => {
    const five = ["t1", "t2", "t3", "t4", "t5"];
    const attributes = [{ "user.id": secret }, { "enduser.id": secret }, { "user.id": "other" }, { note: secret }, {}];
    await store.journal.append([
      withAttributes(withAttributes(spans(five, t0), "SpanAttributes", attributes), "ResourceAttributes", [
        {},
        {},
        {},
        {},
        { "gen_ai.user.id": secret },
      ]),
      withAttributes(logs(["a", "b"], t0), "LogAttributes", [{ "user.id": secret }, {}]),
      withExemplars(
        gauges([
          { hash: 1n, at: t0, value: 1 },
          { hash: 2n, at: t0, value: 2 },
          { hash: 3n, at: t0, value: 3 },
        ]),
        ["t1", "t3", "t3"],
        [{}, { "user.id": secret }, { "user.id": "other" }],
      ),
      sums([
        { hash: 8n, at: t0, value: 1, attributes: { "user.id": secret } },
        { hash: 9n, at: t0, value: 1 },
      ]),
    ]);
    await store.flushed();
    await store.rollUp(t0 + 60_000);
    expect(await count("metrics_1m")).toBe(5);

    const report = await store.erase({ user: secret });
    expect(report.complete).toBe(true);
    expect(report.tables.map(({ table, how, rows }) => `${table} ${how} ${rows}`)).toEqual([
      "otel_metrics_gauge clear-exemplars 2",
      "otel_traces delete 3",
      "otel_logs delete 1",
      "otel_metrics_sum delete 1",
      "metrics_10s delete 1",
      "metrics_1m delete 1",
    ]);
    expect(report.notes.join("\n")).toContain("3 traces name the user");
    expect(await store.rows(`SELECT TraceId AS t FROM ${place.database}.otel_traces ORDER BY t`)).toEqual([
      { t: "t3" },
      { t: "t4" },
    ]);
    expect(
      await store.rows(
        `SELECT arrayStringConcat(\`Exemplars.TraceId\`) AS t FROM ${place.database}.otel_metrics_gauge ORDER BY Value`,
      ),
    ).toEqual([{ t: "" }, { t: "" }, { t: "t3" }]);
    expect(await count("metrics_1m")).toBe(4);
    const mutations = await store.rows<{ command: string }>(
      `SELECT command FROM system.mutations WHERE database = '${place.database}'`,
    );
    expect(mutations.length).toBeGreaterThan(0);
    expect(mutations.filter(({ command }) => command.includes("jane"))).toEqual([]);
  });

  it("keeps nothing of the erased in the log, so that it cannot come back even when the checkpoint is lost", async () => {
    await store.journal.append([withAttributes(logs(["hello"], t0), "LogAttributes", [{ "user.id": secret }])]);
    const spool = join(place.directory, "spool");
    const before = readFileSync(join(spool, "checkpoint.json"), { encoding: "utf8", flag: "a+" });
    const report = await store.erase({ user: secret });
    expect(report.tables).toEqual([{ table: "otel_logs", how: "delete", rows: 1, left: 0 }]);
    await until("the log let go of it", () => filesWith("jane", spool).length === 0);
    await store.journal.append([logs(["after"], t0)]);
    await store.flushed();
    await store[Symbol.asyncDispose]();
    rmSync(join(spool, "checkpoint.json"));
    if (before !== "") writeFileSync(join(spool, "checkpoint.json"), before);
    store = await place.open();
    await store.flushed();
    expect(await store.rows(`SELECT Body AS b FROM ${place.database}.otel_logs`)).toEqual([{ b: "after" }]);
  });

  it("drops a tenant's database, starts the default one anew, and refuses databases that are not a tenant's", async () => {
    const own = `${place.database}_a`;
    await store.journal.append([logs(["of a"], t0)], [], "a");
    await store.journal.append([logs(["ours"], t0)]);
    await store.flushed();
    await store[Symbol.asyncDispose]();
    store = await place.open();
    expect(store.tenants()).toEqual(["default", "a"]);

    for (const tenant of ["system", place.database, own, "nobody", "A", "a'"])
      await expect(store.erase({ tenant })).rejects.toMatchObject({ kind: "refused" });
    await expect(store.erase({ user: "" })).rejects.toMatchObject({ kind: "refused" });
    const report = await store.erase({ tenant: "a" });
    expect(report.complete).toBe(true);
    expect(report.tables.find(({ table }) => table === "otel_logs")).toEqual({
      tenant: "a",
      table: "otel_logs",
      how: "drop",
      rows: 1,
      left: 0,
    });
    expect(await store.rows(`SELECT name FROM system.databases WHERE name = '${own}'`)).toEqual([]);
    expect(await count("otel_logs")).toBe(1);

    expect((await store.erase({ tenant: "default" })).complete).toBe(true);
    expect(await count("otel_logs")).toBe(0);
    await store.journal.append([logs(["again"], t0)]);
    await store.journal.append([logs(["a again"], t0)], [], "a");
    await store.flushed();
    expect(await count("otel_logs")).toBe(1);
    expect(await store.rows(`SELECT Body AS b FROM ${own}.otel_logs`)).toEqual([{ b: "a again" }]);
  });

  it("finds a trace in every tenant's database, and says in whose", async () => {
    for (const tenant of ["default", "a", "b"]) await store.journal.append([spans(["t1", "t2"], t0)], [], tenant);
    const report = await store.erase({ trace: "t1" });
    const spanTables = report.tables.filter(({ table }) => table === "otel_traces");
    expect(spanTables).toEqual([
      { table: "otel_traces", how: "delete", rows: 1, left: 0 },
      { tenant: "a", table: "otel_traces", how: "delete", rows: 1, left: 0 },
      { tenant: "b", table: "otel_traces", how: "delete", rows: 1, left: 0 },
    ]);
    expect(await store.rows(`SELECT TraceId AS t FROM ${place.database}_b.otel_traces`)).toEqual([{ t: "t2" }]);
  });
});
