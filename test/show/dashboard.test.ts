// The Grafana dashboard: generated as committed, well formed, and every query of it runs and answers on the real engine.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Session } from "chdb";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { render } from "../../src/store/migrate.ts";

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { x: number; y: number; w: number; h: number };
  readonly targets?: readonly { rawSql: string; queryType: string; format: number }[];
  readonly fieldConfig?: { defaults: { unit?: string } };
}
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly annotations: { list: readonly { name: string; target: { rawSql: string } }[] };
  readonly templating: { list: readonly { name: string; query: unknown }[] };
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const committed = readFileSync(join(root, "dashboards/homeostat-overview.json"), "utf8");
const dashboard = JSON.parse(committed) as Dashboard;
const queries: readonly (readonly [string, string])[] = [
  ...dashboard.panels.flatMap((panel) => (panel.targets ?? []).map(({ rawSql }) => [panel.title, rawSql] as const)),
  ...dashboard.annotations.list.map((mark) => [`annotation ${mark.name}`, mark.target.rawSql] as const),
  ["variable replica", (dashboard.templating.list[1]!.query as { rawSql: string }).rawSql],
];

const start = Date.parse("2026-03-01T12:00:00Z");
const stepMs = 15_000;
const steps = 40;
const end = start + steps * stepMs;

/** What the data source makes of its macros, for a range and a step of 60 s. */
function expand(rawSql: string, replicas: readonly string[] | "all" = "all"): string {
  const millis = (at: number): string => `fromUnixTimestamp64Milli(${at})`;
  const picked = replicas === "all" ? [] : replicas.map((name) => `'${name}'`);
  const sql = rawSql
    .replace(/\$__timeFilter_ms\((\w+)\)/g, `$1 >= ${millis(start)} AND $1 <= ${millis(end)}`)
    .replaceAll("$__fromTime_ms", millis(start))
    .replaceAll("$__toTime_ms", millis(end))
    .replaceAll("$__interval_s", "60")
    .replace(/\$__conditionalAll\((.*), \$replica\)/g, replicas === "all" ? "1=1" : "$1")
    .replaceAll("${replica:singlequote}", picked.join(","));
  expect(sql).not.toMatch(/\$/);
  return sql;
}

describe("the committed dashboard", () => {
  test("is what its generator writes", () => {
    const printed = execFileSync(process.execPath, [join(root, "dashboards/generate.mjs"), "--print"], {
      encoding: "utf8",
    });
    expect(printed).toBe(committed);
  });

  test("has unique ids, titles, descriptions and units, no overlaps, and names no data source", () => {
    expect(dashboard.schemaVersion).toBe(42);
    expect(new Set(dashboard.panels.map((panel) => panel.id)).size).toBe(dashboard.panels.length);
    expect(new Set(dashboard.panels.map((panel) => panel.title)).size).toBe(dashboard.panels.length);
    const cells = new Set<string>();
    for (const { type, title, description, gridPos, fieldConfig } of dashboard.panels) {
      if (type !== "row") expect(description, title).toBeTruthy();
      if (type === "timeseries" || type === "stat") expect(fieldConfig!.defaults.unit, title).toBeTruthy();
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x},${y}`), `${title} lies over another panel`).toBe(false);
          cells.add(`${x},${y}`);
        }
    }
    for (const [, uid] of committed.matchAll(/"uid": "([^"]*)"/g))
      expect(["${datasource}", "homeostat-overview"]).toContain(uid);
  });
});

describe("the queries of the dashboard on the real engine", () => {
  let directory: string;
  let session: Session;
  const ask = (sql: string): Record<string, unknown>[] => {
    const text = session.query(sql, "JSONEachRow");
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));
  };
  const of = (title: string): string => queries.find(([name]) => name === title)![1];
  /** Values of a graph by replica, in order of time. */
  const series = (title: string, replicas?: readonly string[]): Record<string, number[]> => {
    const out: Record<string, number[]> = {};
    for (const row of ask(expand(of(title), replicas))) {
      const replica = String(row["replica"]);
      out[replica] = [...(out[replica] ?? []), Number(row["value"])];
    }
    return out;
  };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "homeostat-dashboard-"));
    session = new Session(directory);
    session.query("CREATE DATABASE homeostat");
    session.query("USE homeostat");
    for (const statement of migrations()) session.query(statement);
    seed((sql) => void session.query(sql));
  });
  afterAll(() => {
    session.cleanup();
    rmSync(directory, { recursive: true, force: true });
  });

  test.each(queries)("%s answers", (_title, rawSql) => {
    expect(ask(expand(rawSql)).length).toBeGreaterThan(0);
  });

  test.each(queries)("%s answers with chosen replicas, and with nothing stored in the range", (_title, rawSql) => {
    ask(expand(rawSql, ["vllm-1", "it\\'s"]));
    ask(
      expand(rawSql)
        .replaceAll(String(start), String(start - 7_200_000))
        .replaceAll(String(end), String(start - 3_600_000)),
    );
  });

  test("gauges are the last of each step by replica; the fullest engine decides on KV-cache use", () => {
    expect(series("Requests waiting")).toEqual({ "vllm-1": Array(10).fill(3), "vllm-2": Array(10).fill(7) });
    expect(series("Requests waiting", ["vllm-2"])).toEqual({ "vllm-2": Array(10).fill(7) });
    expect(series("KV-cache use")["vllm-1"]).toEqual(Array(10).fill(0.5));
  });

  test("rates count a restart from zero, sum a replica's series, and leave out the first step", () => {
    const rates = series("Generated tokens per second");
    // 20 tokens/s in two series of 10; the second restarts at half time and loses what it had not reported.
    expect(rates["vllm-1"]).toHaveLength(9);
    for (const value of rates["vllm-1"]!) expect(value).toBeGreaterThanOrEqual(0);
    expect(rates["vllm-1"]!.filter((value) => Math.abs(value - 20) < 1e-9).length).toBeGreaterThanOrEqual(8);
    expect(series("Preemptions per second")["vllm-2"]).toEqual(Array(10).fill(4 / 60));
  });

  test("p95 is interpolated within the bucket", () => {
    // Each step 100 observations: 90 up to 0.1 s, 10 from 0.1 to 0.5 s. Rank 95 is half way through the second bucket.
    for (const value of series("Time to first token, p95")["vllm-1"]!) expect(value).toBeCloseTo(0.3, 9);
    // All beyond the last bound: the bound is all that is known.
    for (const value of series("Inter-token latency, p95")["vllm-1"]!) expect(value).toBeCloseTo(1, 9);
  });

  test("tables show open incidents with the latest diagnosis, and the ledger newest first", () => {
    const open = ask(expand(of("Open incidents and what they are thought to be")));
    expect(open).toMatchObject([
      { title: "KV cache full", cause: "kv-cache-saturation", probability: 0.93, diagnosis: "second" },
    ]);
    expect(ask(expand(dashboard.panels[0]!.targets![0]!.rawSql))).toEqual([{ open: 1 }]);
    expect(ask(expand(of("Ledger of actions"))).map((row) => row["state"])).toEqual(["verified", "sent"]);
    expect(ask(expand(of("Advice")))).toMatchObject([{ why: "preemptions" }]);
  });
});

/** The store's own migrations, for one server. */
function migrations(): string[] {
  const folder = join(root, "src/store/migrations");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .flatMap((name) => render(readFileSync(join(folder, name), "utf8"), "homeostat"));
}

/** Two replicas for ten minutes, and one of everything Homeostat keeps. */
function seed(run: (sql: string) => void): void {
  const at = `fromUnixTimestamp64Milli(toInt64(${start} + n * ${stepMs}))`;
  const point = (table: string, replica: string, metric: string, hash: number, columns: string): void =>
    run(
      `INSERT INTO ${table} (ResourceAttributes, MetricName, SeriesHash, TimeUnix, ${columns.split(" = ").at(0)})
       SELECT map('service.instance.id', '${replica}'), '${metric}', ${hash}, ${at}, ${columns.split(" = ").at(1)}
       FROM (SELECT number AS n FROM numbers(${steps}))`,
    );
  point("otel_metrics_gauge", "vllm-1", "vllm:num_requests_waiting", 1, "Value = 3");
  point("otel_metrics_gauge", "vllm-2", "ray_vllm_num_requests_waiting", 2, "Value = 7");
  point("otel_metrics_gauge", "vllm-1", "vllm:num_requests_running", 3, "Value = 5");
  point("otel_metrics_gauge", "vllm-1", "vllm:kv_cache_usage_perc", 4, "Value = 0.25");
  point("otel_metrics_gauge", "vllm-1", "vllm:kv_cache_usage_perc", 5, "Value = 0.5");
  const cumulative = "Value, AggregationTemporality, IsMonotonic";
  point("otel_metrics_sum", "vllm-1", "vllm:generation_tokens_total", 6, `${cumulative} = 10 * 15 * n, 2, true`);
  point(
    "otel_metrics_sum",
    "vllm-1",
    "vllm:generation_tokens",
    7,
    `${cumulative} = 10 * 15 * if(n < 20, n, n - 19), 2, true`,
  );
  point("otel_metrics_sum", "vllm-1", "vllm:prompt_tokens_total", 8, `${cumulative} = 100 * n, 2, true`);
  point("otel_metrics_sum", "vllm-2", "vllm:num_preemptions_total", 9, `${cumulative} = 1, 1, true`);
  const buckets = "BucketCounts, ExplicitBounds, Count, AggregationTemporality";
  point(
    "otel_metrics_histogram",
    "vllm-1",
    "vllm:time_to_first_token_seconds",
    10,
    `${buckets} = [90 * n, 10 * n, 0], [0.1, 0.5], 100 * n, 2`,
  );
  point(
    "otel_metrics_histogram",
    "vllm-1",
    "vllm:inter_token_latency_seconds",
    11,
    `${buckets} = [0, 0, 8], [0.5, 1], 8, 1`,
  );

  const when = (offset: number): string => `fromUnixTimestamp64Milli(toInt64(${start + offset}))`;
  const put = (table: string, values: Record<string, string>): void =>
    run(`INSERT INTO ${table} (${Object.keys(values).join(", ")}) SELECT ${Object.values(values).join(", ")}`);
  const incident = {
    severity: "'critical'",
    title: "'KV cache full'",
    entity: "'replica:vllm-1'",
    openedAt: when(60_000),
  };
  put("incidents", { ...incident, id: "'i1'", at: when(60_000), state: "'open'", _batch: "1" });
  put("incidents", { ...incident, id: "'i2'", at: when(60_000), state: "'open'", _batch: "2" });
  put("incidents", {
    ...incident,
    id: "'i2'",
    at: when(90_000),
    state: "'resolved'",
    resolvedAt: when(90_000),
    _batch: "3",
  });
  const cause = { incident: "'i1'", failureMode: "'kv-cache-saturation'", entity: "'replica:vllm-1'" };
  put("diagnoses", { ...cause, id: "'d1'", at: when(61_000), probability: "0.5", summary: "'first'", _batch: "4" });
  put("diagnoses", { ...cause, id: "'d2'", at: when(62_000), probability: "0.93", summary: "'second'", _batch: "5" });
  const action = {
    id: "'a1'",
    kind: "'rollback-config'",
    entity: "'replica:vllm-1'",
    incident: "'i1'",
    actor: "'policy'",
  };
  put("actions", { ...action, at: when(63_000), state: "'sent'", reason: "'approved'", _batch: "6" });
  put("actions", { ...action, at: when(64_000), state: "'verified'", reason: "'checks hold'", _batch: "7" });
  put("alerts", {
    id: "'r1'",
    at: when(60_000),
    rule: "'Full'",
    state: "'firing'",
    entity: "'replica:vllm-1'",
    _batch: "8",
  });
  put("recommendations", {
    id: "'k1'",
    at: when(65_000),
    kind: "'engine-knob'",
    entity: "'replica:vllm-1'",
    title: "'Lower it'",
    body: `'{"why":"preemptions"}'`,
    _batch: "9",
  });
  put("changes", {
    id: "'c1'",
    at: when(30_000),
    kind: "'config'",
    entity: "'replica:vllm-1'",
    summary: "'64 -> 256'",
    actor: "'ci'",
    _batch: "10",
  });
}
