// Writes homeostat-overview.json, the same bytes every time. `node dashboards/generate.mjs`, `--print` to look only.
// Classic model, schema version 42: every Grafana from 11 on loads it, and file provisioning takes it.
import { writeFileSync } from "node:fs";
import * as sql from "./queries.mjs";

const datasource = { type: "grafana-clickhouse-datasource", uid: "${datasource}" };
const pluginVersion = "4.20.0";
let lastId = 0;

const time = { format: 0, queryType: "timeseries" };
const table = { format: 1, queryType: "table" };

function target(rawSql, shape) {
  return { refId: "A", datasource, editorType: "sql", pluginVersion, rawSql, ...shape };
}

function panel(type, title, description, at, more) {
  const [x, y, w, h] = at;
  lastId += 1;
  return { id: lastId, type, title, description, datasource, gridPos: { x, y, w, h }, ...more };
}

function row(title, y) {
  lastId += 1;
  return { id: lastId, type: "row", title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] };
}

function stat(title, description, at, rawSql, steps) {
  return panel("stat", title, description, at, {
    targets: [target(rawSql, table)],
    fieldConfig: {
      defaults: { unit: "short", noValue: "0", thresholds: { mode: "absolute", steps }, color: { mode: "thresholds" } },
      overrides: [],
    },
    options: {
      colorMode: "value",
      graphMode: "none",
      justifyMode: "auto",
      orientation: "auto",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      textMode: "value",
    },
  });
}

function graph(title, description, at, rawSql, unit, more = {}) {
  return panel("timeseries", title, description, at, {
    interval: "15s",
    targets: [target(rawSql, time)],
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...more,
        displayName: "${__field.labels.replica}",
        color: { mode: "palette-classic-by-name" },
        custom: { drawStyle: "line", lineWidth: 1, fillOpacity: 8, showPoints: "never", spanNulls: 60_000 },
      },
      overrides: [],
    },
    options: {
      legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
      tooltip: { mode: "multi", sort: "desc" },
    },
  });
}

function list(title, description, at, rawSql, overrides = []) {
  return panel("table", title, description, at, {
    targets: [target(rawSql, table)],
    fieldConfig: { defaults: { custom: { align: "left", cellOptions: { type: "auto" }, inspect: true } }, overrides },
    options: { cellHeight: "sm", showHeader: true },
  });
}

function column(name, properties) {
  return { matcher: { id: "byName", options: name }, properties };
}

const width = (name, pixels) => column(name, [{ id: "custom.width", value: pixels }]);
const probability = column("probability", [
  { id: "unit", value: "percentunit" },
  { id: "decimals", value: 0 },
  { id: "custom.width", value: 100 },
]);
const severity = column("severity", [
  { id: "custom.width", value: 90 },
  { id: "custom.cellOptions", value: { type: "color-text" } },
  {
    id: "mappings",
    value: [
      {
        type: "value",
        options: {
          critical: { color: "red", index: 0 },
          warning: { color: "orange", index: 1 },
          info: { color: "blue", index: 2 },
        },
      },
    ],
  },
]);
const neutral = [{ color: "text", value: null }];
const fine = (bad) => [
  { color: "green", value: null },
  { color: bad, value: 1 },
];

const panels = [
  stat(
    "Open incidents",
    "Incidents that are not resolved, whenever they began.",
    [0, 0, 6, 4],
    sql.openCount,
    fine("red"),
  ),
  stat("Firing alerts", "Rules that fire now.", [6, 0, 6, 4], sql.firingCount, fine("orange")),
  stat(
    "Replicas reporting",
    "Engine replicas with telemetry in the time range.",
    [12, 0, 6, 4],
    sql.replicaCount,
    neutral,
  ),
  stat(
    "Repairs verified",
    "Actions in the time range whose effect was verified.",
    [18, 0, 6, 4],
    sql.verifiedCount,
    neutral,
  ),

  list(
    "Open incidents and what they are thought to be",
    "Each open incident with its latest diagnosis.",
    [0, 4, 24, 7],
    sql.openIncidents,
    [severity, probability, width("opened", 170), width("state", 90)],
  ),

  row("Engines, by replica", 11),
  graph(
    "KV-cache use",
    "Share of KV-cache blocks in use. Near 100 % requests wait or are preempted.",
    [0, 12, 12, 8],
    sql.gauge("max", "kv_cache_usage_perc", "gpu_cache_usage_perc"),
    "percentunit",
    { max: 1 },
  ),
  graph(
    "Time to first token, p95",
    "From histogram buckets; linear within a bucket.",
    [12, 12, 12, 8],
    sql.quantile(0.95, "time_to_first_token_seconds"),
    "s",
  ),
  graph(
    "Requests running",
    "Requests in the running batch.",
    [0, 20, 12, 8],
    sql.gauge("sum", "num_requests_running"),
    "short",
  ),
  graph(
    "Requests waiting",
    "Requests that wait for a place in the batch.",
    [12, 20, 12, 8],
    sql.gauge("sum", "num_requests_waiting"),
    "short",
  ),
  graph(
    "Generated tokens per second",
    "Output of the replica.",
    [0, 28, 12, 8],
    sql.rate("generation_tokens"),
    "suffix: tok/s",
  ),
  graph(
    "Prompt tokens per second",
    "Prefill of the replica.",
    [12, 28, 12, 8],
    sql.rate("prompt_tokens"),
    "suffix: tok/s",
  ),
  graph(
    "Inter-token latency, p95",
    "From histogram buckets; linear within a bucket.",
    [0, 36, 12, 8],
    sql.quantile(0.95, "inter_token_latency_seconds", "time_per_output_token_seconds"),
    "s",
  ),
  graph(
    "Preemptions per second",
    "Requests thrown out of the batch for lack of KV-cache.",
    [12, 36, 12, 8],
    sql.rate("num_preemptions"),
    "suffix: /s",
  ),

  row("What Homeostat thought and did", 44),
  list(
    "Ledger of actions",
    "Every state every repair went through; nothing is replaced.",
    [0, 45, 24, 8],
    sql.actions,
    [width("at", 170), width("state", 90)],
  ),
  list("Diagnoses", "Likeliest cause of each diagnosis.", [0, 53, 24, 8], sql.diagnoses, [
    width("at", 170),
    probability,
  ]),
  list("Advice", "Engine knobs and kernel parameters worth trying.", [0, 61, 12, 8], sql.recommendations, [
    width("at", 170),
  ]),
  list("Changes", "Deploys, config rollouts, restarts that were told to Homeostat.", [12, 61, 12, 8], sql.changes, [
    width("at", 170),
    width("kind", 80),
  ]),
];

function marks(name, iconColor, rawSql) {
  return {
    name,
    enable: true,
    hide: false,
    iconColor,
    datasource,
    target: { ...target(rawSql, table), refId: "Anno" },
  };
}

const dashboard = {
  uid: "homeostat-overview",
  title: "Homeostat: overview",
  description:
    "Engines by replica, open incidents with their diagnosis, and what was done. Generated: edit dashboards/generate.mjs.",
  tags: ["homeostat", "llm"],
  schemaVersion: 42,
  version: 1,
  editable: false,
  graphTooltip: 1,
  refresh: "30s",
  time: { from: "now-1h", to: "now" },
  timezone: "browser",
  links: [],
  annotations: {
    list: [marks("Changes", "blue", sql.changeMarks), marks("Incidents", "red", sql.incidentMarks)],
  },
  templating: {
    list: [
      { type: "datasource", name: "datasource", label: "Data source", query: datasource.type, refresh: 1, hide: 0 },
      {
        type: "query",
        name: "replica",
        label: "Replica",
        datasource,
        definition: sql.replicas,
        query: { ...target(sql.replicas, table), refId: "replica" },
        refresh: 2,
        sort: 1,
        multi: true,
        includeAll: true,
        current: { text: ["All"], value: ["$__all"] },
      },
    ],
  },
  panels,
};

const text = `${JSON.stringify(dashboard, null, 2)}\n`;
if (process.argv.includes("--print")) process.stdout.write(text);
else writeFileSync(new URL("./homeostat-overview.json", import.meta.url), text);
