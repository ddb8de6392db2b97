// Selectors and what follows them: ranges, subqueries, offset, @.
import type { SyntaxNode } from "@lezer/common";
import { METRIC_NAME } from "../../model/labels.ts";
import type { LabelMatcher } from "../../model/ports/series-source.ts";
import type { At, Expr, SelectorExpr } from "../ast.ts";
import { typeOf } from "../ast.ts";
import { compileMatcher, whyPatternRefused } from "../matcher.ts";
import type { Building } from "./building.ts";
import { childrenOf, mistake, placeholder, readString, spanOf, typeName } from "./building.ts";
import { parseNumber } from "./literals.ts";

export function buildSelector(node: SyntaxNode, building: Building): Expr {
  const matchers: LabelMatcher[] = [];
  const span = spanOf(node);
  const named = (value: string, at: SyntaxNode): void => {
    if (matchers.some((matcher) => matcher.name === METRIC_NAME && matcher.op === "=")) {
      mistake(building, "syntax", "the metric name is given twice", spanOf(at));
    }
    matchers.push({ name: METRIC_NAME, op: "=", value });
  };
  for (const child of childrenOf(node)) {
    if (child.name === "Identifier") named(building.text.slice(child.from, child.to), child);
    if (child.name !== "LabelMatchers") continue;
    for (const item of childrenOf(child)) {
      if (item.name === "QuotedLabelName") named(readString(childrenOf(item)[0]!, building), item);
      else matchers.push(buildMatcher(item, building));
    }
  }
  // A selector that the empty series satisfies would mean every series there is.
  const refused = matchers.some(
    (matcher) => patternOf(matcher) !== undefined && whyPatternRefused(matcher.value) !== undefined,
  );
  if (!refused && matchers.every((matcher) => compileMatcher(matcher)(""))) {
    mistake(building, "syntax", "a selector needs at least one matcher that does not match the empty string", span);
  }
  return addSelector({ matchers, rangeMs: undefined, offsetMs: 0, at: undefined, span }, building);
}

function addSelector(parts: Omit<SelectorExpr, "kind" | "slot">, building: Building): SelectorExpr {
  const selector: SelectorExpr = { kind: "selector", slot: building.selectors.length, ...parts };
  building.selectors.push(selector);
  return selector;
}

/** A changed selector keeps its slot. */
function replaceSelector(selector: SelectorExpr, building: Building): SelectorExpr {
  building.selectors[selector.slot] = selector;
  return selector;
}

function patternOf(matcher: LabelMatcher): string | undefined {
  return matcher.op === "=~" || matcher.op === "!~" ? matcher.value : undefined;
}

function buildMatcher(node: SyntaxNode, building: Building): LabelMatcher {
  const [label, operator, literal] = childrenOf(node);
  const name =
    label!.name === "LabelName"
      ? building.text.slice(label!.from, label!.to)
      : readString(childrenOf(label!)[0]!, building);
  const op = building.text.slice(operator!.from, operator!.to) as LabelMatcher["op"];
  const value = readString(literal!, building);
  const matcher: LabelMatcher = { name, op, value };
  const why = patternOf(matcher) === undefined ? undefined : whyPatternRefused(value);
  if (why !== undefined) mistake(building, "unsupported", `regular expression refused: ${why}`, spanOf(literal!));
  return matcher;
}

/** Puts a range, subquery, offset or @ onto what it follows. */
export function applyPostfix(node: SyntaxNode, expr: Expr, building: Building): Expr {
  const span = { from: expr.span.from, to: node.to };
  if (building.broken.has(expr)) return expr;
  switch (node.name) {
    case "MatrixSelector":
      return applyRange(node, expr, building);
    case "SubqueryExpr": {
      const type = typeOf(expr);
      if (type !== "vector") {
        mistake(building, "type", `a subquery needs an instant vector, but this is a ${typeName(type)}`, expr.span);
        return placeholder(span, building);
      }
      const durations = childrenOf(node).filter((child) => child.name === "DurationExpr");
      const rangeMs = readDuration(durations[0]!, building);
      const stepMs = durations[1] === undefined ? undefined : readDuration(durations[1], building);
      const slot = building.counts.subqueries++;
      return { kind: "subquery", slot, expr, rangeMs, stepMs, offsetMs: 0, at: undefined, span };
    }
    case "OffsetExpr":
      return applyOffset(node, expr, building);
    case "StepInvariantExpr":
      return applyAt(node, expr, building);
    default: {
      const word = node.name === "AnchoredExpr" ? "anchored" : "smoothed";
      mistake(
        building,
        "unsupported",
        `${word} is not supported: it is experimental in Prometheus (extended range selectors)`,
        spanOf(node),
      );
      return placeholder(span, building);
    }
  }
}

function applyRange(node: SyntaxNode, expr: Expr, building: Building): Expr {
  const span = { from: expr.span.from, to: node.to };
  const duration = childrenOf(node).find((child) => child.name === "DurationExpr")!;
  const rangeMs = readDuration(duration, building);
  if (expr.kind !== "selector" || expr.rangeMs !== undefined) {
    mistake(
      building,
      "type",
      "a range only goes with a selector; for an expression write a subquery, [range:step]",
      span,
    );
    return placeholder(span, building);
  }
  if (expr.offsetMs !== 0 || expr.at !== undefined) {
    mistake(building, "syntax", "offset and @ come after the range", span);
  }
  return replaceSelector({ ...expr, rangeMs, span }, building);
}

function applyOffset(node: SyntaxNode, expr: Expr, building: Building): Expr {
  const span = { from: expr.span.from, to: node.to };
  const duration = childrenOf(node).find((child) => child.name === "OffsetDurationExpr")!;
  const text = building.text.slice(duration.from, duration.to).trim();
  const seconds = parseNumber(text.replace(/^[+-]\s*/, ""));
  if (seconds === undefined) refuseDuration(duration, building);
  if (expr.kind !== "selector" && expr.kind !== "subquery") {
    mistake(building, "syntax", "offset only goes with a selector or a subquery", span);
    return expr;
  }
  if (expr.offsetMs !== 0) mistake(building, "syntax", "offset is given twice", span);
  const offsetMs = Math.round((seconds ?? 0) * 1000) * (text.startsWith("-") ? -1 : 1);
  return expr.kind === "selector"
    ? replaceSelector({ ...expr, offsetMs, span }, building)
    : { ...expr, offsetMs, span };
}

function applyAt(node: SyntaxNode, expr: Expr, building: Building): Expr {
  const span = { from: expr.span.from, to: node.to };
  if (expr.kind !== "selector" && expr.kind !== "subquery") {
    mistake(building, "syntax", "@ only goes with a selector or a subquery", span);
    return expr;
  }
  if (expr.at !== undefined) mistake(building, "syntax", "@ is given twice", span);
  const at = readAt(node, building);
  return expr.kind === "selector" ? replaceSelector({ ...expr, at, span }, building) : { ...expr, at, span };
}

function readAt(node: SyntaxNode, building: Building): At {
  const last = childrenOf(node).at(-1)!;
  if (last.name === "AtModifierPreprocessors") {
    return { kind: childrenOf(last)[0]?.name === "AtStart" ? "start" : "end" };
  }
  const text = building.text.slice(last.from, last.to);
  const seconds = parseNumber(text.replace(/^[+-]\s*/, "")) ?? Number.NaN;
  if (!Number.isFinite(seconds)) mistake(building, "syntax", "@ needs Unix seconds", spanOf(last));
  return { kind: "instant", at: Math.round(seconds * 1000) * (text.startsWith("-") ? -1 : 1) };
}

function readDuration(node: SyntaxNode, building: Building): number {
  const seconds = parseNumber(building.text.slice(node.from, node.to).trim());
  if (seconds === undefined) {
    refuseDuration(node, building);
    return 1;
  }
  const durationMs = Math.round(seconds * 1000);
  if (!(durationMs > 0 && Number.isFinite(durationMs))) {
    mistake(building, "syntax", "a duration must be greater than 0", spanOf(node));
    return 1;
  }
  return durationMs;
}

function refuseDuration(node: SyntaxNode, building: Building): void {
  const message =
    "write a plain duration such as 5m: expressions for durations are experimental in Prometheus and not supported";
  mistake(building, "unsupported", message, spanOf(node));
}
