// Which series and what time each selector of a query needs, and getting them from the source.
import type { SeriesSource } from "../../model/ports/series-source.ts";
import type { SeriesView } from "../../model/series.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import type { At, Expr, ParsedQuery, SelectorExpr } from "../ast.ts";
import { limitFailure } from "../errors.ts";
import type { Metric } from "../metric.ts";
import { metricOf, withNameKept } from "../metric.ts";

/** What a selector found. */
export interface Series {
  readonly views: readonly SeriesView[];
  /** Of each view. */
  readonly metrics: readonly Metric[];
  readonly oneName: boolean;
}

interface Span {
  readonly from: Instant;
  readonly to: Instant;
}

/** The time each selector needs, by slot: `from` and `to` both inclusive. */
export function planFetch(query: ParsedQuery, start: Instant, end: Instant, lookbackMs: DurationMs): Span[] {
  const spans: Span[] = [];
  const shift = (at: At | undefined, offsetMs: DurationMs, over: Span): Span => {
    if (at === undefined) return { from: over.from - offsetMs, to: over.to - offsetMs };
    const fixed = (at.kind === "instant" ? at.at : at.kind === "start" ? start : end) - offsetMs;
    return { from: fixed, to: fixed };
  };
  const visit = (expr: Expr, over: Span): void => {
    switch (expr.kind) {
      case "selector": {
        const { from, to } = shift(expr.at, expr.offsetMs, over);
        spans[expr.slot] = { from: from - (expr.rangeMs ?? lookbackMs), to };
        return;
      }
      case "subquery": {
        const { from, to } = shift(expr.at, expr.offsetMs, over);
        visit(expr.expr, { from: from - expr.rangeMs, to });
        return;
      }
      case "call":
        for (const arg of expr.args) visit(arg, over);
        return;
      case "aggregate":
        visit(expr.expr, over);
        if (expr.param !== undefined) visit(expr.param, over);
        return;
      case "binary":
        visit(expr.left, over);
        visit(expr.right, over);
        return;
      case "negate":
        visit(expr.expr, over);
    }
  };
  visit(query.root, { from: start, to: end });
  return spans;
}

type Selected = ReturnType<SeriesSource["select"]>;

/** Asks the source for every selector of the query, in order. */
export function selectAll(query: ParsedQuery, spans: readonly Span[], source: SeriesSource): Selected[] {
  return query.selectors.map((selector) => {
    const span = spans[selector.slot]!;
    const range: TimeRange = { from: span.from, to: span.to + 1 };
    return source.select(selector.matchers, range);
  });
}

export function prepare(
  query: ParsedQuery,
  selected: readonly (readonly SeriesView[])[],
  { maxSeries, delayedNames }: { readonly maxSeries: number; readonly delayedNames: boolean },
): Series[] {
  let total = 0;
  for (const views of selected) total += views.length;
  if (total > maxSeries) {
    throw limitFailure(
      "maxSeries",
      `the query finds ${total} series, more than ${maxSeries} (maxSeries); narrow its matchers`,
    );
  }
  return query.selectors.map((selector, i) => toSeries(selector, selected[i]!, delayedNames));
}

function toSeries(selector: SelectorExpr, views: readonly SeriesView[], delayedNames: boolean): Series {
  const metrics = new Array<Metric>(views.length);
  for (let i = 0; i < views.length; i++) {
    const metric = metricOf(views[i]!.labels);
    metrics[i] = delayedNames ? withNameKept(metric) : metric;
  }
  const oneName = selector.matchers.some((matcher) => matcher.name === "__name__" && matcher.op === "=");
  return { views, metrics, oneName };
}
