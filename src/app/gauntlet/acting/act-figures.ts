// Many scenarios' acting in a few figures. A share is null where there is nothing to divide by.
import { quantileOf } from "../../../math/quantile.ts";
import type { ActScore } from "./act-score.ts";

/**
 * - repaired_share: of the repairable faults (harm to the end without action, and the scenario names a repair), those whose harm was
 *   over before the end: as many requests served well as before the fault and every replica serving, by the simulation's truth
 * - harmful_actions: executed actions after which people were worse off than without any, or that struck what was healthy
 * - wrong_action_share: executed actions that are none of the right remedies; wrong_auto_actions: those nobody had approved
 * - do_nothing_share: runs without fault in which nothing was executed
 * - ttr_ratio_vs_no_action: median over the faults that do harm without action of the time until harm is over, against the same
 *   run without action; one that is never over counts with the time to the end, so the ratio is an upper bound
 * - inconclusive_share: verifications that could not tell
 * - decisions: times the room said yes or no to an action
 */
export function actFigures(scores: readonly ActScore[]): Record<string, number> {
  const repairable = scores.filter((one) => one.repairable);
  const healthy = scores.filter(({ isFault }) => !isFault);
  const sum = (of: (score: ActScore) => number): number => scores.reduce((total, one) => total + of(one), 0);
  const executed = sum((one) => one.executed);
  const judged = sum(({ verdicts: { success, fail, inconclusive } }) => success + fail + inconclusive);
  const ratios = scores.flatMap(({ ttrMs, ttrLeftMs }) =>
    ttrMs === undefined || ttrLeftMs === undefined ? [] : [ttrMs / ttrLeftMs],
  );
  return {
    repairable: repairable.length,
    repaired_share: repairable.filter((one) => one.repaired).length / repairable.length,
    executed_actions: executed,
    harmful_actions: sum((one) => one.harmful),
    wrong_action_share: sum((one) => one.wrong) / executed,
    wrong_auto_actions: sum((one) => one.wrongAuto),
    do_nothing_share: healthy.filter((one) => one.executed === 0).length / healthy.length,
    ttr_ratio_vs_no_action: quantileOf(Float64Array.from(ratios), ratios.length, 0.5),
    inconclusive_share: sum(({ verdicts }) => verdicts.inconclusive) / judged,
    verified_share: sum(({ verdicts }) => verdicts.success) / judged,
    decisions: sum((one) => one.decisions),
  };
}

export const actGoals = [
  ["repaired_share", ">=", 0.85],
  ["harmful_actions", "<=", 0],
  ["wrong_action_share", "<=", 0.02],
  ["do_nothing_share", ">=", 0.95],
  ["ttr_ratio_vs_no_action", "<=", 1 / 3],
  ["decisions", ">=", 3000],
] as const;
