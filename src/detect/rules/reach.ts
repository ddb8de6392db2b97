// How far back rules look: recorded series are kept for as long as the rule that reads furthest needs them.
import type { DurationMs } from "../../model/time.ts";
import { defaultOptions } from "../../promql/eval/evaluation.ts";
import { planFetch } from "../../promql/eval/fetch.ts";
import type { Rule } from "./rule.ts";

/** Longest time any recorded series is kept: a quarter of a year, as long as an objective may last. */
const reachMax: DurationMs = 92 * 86_400_000;

/** For each metric that a rule records, how far back from now any rule reads it; a metric nobody reads is not in it. */
export function reachOfRecorded(
  rules: readonly Rule[],
  lookbackMs = defaultOptions.lookbackMs,
): ReadonlyMap<string, DurationMs> {
  const recorded = new Set(rules.filter(({ kind }) => kind === "record").map(({ name }) => name));
  const reach = new Map<string, DurationMs>();
  for (const { expr } of rules) {
    const spans = planFetch(expr, 0, 0, lookbackMs);
    for (const { slot, matchers } of expr.selectors) {
      const name = matchers.find((matcher) => matcher.name === "__name__" && matcher.op === "=")?.value;
      if (name === undefined || !recorded.has(name)) continue;
      const back = Math.min(reachMax, -(spans[slot]?.from ?? 0));
      reach.set(name, Math.max(back, reach.get(name) ?? 0));
    }
  }
  return reach;
}
