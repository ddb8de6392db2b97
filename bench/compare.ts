// Whether two versions are told apart when they differ, and not when they do not: planted versions of simulated fleets. Prints one JSON document as its last line.
import { parseArgs } from "node:util";
import type { Comparison } from "../src/model/comparison.ts";
import { type Trial, tryVersions } from "./compare/fleet.ts";
import { cpuSecondsSince, printReport } from "./lib/report.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20" },
    minutes: { type: "string", default: "40" },
    first: { type: "string", default: "1" },
    story: { type: "boolean", default: false },
  },
});
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => Number(values.first) + i);
const minutes = Number(values.minutes);
const figures: Record<string, number> = {};
const before = process.cpuUsage();

for (const design of ["beside", "after"] as const) {
  for (const [name, factor] of [
    ["same", 1],
    ["slower_15", 1.15],
    ["slower_30", 1.3],
    ["faster_20", 0.8],
  ] as const) {
    const found: Comparison[] = [];
    for (const seed of seeds) found.push(await story({ seed, factor, design, minutes }));
    const share = (verdict: Comparison["verdict"]): number =>
      found.filter((one) => one.verdict === verdict).length / found.length;
    for (const verdict of ["worse", "better", "same", "undecided"] as const)
      figures[`${design}_${name}_${verdict}`] = share(verdict);
    const wrong = found.flatMap(({ measures }) =>
      measures.filter(({ verdict }) => verdict === "worse" || verdict === "better" || verdict === "different"),
    ).length;
    figures[`${design}_${name}_decided_measures_each`] = wrong / found.length;
  }
}
figures["cpu_s"] = Math.round(cpuSecondsSince(before));

printReport({
  bench: "compare",
  figures,
  goals: [
    { figure: "beside_same_worse", op: "<=", goal: 0.05 },
    { figure: "after_same_worse", op: "<=", goal: 0.05 },
    { figure: "beside_slower_30_worse", op: ">=", goal: 0.95 },
    { figure: "after_slower_30_worse", op: ">=", goal: 0.95 },
  ],
});

async function story(trial: Trial): Promise<Comparison> {
  const found = await tryVersions(trial);
  if (values.story) {
    process.stderr.write(`${trial.design} x${trial.factor} seed ${trial.seed}: ${found.says}\n`);
    for (const { says } of found.measures) process.stderr.write(`    ${says}\n`);
  }
  return found;
}
