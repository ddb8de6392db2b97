// Lines for people, and the goals.
import { actGoals } from "./acting/act-figures.ts";
import type { ActScore } from "./acting/act-score.ts";
import type { Run } from "./figures.ts";
import type { Score } from "./score.ts";

const wanted = [
  ["detected_share", ">=", 0.95],
  ["ttd_median_s", "<=", 45],
  ["top1_share", ">=", 0.85],
  ["top3_share", ">=", 0.95],
  ["location_share", ">=", 0.9],
  ["false_incidents_per_week", "<=", 1],
] as const;

export function goals(figures: Readonly<Record<string, number>>) {
  return [...wanted, ...("executed_actions" in figures ? actGoals : [])].map(([figure, op, goal]) => {
    const value = figures[figure] ?? Number.NaN;
    return { figure, op, goal, holds: op === ">=" ? value >= goal : value <= goal };
  });
}

/** `  12/120  FM-01  kv-storm-017   found after 25 s, cause right, place right   (9 s CPU)` */
export function runLine({ scenario, mode, score, acted }: Run, done: number, of: number, cpuSeconds: number): string {
  const count = `${done}/${of}`.padStart(8);
  return `${count}  ${mode.padEnd(6)}  ${scenario.padEnd(40)}  ${verdict(score)}${actedSays(acted)}  (${cpuSeconds.toFixed(0)} s CPU)`;
}

function actedSays(acted: ActScore | undefined): string {
  if (acted === undefined) return "";
  const { isFault, executed, repairable, repaired, ttrMs, harmful, wrong } = acted;
  const did = executed === 0 ? "nothing done" : `${executed} done`;
  const bad = [harmful > 0 ? `${harmful} HARMFUL` : "", wrong > 0 ? `${wrong} WRONG` : ""].filter((one) => one !== "");
  if (!isFault) return `; ${[did, ...bad].join(", ")}`;
  const became =
    ttrMs === undefined ? "not felt" : repaired ? `harm over after ${ttrMs / 60_000} min` : "harm to the end";
  return `; ${[did, ...bad, became, repairable ? "repairable" : "not repairable"].join(", ")}`;
}

function verdict(score: Score): string {
  const cried = score.falseIncidents === 0 ? "" : `, ${score.falseIncidents} false`;
  if (!score.isFault) return score.falseIncidents === 0 ? "quiet" : `FALSE: ${score.falseIncidents}`;
  if (!score.detected) return `MISSED${cried}`;
  const cause = score.top1 ? "cause right" : score.top3 ? "cause in three" : "CAUSE WRONG";
  const place = score.location === undefined ? "" : score.location ? ", place right" : ", PLACE WRONG";
  return `found after ${Math.round((score.ttdMs ?? 0) / 1000)} s, ${cause}${place}: ${score.said}${cried}`;
}

/** Shares by failure mode, the worst first. */
export function modeLines(runs: readonly Run[]): readonly string[] {
  const modes = [...new Set(runs.filter(({ score }) => score.isFault).map(({ mode }) => mode))];
  return modes
    .map((mode) => {
      const scores = runs.filter((run) => run.mode === mode).map(({ score }) => score);
      const count = (test: (score: Score) => boolean): number => scores.filter(test).length;
      return { mode, n: scores.length, found: count((one) => one.detected), right: count((one) => one.top1) };
    })
    .sort((a, b) => a.right / a.n - b.right / b.n || (a.mode < b.mode ? -1 : 1))
    .map(({ mode, n, found, right }) => `${mode.padEnd(7)} ${n} runs, ${found} found, ${right} named right`);
}
