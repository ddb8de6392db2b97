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
  readonly tests: readonly TestGroup[];
}

export interface TestGroup {
  readonly name: string;
  readonly intervalMs: DurationMs;
  readonly series: readonly { readonly labels: Labels; readonly points: readonly Point[] }[];
  readonly alerts: readonly AlertTest[];
  readonly queries: readonly QueryTest[];
}

export interface AlertTest {
  readonly at: Instant;
  readonly alert: string;
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
  // `group_eval_order` and `fuzzy_compare` are promtool's; groups run in file order and values are compared loosely anyway.
  const root = mapAt(reading, [], yaml.value, [
    "rule_files",
    "evaluation_interval",
    "tests",
    "group_eval_order",
    "fuzzy_compare",
  ]);
  const file: TestFile = {
    ruleFiles: listAt(reading, ["rule_files"], root["rule_files"]).map(String),
    evaluationMs: durationAt(reading, ["evaluation_interval"], root["evaluation_interval"], 60_000),
    tests: listAt(reading, ["tests"], root["tests"]).map((value, i) => readGroup(reading, ["tests", i], value)),
  };
  return reading.mistakes.length > 0 ? { mistakes: reading.mistakes } : file;
}

function readGroup(reading: Reading, path: YamlPath, value: unknown): TestGroup {
  const fields = mapAt(reading, path, value, [
    "name",
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
  ]);
  return {
    name: textOf(fields["name"]),
    intervalMs: durationAt(reading, [...path, "interval"], fields["interval"], 60_000),
    series: listAt(reading, [...path, "input_series"], fields["input_series"]).map((each, i) =>
      readInput(reading, [...path, "input_series", i], each),
    ),
    alerts: listAt(reading, [...path, "alert_rule_test"], fields["alert_rule_test"]).map((each, i) =>
      readAlertTest(reading, [...path, "alert_rule_test", i], each),
    ),
    queries: listAt(reading, [...path, "promql_expr_test"], fields["promql_expr_test"]).map((each, i) =>
      readQueryTest(reading, [...path, "promql_expr_test", i], each),
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

function readAlertTest(reading: Reading, path: YamlPath, value: unknown): AlertTest {
  const fields = mapAt(reading, path, value, ["eval_time", "alertname", "exp_alerts"]);
  const expected = listAt(reading, [...path, "exp_alerts"], fields["exp_alerts"]).map((each, i) => {
    const at = [...path, "exp_alerts", i];
    const alert = mapAt(reading, at, each, ["exp_labels", "exp_annotations"]);
    return {
      labels: labelsAt(reading, [...at, "exp_labels"], alert["exp_labels"]),
      annotations: labelsAt(reading, [...at, "exp_annotations"], alert["exp_annotations"]),
    };
  });
  const at = durationAt(reading, [...path, "eval_time"], fields["eval_time"], 0);
  return { at, alert: textOf(fields["alertname"]), expected };
}

function readQueryTest(reading: Reading, path: YamlPath, value: unknown): QueryTest {
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
  const at = durationAt(reading, [...path, "eval_time"], fields["eval_time"], 0);
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

function textOf(value: unknown): string {
  return typeof value === "string" ? value.trim() : "";
}
