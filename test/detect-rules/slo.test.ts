// Rules generated from service level objectives.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatMistake, generateSloRules, parseRuleFile } from "../../src/detect/rules/rule-file.ts";
import { runRuleTests } from "../../src/detect/rules/unit-tests.ts";
import { parseQuery } from "../../src/promql/parse.ts";
import { rulesOf } from "./helpers.ts";

const availability = `
slo:
  - name: chat
    description: Chat requests are answered
    objective: 99.9%
    window: 30d
    labels: { team: serving }
    sli:
      bad: sum by (service) (rate(calls_total{code="error"}[$window]))
      total: sum by (service) (rate(calls_total[$window]))
`;

function generated(text: string): string {
  const made = generateSloRules("x.slo.yaml", text);
  if ("mistakes" in made) throw new Error(made.mistakes.map(formatMistake).join("\n"));
  return made.text;
}

describe("an objective", () => {
  it("becomes the workbook's windows and factors, pages for fast burns and tickets for slow ones", () => {
    const alerts = rulesOf(availability).groups.flatMap(({ rules }) => rules.filter(({ kind }) => kind === "alert"));
    const seen = alerts.map((rule) => {
      const labels = rule.kind === "alert" ? rule.labels : {};
      return [
        rule.name,
        labels["window"]?.source,
        labels["severity"]?.source,
        / > ([\d.]+)\n/.exec(rule.expr.text)?.[1],
      ];
    });
    expect(seen).toEqual([
      ["SloBudgetBurnsFast", "1h", "page", "0.0144"],
      ["SloBudgetBurnsFast", "6h", "page", "0.006"],
      ["SloBudgetBurns", "1d", "ticket", "0.003"],
      ["SloBudgetBurns", "3d", "ticket", "0.001"],
      ["SloCannotBeJudged", undefined, "ticket", "0"],
    ]);
  });

  it("of a week burns by the same shares of its budget, and keeps no window in which that is no burn", () => {
    const week = rulesOf(availability.replace("30d", "7d")).groups.flatMap(({ rules }) => rules);
    const text = week.map(({ expr }) => expr.text).join("\n");
    expect(text).toContain('slo:errors:ratio_rate1h{slo="chat"} > 0.00336');
    expect(text).not.toContain("ratio_rate3d");
  });

  it("of half the requests still has thresholds that can be passed", () => {
    const loose = rulesOf(availability.replace("99.9%", "0.5")).groups.flatMap(({ rules }) => rules);
    const thresholds = loose.flatMap(({ expr }) =>
      [...expr.text.matchAll(/ > ([\d.]+)$/gm)].map(([, text]) => Number(text)),
    );
    expect(Math.max(...thresholds)).toBe(0.95);
  });

  it("is told with every mistake and its place", () => {
    const text = `slo:
  - name: Chat Requests
    objective: 100%
    window: 3h
    sli: { bad: "rate(m[5m])", total: "sum(m[$window])" }
  - name: b
    objective: 0.9
    sli:
      latency: { histogram: x_bucket, threshold: 2s }
    colour: red
`;
    const made = generateSloRules("f.yaml", text);
    const told = "mistakes" in made ? made.mistakes.map(formatMistake) : [];
    expect(told).toEqual([
      expect.stringContaining('f.yaml:2:11: the name is "Chat Requests"'),
      expect.stringContaining('f.yaml:3:16: the objective is "100%"'),
      expect.stringContaining("f.yaml:4:13: the window is 3h"),
      expect.stringContaining("f.yaml:5:17: the expression has no [$window]"),
      expect.stringContaining("f.yaml:5:44: what sum aggregates must be an instant vector"),
      expect.stringContaining('f.yaml:9:29: "x_bucket" is no histogram'),
      expect.stringContaining('f.yaml:9:50: the threshold is "2s"'),
      expect.stringContaining('f.yaml:10:5: unknown key "colour"'),
    ]);
    expect(parseRuleFile("f.yaml", text).mistakes).toHaveLength(told.length);
    expect("mistakes" in generateSloRules("f.yaml", "groups: []")).toBe(true);
  });

  it("of latency takes a bound however its exporter writes it", () => {
    const text = generated(`slo:
  - name: fast
    objective: 99%
    sli:
      latency: { histogram: ttft_seconds, where: '{job="x"}', threshold: 2, by: [model] }
`);
    expect(text).toContain('sum by (model) (rate(ttft_seconds_bucket{job="x", le=~"2([.]0)?"}[5m]))');
    expect("root" in parseQuery("sum by (model) (rate(ttft_seconds_count{}[5m]))")).toBe(true);
  });
});

const tests = `
rule_files: [chat.rules.yaml]
evaluation_interval: 1m
tests:
  - name: 5% fail, and nothing fails
    interval: 1m
    input_series:
      - { series: 'calls_total{service="a", code="ok"}', values: 0+570x90 }
      - { series: 'calls_total{service="a", code="error"}', values: 0x20 30+30x70 }
      - { series: 'calls_total{service="b", code="ok"}', values: 0+600x90 }
      # Every request fails, and there are six of them an hour.
      - { series: 'calls_total{service="c", code="error"}', values: 0x9 1x9 2x9 3x9 4x9 5x9 6x9 }
    promql_expr_test:
      - expr: slo:errors:ratio_rate5m{service="a"}
        eval_time: 80m
        exp_samples: [{ labels: 'slo:errors:ratio_rate5m{service="a", slo="chat"}', value: 0.05 }]
      - expr: slo:errors:ratio_rate1h{service="b"}
        eval_time: 80m
        exp_samples: [{ labels: 'slo:errors:ratio_rate1h{service="b", slo="chat"}', value: 0 }]
    alert_rule_test:
      - { eval_time: 20m, alertname: SloBudgetBurnsFast, exp_alerts: [] }
      - eval_time: 85m
        alertname: SloBudgetBurnsFast
        exp_alerts:
          - exp_labels: { slo: chat, team: serving, service: a, severity: page, window: 1h }
            exp_annotations: &says
              summary: "Chat requests are answered: 5% of the events of the last 1h were bad, over 14.4 times what the objective of 99.9% in 30d allows"
              runbook: Find what changed and take it back; see which of the label sets burns.
          - exp_labels: { slo: chat, team: serving, service: a, severity: page, window: 6h }
            exp_annotations:
              <<: *says
              summary: "Chat requests are answered: PERCENT of the events of the last 6h were bad, over 6 times what the objective of 99.9% in 30d allows"
`;

describe("generated rules", () => {
  it("page while the budget burns fast, and not for a quiet service or a handful of requests", async () => {
    const report = await runRuleTests("t", tests, { read: () => generated(availability) });
    // Only the share of the longer window is left open.
    expect(report.failures.filter((failure) => !failure.includes("last 6h"))).toEqual([]);
    expect(report.fired.has("SloBudgetBurnsFast")).toBe(true);
  });

  it("stop to page once it is over, though the hour still holds the errors", async () => {
    const over = `rule_files: [chat.rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'calls_total{service="a", code="ok"}', values: 0+100x90 }
      - { series: 'calls_total{service="a", code="error"}', values: 0x20 30+30x20 630x60 }
    promql_expr_test:
      - expr: slo:errors:ratio_rate1h > bool 0.0144
        eval_time: 60m
        exp_samples: [{ labels: '{service="a", slo="chat"}', value: 1 }]
    alert_rule_test: [{ eval_time: 60m, alertname: SloBudgetBurnsFast, groupname: slo-chat, exp_alerts: [] }]
`;
    const { failures } = await runRuleTests("t", over, { read: () => generated(availability) });
    // The six-hour window is still burning by its short one of half an hour.
    expect(failures.filter((failure) => failure.includes('window="1h"'))).toEqual([]);
    expect(failures.some((failure) => failure.includes("missing"))).toBe(false);
  });

  const promtool = spawnSync("promtool", ["--version"]).status === 0;
  it.skipIf(!promtool)("are clean for promtool (needs Debian's prometheus package)", () => {
    const folder = mkdtempSync(join(tmpdir(), "homeostat-slo-"));
    try {
      writeFileSync(join(folder, "chat.rules.yaml"), generated(availability));
      const done = spawnSync("promtool", ["check", "rules", "chat.rules.yaml"], { cwd: folder, encoding: "utf8" });
      expect(done.status, done.stdout + done.stderr).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
