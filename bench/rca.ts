// How well the origin of an incident is found among services that call each other: `rca.ts [DIR]`, DIR holding scenarios
// (`graph.csv`, `noissue/`, `train/`, `test/`) or being one. Chance, the largest deviation and the published traversal run
// on the same questions in the same run.
import { fileURLToPath } from "node:url";
import { printReport } from "./lib/report.ts";
import { leftOut } from "./rca/left-out.ts";
import { ours } from "./rca/ours.ts";
import { chance, largestDeviation, traversal } from "./rca/rivals.ts";
import { readScenarios, type Scenario } from "./rca/scenario.ts";
import { type Answer, answers, type Method, recall, shortSilences, silences } from "./rca/task.ts";
import { thinned } from "./rca/thin.ts";

const thinShares = [0.3, 0.1];
const thinSeeds = [1, 2, 3, 4];
const dir = process.argv[2] ?? fileURLToPath(new URL("../../shared/data/rca/petshop_rca", import.meta.url));
const scenarios = readScenarios(dir);
if (scenarios.every(({ issues }) => issues.length === 0)) {
  process.stderr.write(
    `left out: ${dir} holds no scenario (graph.csv, noissue/, train/ or test/): name a folder that does\n`,
  );
  process.exit(process.argv[2] === undefined ? 0 : 2);
}

const untold: Method = (question) => ours()({ ...question, alarm: Number.NaN });
const figures = { issues: scenarios.flatMap(({ issues }) => issues).length, ...judge("homeostat", ours(), true) };
const peers = {
  chance: judge("chance", chance()),
  largest_deviation: judge("largest deviation", largestDeviation),
  traversal: judge("traversal", traversal()),
  homeostat_alarm_time_untold: judge("alarm untold", untold),
};
const more = { ...leftOut(scenarios), ...shortWindows(), ...thinFigures() };
printReport({
  bench: "rca",
  figures: { ...figures, ...more },
  peers,
  goals: [
    { figure: "top1", op: ">=", goal: 0.77 },
    { figure: "top3", op: ">=", goal: 0.885 },
    { figure: "specificity_latency", op: ">=", goal: 0.8 },
    { figure: "specificity_availability", op: ">=", goal: 0.8 },
  ],
});

function judge(name: string, method: Method, missesToo = false): Readonly<Record<string, number>> {
  const all: Answer[] = [];
  const silent = new Map<string, number[]>();
  for (const scenario of scenarios) {
    const list = answers(method, scenario);
    all.push(...list);
    const shares = [...silences(method, scenario)].map(([metric, flags]) => [metric, share(flags)] as const);
    for (const [metric, part] of shares) silent.set(metric, [...(silent.get(metric) ?? []), part]);
    const parts = shares.map(([metric, part]) => `${part.toFixed(3)} ${metric}`).join(", ");
    process.stdout.write(`${name}: ${scenario.name}: ${told(list)}, specificity ${parts}\n`);
    if (missesToo) for (const answer of list) tellMiss(answer);
  }
  process.stdout.write(`${name}: in total ${told(all)}\n`);
  const found: Record<string, number> = { top1: round(recall(all, 1)), top3: round(recall(all, 3)) };
  for (const [metric, parts] of silent) {
    const of = all.filter(({ issue }) => issue.target.metric === metric);
    found[`top1_${metric}`] = round(recall(of, 1));
    found[`top3_${metric}`] = round(recall(of, 3));
    found[`specificity_${metric}`] = round(parts.reduce((sum, part) => sum + part, 0) / parts.length);
  }
  return found;
}

function told(list: readonly Answer[]): string {
  return `${list.length} issues, top-1 ${recall(list, 1).toFixed(3)}, top-3 ${recall(list, 3).toFixed(3)}`;
}

function tellMiss({ issue, named }: Answer): void {
  const place = named.indexOf(issue.root) + 1;
  if (place === 1) return;
  const instead = named.slice(0, 3).join(", ") || "nothing";
  process.stdout.write(
    `  ${issue.name}: ${issue.root} is ${place === 0 ? "not named" : `place ${place}`}, but ${instead}\n`,
  );
}

/** Windows as short as the incidents, at every row of the second half of normal operation. */
function shortWindows(): Readonly<Record<string, number>> {
  const silent = new Map<string, boolean[]>();
  for (const scenario of scenarios) {
    for (const [metric, flags] of shortSilences(ours(), scenario)) {
      silent.set(metric, [...(silent.get(metric) ?? []), ...flags]);
    }
  }
  return Object.fromEntries([...silent].map(([metric, flags]) => [`silent_short_${metric}`, round(share(flags))]));
}

/** With a part of the requests only: how far the answers hang on much traffic. */
function thinFigures(): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const part of thinShares) {
    const worlds = thinSeeds.flatMap((seed): Scenario[] => scenarios.map((scenario) => thinned(scenario, part, seed)));
    const list = worlds.flatMap((world) => answers(ours(), world));
    const silent = worlds.flatMap((world) => [...silences(ours(), world).values()].flat());
    found[`thinned_${part}_top1`] = round(recall(list, 1));
    found[`thinned_${part}_top3`] = round(recall(list, 3));
    found[`thinned_${part}_specificity`] = round(share(silent));
  }
  return found;
}

function share(flags: readonly boolean[]): number {
  return flags.filter(Boolean).length / flags.length;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
