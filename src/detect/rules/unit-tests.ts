// Runs rule unit tests in promtool's format: series in, time passes, alerts and query results are compared.
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { formatDuration } from "../../model/time.ts";
import { evaluateInstant } from "../../promql/evaluate.ts";
import { formatMetric } from "../../promql/metric.ts";
import { parseQuery } from "../../promql/parse.ts";
import { almostEqual } from "../../promql/script/compare.ts";
import { createScriptStore } from "../../promql/script/store.ts";
import type { Rules } from "./engine.ts";
import { createRules } from "./engine.ts";
import type { RuleFile } from "./rule.ts";
import { parseRuleFile } from "./rule-file.ts";
import type { AlertTest, QueryTest, TestFile, TestGroup } from "./unit-test-file.ts";
import { parseTestFile } from "./unit-test-file.ts";

export interface RuleTestReport {
  /** One line for each thing that is not as expected; empty = passed. */
  readonly failures: readonly string[];
  /** Expectations checked. */
  readonly checks: number;
  /** Names of all alerts in the rule files. */
  readonly alerts: readonly string[];
  /** Rules that fired at some expectation, and rules an expectation found silent, by alert name. */
  readonly fired: ReadonlySet<string>;
  readonly silent: ReadonlySet<string>;
}

/** Rule files by the names a test file gives them, which are relative to it and may be patterns. Both may throw. */
export interface RuleFolder {
  read(path: string): string;
  /** The files a pattern such as `*.rules.yaml` names. */
  expand?(pattern: string): readonly string[];
}

/** Runs every test of a file. Mistakes in it and in the rule files are failures like any other; nothing throws. */
export async function runRuleTests(name: string, text: string, folder: RuleFolder): Promise<RuleTestReport> {
  const failures: string[] = [];
  const fired = new Set<string>();
  const silent = new Set<string>();
  let checks = 0;
  let files: readonly RuleFile[] = [];
  const report = (): RuleTestReport => ({ failures, checks, alerts: alertsOf(files), fired, silent });
  const parsed = parseTestFile(text);
  if ("mistakes" in parsed) {
    failures.push(
      ...parsed.mistakes.map(({ line, column, what, mend }) => `${name}:${line}:${column}: ${what}; ${mend}`),
    );
    return report();
  }
  files = loadFiles(parsed, folder, failures);
  for (const [i, group] of parsed.tests.entries()) {
    const where = `${name}: ${group.name === "" ? `test ${i + 1}` : group.name}`;
    for (const test of await runGroup(parsed, group, files)) {
      checks++;
      for (const failure of test.failures) failures.push(`${where}: ${failure}`);
      if (test.alert !== undefined) (test.firing ? fired : silent).add(test.alert);
    }
  }
  return report();
}

function alertsOf(files: readonly RuleFile[]): readonly string[] {
  const rules = files.flatMap(({ groups }) => groups.flatMap((group) => group.rules));
  return [...new Set(rules.filter(({ kind }) => kind === "alert").map(({ name }) => name))];
}

function loadFiles(file: TestFile, folder: RuleFolder, failures: string[]): RuleFile[] {
  const paths = file.ruleFiles.flatMap((pattern) => {
    const found = /[*?[]/.test(pattern) ? (folder.expand?.(pattern) ?? []) : [pattern];
    if (found.length === 0) failures.push(`no rule file fits ${pattern}`);
    return found;
  });
  return inOrder(
    file.groupOrder,
    paths.flatMap((path): RuleFile[] => {
      let text: string;
      try {
        text = folder.read(path);
      } catch (error) {
        failures.push(`rule file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
        return [];
      }
      const parsed = parseRuleFile(path, text);
      for (const { line, column, what } of parsed.mistakes) failures.push(`${path}:${line}:${column}: ${what}`);
      // As promtool does, every group is evaluated at the interval of the test.
      return parsed.file === undefined
        ? []
        : [
            {
              ...parsed.file,
              groups: parsed.file.groups.map((group) => ({ ...group, intervalMs: file.evaluationMs })),
            },
          ];
    }),
  );
}

/** One file a group, those the test names first; without such an order, the files as they are. */
function inOrder(order: readonly string[], files: RuleFile[]): RuleFile[] {
  if (order.length === 0) return files;
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return files
    .flatMap((file) => file.groups.map((group): RuleFile => ({ ...file, groups: [group] })))
    .toSorted((a, b) => place(a.groups[0]!.name) - place(b.groups[0]!.name));
}

interface Checked {
  readonly failures: readonly string[];
  readonly alert?: string;
  readonly firing?: boolean;
}

async function runGroup(file: TestFile, group: TestGroup, files: readonly RuleFile[]): Promise<Checked[]> {
  const store = createScriptStore();
  for (const { labels, points } of group.series) {
    for (const [i, point] of points.entries()) store.add(labels, group.startAt + i * group.intervalMs, point);
  }
  const rules = createRules(files, {
    source: store,
    telemetry: silentTelemetry,
    // A test may last for days.
    retentionMs: Number.POSITIVE_INFINITY,
    externalLabels: group.externalLabels,
    externalUrl: group.externalUrl,
  });
  const results: Checked[] = [];
  const due: { readonly at: Instant; check(): Promise<Checked> }[] = [
    ...group.alerts.map((test) => ({ at: test.at, check: async () => checkAlerts(test, rules, group.startAt) })),
    ...group.queries.map((test) => ({ at: test.at, check: () => checkQuery(test, rules, file.fuzzy ? 1e-6 : 1e-12) })),
  ];
  due.sort((a, b) => a.at - b.at);
  let now: Instant = group.startAt;
  const step: DurationMs = file.evaluationMs;
  for (const test of due) {
    for (; now <= test.at; now += step) await rules.evaluate(now);
    results.push(await test.check());
  }
  return results;
}

function checkAlerts(test: AlertTest, rules: Rules, startAt: Instant): Checked {
  const all = rules
    .all()
    .filter(({ rule, group }) => rule === test.alert && (test.group === undefined || group === test.group));
  const firing = all.filter((alert) => alert.state === "firing");
  const failures = all.filter((alert) => alert.state === "unknown").map((alert) => `${test.alert}: ${alert.error}`);
  const when = `${test.alert} at ${formatDuration(test.at - startAt)}`;
  const left = new Map(firing.map((alert) => [alertKey(withoutName(alert.labels), alert.annotations), alert]));
  for (const { labels, annotations } of test.expected) {
    if (left.delete(alertKey(withoutName(labels), annotations))) continue;
    const got = firing.map((alert) => describe(withoutName(alert.labels), alert.annotations)).join(" or ") || "none";
    failures.push(`${when}: expected ${describe(withoutName(labels), annotations)}, got ${got}`);
  }
  for (const alert of left.values()) {
    failures.push(`${when}: did not expect ${describe(withoutName(alert.labels), alert.annotations)}`);
  }
  return { failures, alert: test.alert, firing: firing.length > 0 };
}

function withoutName({ alertname: _, ...labels }: Labels): Labels {
  return labels;
}

function alertKey(labels: Labels, annotations: Labels): string {
  return `${labelsKey(labels)}\n${labelsKey(annotations)}`;
}

function describe(labels: Labels, annotations: Labels): string {
  return `${formatMetric(labels)} with ${JSON.stringify(annotations)}`;
}

/** `tolerance`: for the order of additions, which differs between implementations. */
async function checkQuery(test: QueryTest, rules: Rules, tolerance: number): Promise<Checked> {
  const when = `${test.expr} at ${formatDuration(test.at)}`;
  const query = parseQuery(test.expr);
  if ("errors" in query) return { failures: [`${when}: ${query.errors[0]!.message}`] };
  const result = await evaluateInstant(query, test.at, rules.source);
  const got =
    result.kind === "vector"
      ? result.samples
      : result.kind === "scalar"
        ? [{ labels: {}, value: result.value }]
        : undefined;
  if (got === undefined) return { failures: [`${when}: a ${result.kind} cannot be compared`] };
  const left = new Map(got.map((sample) => [labelsKey(sample.labels), sample]));
  const failures: string[] = [];
  for (const { labels, value } of test.expected) {
    const found = left.get(labelsKey(labels));
    left.delete(labelsKey(labels));
    if (found === undefined) failures.push(`${when}: ${formatMetric(labels)} is missing`);
    else if (!almostEqual(found.value, value, tolerance))
      failures.push(`${when}: ${formatMetric(labels)} is ${found.value}, not ${value}`);
  }
  for (const { labels, value } of left.values())
    failures.push(`${when}: did not expect ${formatMetric(labels)} ${value}`);
  return { failures };
}
