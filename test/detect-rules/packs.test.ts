// Every rule pack passes its own tests, and promtool's judgement where promtool is.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { formatMistake, generateSloRules, parseRuleFile } from "../../src/detect/rules/rule-file.ts";
import { runRuleTests } from "../../src/detect/rules/unit-tests.ts";
import { planFetch } from "../../src/promql/eval/fetch.ts";

const directory = fileURLToPath(new URL("../../rules/packs", import.meta.url));
const packs = readdirSync(directory).filter((name) => name.endsWith(".rules.yaml"));
const read = (name: string): string => readFileSync(join(directory, name), "utf8");
const promtool = spawnSync("promtool", ["--version"]).status === 0;

const readme = read("README.md");
const slugs = [...readme.matchAll(/FM-\d\d \| `([a-z-]+)`/g)].map(([, slug]) => slug);
const promised = [...readme.matchAll(/^\| `([a-z_]+)`/gm)].map(([, name]) => name);

function alertsOf(pack: string) {
  const { file } = parseRuleFile(pack, read(pack));
  return file!.groups.flatMap(({ rules }) => rules.flatMap((rule) => (rule.kind === "alert" ? [rule] : [])));
}

describe.each(packs)("%s", (pack) => {
  const tests = pack.replace(/\.rules\.yaml$/, ".rules.test.yaml");

  it("has no mistake, and says how bad, what and what to do in every alert", () => {
    const { file, mistakes } = parseRuleFile(pack, read(pack));
    expect(mistakes.map(formatMistake)).toEqual([]);
    for (const rule of file!.groups.flatMap((group) => group.rules)) {
      if (rule.kind !== "alert") continue;
      expect(["page", "ticket", "info"], rule.name).toContain(rule.labels["severity"]?.source);
      expect(slugs, rule.name).toContain(rule.labels["failure_mode"]?.source);
      expect(Object.keys(rule.annotations), rule.name).toEqual(expect.arrayContaining(["summary", "runbook"]));
    }
  });

  it("wakes somebody for burning budgets, forecasts and exposed data alone", () => {
    const paging = alertsOf(pack).filter(({ labels }) => labels["severity"]?.source === "page");
    for (const { name, expr, labels } of paging) {
      const forecast = expr.text.includes("predict_linear(");
      const burn = name === "SloBudgetBurnsFast";
      const exposure = ["guardrail-bypass", "kv-cross-contamination"].includes(labels["failure_mode"]!.source);
      expect(forecast || burn || exposure, name).toBe(true);
    }
  });

  it("asks for no more raw history than is in memory, and for no series that nobody promises", () => {
    const { file } = parseRuleFile(pack, read(pack));
    const rules = file!.groups.flatMap((group) => group.rules);
    const recorded = new Set(rules.filter(({ kind }) => kind === "record").map(({ name }) => name));
    for (const { name, expr } of rules) {
      const spans = planFetch(expr, 0, 0, 300_000);
      for (const { slot, matchers } of expr.selectors) {
        const metric = matchers.find((matcher) => matcher.name === "__name__")?.value ?? "";
        if (recorded.has(metric)) continue;
        expect(-spans[slot]!.from, `${name} reads ${metric}`).toBeLessThanOrEqual(25 * 60_000);
        const own = /^(traces_span_metrics|homeostat_(text|retrieval|feedback|probe|budget))_/.test(metric);
        if (own) expect(promised, `${name} reads ${metric}`).toContain(metric.replace(/_(bucket|count|sum)$/, ""));
      }
    }
  });

  it("passes its tests, in which each alert fires once and once does not", async () => {
    expect(existsSync(join(directory, tests)), `${tests} must stand beside ${pack}`).toBe(true);
    const report = await runRuleTests(tests, read(tests), { read });
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

describe("the packs together", () => {
  it("know every mode of the catalogue by one slug", () => {
    expect(slugs).toHaveLength(55);
    expect(new Set(slugs).size).toBe(55);
    const shipped = readdirSync(join(directory, "..", "failure-modes")).map((name) => name.replace(/\.yaml$/, ""));
    expect(slugs).toEqual(expect.arrayContaining(shipped));
  });

  it("have no alert twice", () => {
    const names = packs.flatMap((pack) => [...new Set(alertsOf(pack).map(({ name }) => name))]);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  it("are all in the table of packs", () => {
    for (const pack of packs) expect(readme).toContain(`\`${pack.replace(".rules.yaml", "")}\``);
  });

  it("have objectives whose rules were generated from them", () => {
    const made = generateSloRules("slo.slo.yaml", read("slo.slo.yaml"));
    expect("text" in made ? made.text : made.mistakes).toBe(read("slo.rules.yaml"));
  });
});
