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
