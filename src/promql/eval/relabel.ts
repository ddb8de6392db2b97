// label_replace, label_join, and the labels of absent.

import { METRIC_NAME } from "../../model/labels.ts";
import type { Expr } from "../ast.ts";
import { queryFailure } from "../errors.ts";
import type { Metric } from "../metric.ts";
import { withLabels } from "../metric.ts";
import { compileRegex } from "../regex/program.ts";
import { expandGroups } from "../regex/replace.ts";
import { isValidText, quoteText } from "../syntax/literals.ts";
import type { Vector } from "./vector.ts";
import { requireUnique } from "./vector.ts";

export function labelReplace(
  vector: Vector,
  [target = "", template = "", source = "", pattern = ""]: readonly string[],
): Vector {
  const regex = compileRegex(pattern);
  if ("error" in regex) throw queryFailure(`invalid regular expression in label_replace(): ${pattern}: ${regex.error}`);
  if (!isLabelName(target))
    throw queryFailure(`invalid destination label name in label_replace(): ${quoteText(target)}`);
  return relabel(vector, target, (metric) => {
    const value = metric.labels[source] ?? "";
    const groups = regex.match(value);
    return groups === undefined ? undefined : expandGroups(template, value, groups, regex);
  });
}

export function labelJoin(vector: Vector, [target = "", separator = "", ...sources]: readonly string[]): Vector {
  if (!isLabelName(target)) throw queryFailure(`invalid destination label name in label_join(): ${quoteText(target)}`);
  const wrong = sources.find((name) => !isLabelName(name));
  if (wrong !== undefined) throw queryFailure(`invalid source label name in label_join(): ${quoteText(wrong)}`);
  return relabel(vector, target, (metric) => sources.map((name) => metric.labels[name] ?? "").join(separator));
}

function isLabelName(name: string): boolean {
  return name !== "" && isValidText(name);
}

function relabel(vector: Vector, target: string, newValue: (metric: Metric) => string | undefined): Vector {
  const metrics = vector.metrics.slice(0, vector.length).map((metric) => {
    const value = newValue(metric);
    return value === undefined ? metric : withLabels(metric, { [target]: value });
  });
  return requireUnique({
    metrics,
    values: vector.values,
    length: vector.length,
    oneName: vector.oneName && target !== METRIC_NAME,
  });
}

/** What can be said of a series that is not there: the labels its selector pins with `=`, once each. */
export function labelsOfAbsent(expr: Expr): Record<string, string> {
  if (expr.kind !== "selector") return {};
  const labels: Record<string, string> = {};
  const named = new Set<string>();
  for (const { name, op, value } of expr.matchers) {
    if (name === METRIC_NAME) continue;
    if (op === "=" && !named.has(name)) labels[name] = value;
    else delete labels[name];
    named.add(name);
  }
  return labels;
}
