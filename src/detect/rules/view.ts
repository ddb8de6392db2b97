// The rule groups as others see them.
import type { Alert } from "../../model/anomaly.ts";
import type { Labels } from "../../model/labels.ts";
import type { RuleGroupView, RuleView } from "../../model/rule-view.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import type { Rule, RuleGroup } from "./rule.ts";

interface GroupState {
  readonly group: RuleGroup;
  readonly file: string;
  readonly intervalMs: DurationMs;
  readonly lastAt: Instant;
  readonly rules: readonly {
    readonly rule: Rule;
    readonly failure: { readonly error: string } | undefined;
    readonly alerts: readonly Alert[];
  }[];
}

export function viewOfGroup({ group, file, intervalMs, lastAt, rules }: GroupState): RuleGroupView {
  const evaluated = Number.isFinite(lastAt);
  return {
    name: group.name,
    file,
    intervalMs,
    limit: group.limit,
    evaluatedAt: evaluated ? lastAt : undefined,
    rules: rules.map(({ rule, failure, alerts }): RuleView => {
      return {
        kind: rule.kind,
        name: rule.name,
        query: rule.expr.text,
        forMs: rule.kind === "alert" ? rule.forMs : 0,
        keepFiringForMs: rule.kind === "alert" ? rule.keepFiringForMs : 0,
        labels: sources(rule.labels),
        annotations: rule.kind === "alert" ? sources(rule.annotations) : {},
        alerts,
        health: failure !== undefined ? "err" : evaluated ? "ok" : "unknown",
        ...(failure === undefined ? {} : { error: failure.error }),
      };
    }),
  };
}

function sources(labels: Readonly<Record<string, string | { readonly source: string }>>): Labels {
  return Object.fromEntries(
    Object.entries(labels).map(([name, label]) => [name, typeof label === "string" ? label : label.source]),
  );
}
