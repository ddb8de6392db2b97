// Knobs chosen without the incidents they are then judged on: one kind of fault is left out at a time.
import { locateDefaults } from "../../src/diagnose/locate/locate.ts";
import { ours } from "./ours.ts";
import type { Scenario } from "./scenario.ts";
import { type Answer, answers, recall, silences } from "./task.ts";

const grid = [3, 4, 5, 6].flatMap((zMin) =>
  [2, 3].flatMap((zNamed) =>
    [4, 8, 16].flatMap((zSure) => [0.02, 0.05, 0.1].map((shareMin) => ({ zMin, zNamed, zSure, shareMin }))),
  ),
);

/**
 * A kind is a root cause and a metric, over all scenarios. The knobs are those with the highest sum of top-1, top-3 and
 * specificity over the other kinds; what ties is averaged, so that no tie is broken by luck. `worst_knobs_*` is the least
 * that any knobs on the grid reach.
 */
export function leftOut(scenarios: readonly Scenario[]): Readonly<Record<string, number>> {
  const runs = grid.map((options) => ({
    list: scenarios.flatMap((scenario) => answers(ours(options), scenario)),
    silent: scenarios.flatMap((scenario) => [...silences(ours(options), scenario).values()].flat()),
  }));
  const kinds = new Set(runs[0]!.list.map(kindOf));
  const total = runs[0]!.list.length;
  let top1 = 0;
  let top3 = 0;
  for (const kind of kinds) {
    const rated = runs.map(({ list, silent }) => {
      const others = list.filter((answer) => kindOf(answer) !== kind);
      const merit = recall(others, 1) + recall(others, 3) + silent.filter(Boolean).length / silent.length;
      return { merit, held: list.filter((answer) => kindOf(answer) === kind) };
    });
    const most = Math.max(...rated.map(({ merit }) => merit));
    const best = rated.filter(({ merit }) => merit > most - 1e-9);
    for (const { held } of best) {
      top1 += (recall(held, 1) * held.length) / best.length / total;
      top3 += (recall(held, 3) * held.length) / best.length / total;
    }
  }
  const shipped = JSON.stringify(locateDefaults);
  if (!grid.some((options) => JSON.stringify(options) === shipped)) throw new Error(`the grid lacks ${shipped}`);
  const least = (k: number): number => Math.min(...runs.map(({ list }) => recall(list, k)));
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    left_out_top1: round(top1),
    left_out_top3: round(top3),
    worst_knobs_top1: round(least(1)),
    worst_knobs_top3: round(least(3)),
  };
}

function kindOf({ issue }: Answer): string {
  return `${issue.root} ${issue.target.metric}`;
}
