// What Prometheus's HTTP API reads: all of time, and over it what rules recorded.
import type { Rules } from "../detect/rules/engine.ts";
import type { Clock } from "../model/clock.ts";
import type { History } from "../observe/history.ts";
import type { Whole } from "../observe/whole.ts";
import type { PrometheusDeps } from "../show/route.ts";

/** Samples one query may look at: a second or two of one core. */
const samplesMax = 20_000_000;
const dayMs = 86_400_000;

export function prometheusDeps(from: {
  readonly whole: Whole;
  readonly history: History;
  readonly rules: Rules;
  readonly clock: Clock;
}): PrometheusDeps {
  const { whole, history, rules, clock } = from;
  return {
    source: {
      ...rules.over(whole),
      async labelSets(matchers, range) {
        const recorded = rules.recorded(matchers, range).map(({ labels }) => labels);
        return [...recorded, ...(await whole.labelSets(matchers, range))];
      },
    },
    limits: { maxSamples: samplesMax },
    rules: rules.groups,
    metadata: () => history.metadata({ from: clock.now() - dayMs, to: clock.now() }),
  };
}
