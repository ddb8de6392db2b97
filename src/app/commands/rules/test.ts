// homeostat rules test: unit tests of rules in promtool's format.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type RuleTestReport, runRuleTests } from "../../../detect/rules/unit-tests.ts";
import { type Io, userError } from "../../command.ts";
import { folderOf, readNamed } from "./files.ts";

export async function testRules(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: "boolean", default: false } },
  });
  const reports: { file: string; report: RuleTestReport }[] = [];
  for (const file of readNamed(positionals)) {
    reports.push({ file, report: await runRuleTests(file, textOf(file), folderOf(file)) });
  }
  const ok = reports.every(({ report }) => report.failures.length === 0);
  if (values.json) {
    const files = reports.map(({ file, report }) => ({
      file,
      checks: report.checks,
      failures: report.failures,
      neverFired: neverFired(report),
    }));
    io.out(JSON.stringify({ ok, files }));
    return ok ? 0 : 1;
  }
  for (const { file, report } of reports) {
    for (const failure of report.failures) io.out(failure);
    const unseen = neverFired(report);
    if (unseen.length > 0) io.out(`${file}: no test sees these alerts fire: ${unseen.join(", ")}`);
    io.out(`${file}: ${report.checks} checks, ${report.failures.length} failures`);
  }
  return ok ? 0 : 1;
}

function neverFired({ alerts, fired }: RuleTestReport): readonly string[] {
  return alerts.filter((name) => !fired.has(name));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw userError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}
