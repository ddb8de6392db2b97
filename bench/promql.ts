// How much of Prometheus's own PromQL suite the evaluator passes: `promql.ts [DIR]`, DIR holding its `*.test` scripts.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "../src/promql/script/run.ts";

const directory = process.argv[2] ?? "../shared/data/promqltest";
const files = readdirSync(directory).filter((name) => name.endsWith(".test"));
if (files.length === 0) throw new Error(`${directory} holds no *.test scripts: name the folder that has them`);
let cases = 0;
let passed = 0;
const skipped = new Map<string, number>();
for (const file of files.sort()) {
  for (const report of await runScript(file, readFileSync(join(directory, file), "utf8"))) {
    if (report.outcome === "skipped") {
      const reason = report.reason?.split(":")[0] ?? "";
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      continue;
    }
    cases++;
    if (report.outcome === "passed") passed++;
    else console.log(`failed: ${report.name}: ${report.reason}`);
  }
}
for (const [reason, count] of skipped) console.log(`set aside: ${count} (${reason})`);
const share = cases === 0 ? 0 : passed / cases;
const goal = 0.99;
const goals = [{ figure: "share", op: ">=", goal, holds: share >= goal }];
console.log(JSON.stringify({ bench: "promql", figures: { cases, passed, share }, goals }));
if (share < goal) process.exitCode = 1;
