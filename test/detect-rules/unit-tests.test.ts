// The runner of rule unit tests.
import { describe, expect, it } from "vitest";
import { runRuleTests } from "../../src/detect/rules/unit-tests.ts";

describe("the runner of rule tests", () => {
  const rules =
    "groups: [{name: g, rules: [{alert: A, expr: m > 5, for: 1m, labels: {severity: page}}, {record: r, expr: m * 2}]}]";
  const run = (tests: string): ReturnType<typeof runRuleTests> =>
    runRuleTests("t", `rule_files: [r.yaml]\n${tests}`, { read: () => rules });
  const series = 'interval: 1m, input_series: [{series: \'m{entity="a"}\', values: "1 9 9 9"}]';

  it("tells an alert that is missing, one that differs and one too many", async () => {
    const missing = await run(
      `tests: [{${series}, alert_rule_test: [{eval_time: 0m, alertname: A, exp_alerts: [{}]}]}]`,
    );
    expect(missing.failures).toHaveLength(1);
    expect(missing.failures[0]).toContain("got none");
    const surplus = await run(`tests: [{${series}, alert_rule_test: [{eval_time: 3m, alertname: A}]}]`);
    expect(surplus.failures[0]).toContain('did not expect {entity="a", severity="page"}');
    const other = "exp_alerts: [{exp_labels: {entity: b, severity: page}}]";
    const different = await run(`tests: [{${series}, alert_rule_test: [{eval_time: 3m, alertname: A, ${other}}]}]`);
    expect(different.failures).toHaveLength(2);
    const right = "exp_alerts: [{exp_labels: {entity: a, severity: page}}]";
    expect(
      (await run(`tests: [{${series}, alert_rule_test: [{eval_time: 3m, alertname: A, ${right}}]}]`)).failures,
    ).toEqual([]);
  });

  it("compares query results, recorded series included", async () => {
    const expect1 = (value: number): string =>
      `tests: [{${series}, promql_expr_test: [{expr: r, eval_time: 2m, exp_samples: [{labels: 'r{entity="a"}', value: ${value}}]}]}]`;
    expect((await run(expect1(18))).failures).toEqual([]);
    expect((await run(expect1(19))).failures[0]).toContain("is 18, not 19");
  });

  it("gives templates external labels and URL, and queries", async () => {
    const file =
      "groups: [{name: g, rules: [{alert: A, expr: m > 5, annotations: {s: '{{ $externalLabels.c }} {{ externalURL }} {{ with query \"count(m)\" }}{{ . | first | value }}{{ end }}'}}]}]";
    const test = `rule_files: [r.yaml]
tests:
  - interval: 1m
    external_labels: {c: eu}
    external_url: http://prom
    input_series: [{series: m, values: "9 9"}]
    alert_rule_test: [{eval_time: 1m, groupname: g, alertname: A, exp_alerts: [{exp_annotations: {s: "eu http://prom 1"}}]}]`;
    expect((await runRuleTests("t", test, { read: () => file })).failures).toEqual([]);
  });

  it("evaluates groups in the order it is told", async () => {
    const file =
      "groups: [{name: second, rules: [{record: b, expr: a * 2}]}, {name: first, rules: [{record: a, expr: m + 0}]}]";
    const test = (order: string): string => `rule_files: [r.yaml]
${order}
tests: [{interval: 1m, input_series: [{series: m, values: "1 5"}], promql_expr_test: [{expr: b, eval_time: 1m, exp_samples: [{labels: b, value: 10}]}]}]`;
    const ordered = await runRuleTests("t", test("group_eval_order: [first, second]"), { read: () => file });
    expect(ordered.failures).toEqual([]);
    const asWritten = await runRuleTests("t", test(""), { read: () => file });
    expect(asWritten.failures[0]).toContain("is 2, not 10");
  });

  it("compares closely unless told to be lenient, starts when told, and finds files by pattern", async () => {
    const test = (more: string): string =>
      `rule_files: ["*.yaml"]\n${more}\ntests: [{interval: 1m, start_timestamp: 2026-01-01T00:00:00Z, input_series: [{series: m, values: "1 5"}], promql_expr_test: [{expr: "m + 0.000001", eval_time: 1m, exp_samples: [{value: 5}]}, {expr: year(), eval_time: 0m, exp_samples: [{value: 2026}]}]}]`;
    const folder = { read: () => "groups: []", expand: () => ["r.yaml"] };
    expect((await runRuleTests("t", test(""), folder)).failures).toHaveLength(1);
    expect((await runRuleTests("t", test("fuzzy_compare: true"), folder)).failures).toEqual([]);
    expect((await runRuleTests("t", test(""), { read: () => "" })).failures[0]).toContain("no rule file fits *.yaml");
  });

  it("tells mistakes of the test file and of the rules by place", async () => {
    expect((await run("tests: [{intervall: 1m}]")).failures[0]).toMatch(/^t:2:\d+: unknown key "intervall"/);
    const broken = await runRuleTests("t", "rule_files: [r.yaml]", {
      read: () => "groups: [{name: g, rules: [{alert: A, expr: 'm['}]}]",
    });
    expect(broken.failures[0]).toContain("r.yaml:1:");
  });
});
