// Reads promtool's unit-test files.
import type { Labels } from "../../model/labels.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { parseDuration } from "../../model/time.ts";
import type { Point } from "../../promql/script/series.ts";
import { readMetric, readPoints } from "../../promql/script/series.ts";
import type { YamlFile, YamlMistake, YamlPath } from "./yaml.ts";
import { readYaml } from "./yaml.ts";

export interface TestFile {
  readonly ruleFiles: readonly string[];
  readonly evaluationMs: DurationMs;
  /** Names of groups in the order they are evaluated; empty = as they stand in the files. */
  readonly groupOrder: readonly string[];
  /** Whether values may differ a little from what is expected. */
  readonly fuzzy: boolean;
  readonly tests: readonly TestGroup[];
}

export interface TestGroup {
  readonly name: string;
  readonly intervalMs: DurationMs;
  /** When the test begins; times in the file count from it. */
  readonly startAt: Instant;
  readonly externalLabels: Labels;
  readonly externalUrl: string;
  readonly series: readonly { readonly labels: Labels; readonly points: readonly Point[] }[];
  readonly alerts: readonly AlertTest[];
  readonly queries: readonly QueryTest[];
}

export interface AlertTest {
  readonly at: Instant;
  readonly alert: string;
  /** Undefined = in whatever group. */
  readonly group: string | undefined;
  readonly expected: readonly { readonly labels: Labels; readonly annotations: Labels }[];
}

export interface QueryTest {
  readonly at: Instant;
  readonly expr: string;
  readonly expected: readonly { readonly labels: Labels; readonly value: number }[];
}

interface Reading {
  readonly yaml: YamlFile;
  readonly mistakes: YamlMistake[];
}

/** The tests, or every mistake. */
export function parseTestFile(text: string): TestFile | { readonly mistakes: readonly YamlMistake[] } {
  const yaml = readYaml(text);
  if ("mistakes" in yaml) return yaml;
  const reading: Reading = { yaml, mistakes: [] };
  const root = mapAt(reading, [], yaml.value, [
    "rule_files",
    "evaluation_interval",
    "tests",
    "group_eval_order",
    "fuzzy_compare",
  ]);
  const file: TestFile = {
    ruleFiles: listAt(reading, ["rule_files"], root["rule_files"]).map(String),
    evaluationMs: positiveAt(reading, ["evaluation_interval"], root["evaluation_interval"]),
    groupOrder: listAt(reading, ["group_eval_order"], root["group_eval_order"]).map(String),
    fuzzy: root["fuzzy_compare"] === "true",
    tests: listAt(reading, ["tests"], root["tests"]).map((value, i) => readGroup(reading, ["tests", i], value)),
  };
  return reading.mistakes.length > 0 ? { mistakes: reading.mistakes } : file;
}

function readGroup(reading: Reading, path: YamlPath, value: unknown): TestGroup {
  const fields = mapAt(reading, path, value, [
    "name",
    "interval",
    "start_timestamp",
    "external_labels",
    "external_url",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
  ]);
  const startAt = startOf(reading, [...path, "start_timestamp"], fields["start_timestamp"]);
  return {
    name: textOf(fields["name"]),
    intervalMs: positiveAt(reading, [...path, "interval"], fields["interval"]),
    startAt,
    externalLabels: labelsAt(reading, [...path, "external_labels"], fields["external_labels"]),
    externalUrl: textOf(fields["external_url"]),
    series: listAt(reading, [...path, "input_series"], fields["input_series"]).map((each, i) =>
      readInput(reading, [...path, "input_series", i], each),
    ),
    alerts: listAt(reading, [...path, "alert_rule_test"], fields["alert_rule_test"]).map((each, i) =>
      readAlertTest(reading, [...path, "alert_rule_test", i], each, startAt),
    ),
    queries: listAt(reading, [...path, "promql_expr_test"], fields["promql_expr_test"]).map((each, i) =>
      readQueryTest(reading, [...path, "promql_expr_test", i], each, startAt),
    ),
  };
}

function readInput(reading: Reading, path: YamlPath, value: unknown): TestGroup["series"][number] {
  const fields = mapAt(reading, path, value, ["series", "values"]);
  const metric = readMetric(textOf(fields["series"]));
  const points = readPoints(textOf(fields["values"]));
  if ("error" in metric) tell(reading, [...path, "series"], metric.error, 'write it like name{label="value"}');
  if ("error" in points) tell(reading, [...path, "values"], points.error, "write values like 1 2+3x4 _ stale");
  return { labels: "error" in metric ? {} : metric.labels, points: "error" in points ? [] : points };
}

function readAlertTest(reading: Reading, path: YamlPath, value: unknown, startAt: Instant): AlertTest {
  const fields = mapAt(reading, path, value, ["eval_time", "groupname", "alertname", "exp_alerts"]);
  const expected = listAt(reading, [...path, "exp_alerts"], fields["exp_alerts"]).map((each, i) => {
    const at = [...path, "exp_alerts", i];
    const alert = mapAt(reading, at, each, ["exp_labels", "exp_annotations"]);
    return {
      labels: labelsAt(reading, [...at, "exp_labels"], alert["exp_labels"]),
      annotations: labelsAt(reading, [...at, "exp_annotations"], alert["exp_annotations"]),
    };
  });
  const at = startAt + durationAt(reading, [...path, "eval_time"], fields["eval_time"], 0);
  const alert = textOf(fields["alertname"]);
  if (alert === "") tell(reading, path, "the test names no alert", "add alertname: <the alert of a rule>");
  return { at, alert, group: textOf(fields["groupname"]) || undefined, expected };
}

function readQueryTest(reading: Reading, path: YamlPath, value: unknown, startAt: Instant): QueryTest {
  const fields = mapAt(reading, path, value, ["expr", "eval_time", "exp_samples"]);
  const expected = listAt(reading, [...path, "exp_samples"], fields["exp_samples"]).map((each, i) => {
    const at = [...path, "exp_samples", i];
    const sample = mapAt(reading, at, each, ["labels", "value"]);
    const labels = readMetric(textOf(sample["labels"]) || "{}");
    const points = readPoints(textOf(sample["value"]));
    const point = "error" in points ? undefined : points[0];
    if ("error" in labels) tell(reading, [...at, "labels"], labels.error, 'write it like name{label="value"}');
    if (point?.kind !== "value") tell(reading, [...at, "value"], "the sample has no value", "write a number");
    return {
      labels: "error" in labels ? {} : labels.labels,
      value: point?.kind === "value" ? point.value : Number.NaN,
    };
  });
  const at = startAt + durationAt(reading, [...path, "eval_time"], fields["eval_time"], 0);
  return { at, expr: textOf(fields["expr"]), expected };
}

function tell(reading: Reading, path: YamlPath, what: string, mend: string): void {
  reading.mistakes.push({ ...reading.yaml.at(path), what, mend });
}

function mapAt(
  reading: Reading,
  path: YamlPath,
  value: unknown,
  known: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    tell(reading, path, "this must be a map of keys and values", `known keys are ${known.join(", ")}`);
    return {};
  }
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      tell(reading, [...path, key], `unknown key ${JSON.stringify(key)}`, `known keys are ${known.join(", ")}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function listAt(reading: Reading, path: YamlPath, value: unknown): readonly unknown[] {
  if (value === undefined || value === "") return [];
  if (Array.isArray(value)) return value;
  tell(reading, path, "this must be a list", 'begin each item with "- "');
  return [];
}

function labelsAt(reading: Reading, path: YamlPath, value: unknown): Labels {
  if (value === undefined || value === "") return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
  }
  tell(reading, path, "this must be a map of names and texts", "write name: text, one a line");
  return {};
}

function durationAt(reading: Reading, path: YamlPath, value: unknown, otherwise: DurationMs): DurationMs {
  if (value === undefined || value === "") return otherwise;
  const duration = parseDuration(textOf(value));
  if (duration === undefined) tell(reading, path, `${JSON.stringify(value)} is no duration`, "write it like 90s or 5m");
  return duration ?? otherwise;
}

/** Of an interval: promtool takes a minute where none is given. */
function positiveAt(reading: Reading, path: YamlPath, value: unknown): DurationMs {
  const duration = durationAt(reading, path, value, 60_000);
  if (duration > 0) return duration;
  tell(reading, path, "the interval is zero", "write one such as 15s or 1m");
  return 60_000;
}

/** Unix seconds or an RFC 3339 time. */
function startOf(reading: Reading, path: YamlPath, value: unknown): Instant {
  const text = textOf(value);
  if (text === "") return 0;
  const at = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isFinite(at)) return at;
  tell(reading, path, `${JSON.stringify(text)} is no time`, "write Unix seconds, or one like 2026-11-24T00:00:00Z");
  return 0;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
