// Every rule pack passes its own tests, and promtool's judgement where promtool is.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { formatMistake, parseRuleFile } from "../../src/detect/rules/rule-file.ts";
import { runRuleTests } from "../../src/detect/rules/unit-tests.ts";

const directory = fileURLToPath(new URL("../../rules/packs", import.meta.url));
const packs = readdirSync(directory).filter((name) => name.endsWith(".rules.yaml"));
const read = (name: string): string => readFileSync(join(directory, name), "utf8");
const promtool = spawnSync("promtool", ["--version"]).status === 0;

describe.each(packs)("%s", (pack) => {
  const tests = pack.replace(/\.rules\.yaml$/, ".rules.test.yaml");

  it("has no mistake, and says how bad, what and what to do in every alert", () => {
    const { file, mistakes } = parseRuleFile(pack, read(pack));
    expect(mistakes.map(formatMistake)).toEqual([]);
    for (const rule of file!.groups.flatMap((group) => group.rules)) {
      if (rule.kind !== "alert") continue;
      expect(Object.keys(rule.labels), rule.name).toContain("severity");
      expect(Object.keys(rule.annotations), rule.name).toEqual(expect.arrayContaining(["summary", "runbook"]));
    }
  });

  it("passes its tests, in which each alert fires once and once does not", async () => {
    expect(existsSync(join(directory, tests)), `${tests} must stand beside ${pack}`).toBe(true);
    const report = await runRuleTests(tests, read(tests), read);
    expect(report.failures).toEqual([]);
    const alerts = parseRuleFile(pack, read(pack)).file!.groups.flatMap(({ rules }) =>
      rules.filter(({ kind }) => kind === "alert"),
    );
    const names = alerts.map(({ name }) => name);
    expect([...report.fired]).toEqual(expect.arrayContaining(names));
    expect([...report.silent]).toEqual(expect.arrayContaining(names));
  });

  it.skipIf(!promtool)("is judged the same by promtool (needs Debian's prometheus package)", () => {
    for (const args of [
      ["check", "rules", pack],
      ["test", "rules", tests],
    ]) {
      const done = spawnSync("promtool", args, { cwd: directory, encoding: "utf8" });
      expect(done.status, done.stdout + done.stderr).toBe(0);
    }
  });
});

describe("the runner of rule tests", () => {
  const rules =
    "groups: [{name: g, rules: [{alert: A, expr: m > 5, for: 1m, labels: {severity: page}}, {record: r, expr: m * 2}]}]";
  const run = (tests: string): ReturnType<typeof runRuleTests> =>
    runRuleTests("t", `rule_files: [r.yaml]\n${tests}`, () => rules);
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

  it("tells mistakes of the test file and of the rules by place", async () => {
    expect((await run("tests: [{intervall: 1m}]")).failures[0]).toMatch(/^t:2:\d+: unknown key "intervall"/);
    const broken = await runRuleTests(
      "t",
      "rule_files: [r.yaml]",
      () => "groups: [{name: g, rules: [{alert: A, expr: 'm['}]}]",
    );
    expect(broken.failures[0]).toContain("r.yaml:1:");
  });
});
