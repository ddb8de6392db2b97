// The expression tree of PromQL, checked and with every default filled in.
import type { LabelMatcher } from "../model/ports/series-source.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { FunctionName, ValueType } from "./functions.ts";

import { byText } from "./order.ts";

export type { ValueType } from "./functions.ts";

/** Half-open stretch of the query text, in UTF-16 code units. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where `@` pins evaluation: an instant, or the start or end of the whole query. */
export type At =
  | { readonly kind: "instant"; readonly at: Instant }
  | { readonly kind: "start" }
  | { readonly kind: "end" };

export interface NumberExpr {
  readonly kind: "number";
  readonly value: number;
  readonly span: Span;
}

export interface StringExpr {
  readonly kind: "string";
  readonly value: string;
  readonly span: Span;
}

export interface SelectorExpr {
  readonly kind: "selector";
  /** Index into `ParsedQuery.selectors`, and so into what was fetched for it. */
  readonly slot: number;
  readonly matchers: readonly LabelMatcher[];
  /** Set = a range vector over that long, undefined = an instant vector. */
  readonly rangeMs: DurationMs | undefined;
  readonly offsetMs: DurationMs;
  readonly at: At | undefined;
  readonly span: Span;
}

export interface SubqueryExpr {
  readonly kind: "subquery";
  readonly slot: number;
  readonly expr: Expr;
  readonly rangeMs: DurationMs;
  /** Undefined = the evaluator's default step. */
  readonly stepMs: DurationMs | undefined;
  readonly offsetMs: DurationMs;
  readonly at: At | undefined;
  readonly span: Span;
}

export interface CallExpr {
  readonly kind: "call";
  readonly name: FunctionName;
  readonly args: readonly Expr[];
  readonly returns: ValueType;
  readonly span: Span;
}

export type AggregateOp =
  | "sum"
  | "avg"
  | "min"
  | "max"
  | "count"
  | "group"
  | "stddev"
  | "stdvar"
  | "topk"
  | "bottomk"
  | "quantile"
  | "count_values";

export interface AggregateExpr {
  readonly kind: "aggregate";
  readonly op: AggregateOp;
  readonly expr: Expr;
  readonly param: Expr | undefined;
  readonly grouping: Projection;
  readonly span: Span;
}

export type ArithmeticOp = "+" | "-" | "*" | "/" | "%" | "^" | "atan2";
export type CompareOp = "==" | "!=" | "<" | "<=" | ">" | ">=";
export type SetOp = "and" | "or" | "unless";
export type BinaryOp = ArithmeticOp | CompareOp | SetOp;

export type Cardinality = "one-to-one" | "many-to-one" | "one-to-many" | "many-to-many";

/** How the two sides of a vector operation find each other. */
export interface Matching {
  readonly cardinality: Cardinality;
  readonly on: boolean;
  readonly names: readonly string[];
  /** Labels the "many" side takes from the "one" side. */
  readonly include: readonly string[];
  /** What both sides must agree on. */
  readonly signature: Projection;
}

export interface BinaryExpr {
  readonly kind: "binary";
  readonly op: BinaryOp;
  readonly left: Expr;
  readonly right: Expr;
  readonly bool: boolean;
  readonly matching: Matching;
  readonly span: Span;
}

export interface NegateExpr {
  readonly kind: "negate";
  readonly expr: Expr;
  readonly span: Span;
}

export type Expr =
  | NumberExpr
  | StringExpr
  | SelectorExpr
  | SubqueryExpr
  | CallExpr
  | AggregateExpr
  | BinaryExpr
  | NegateExpr;

/** A view of a label set: only these names, or all but these. `id` is equal for equal projections. */
export interface Projection {
  readonly keep: boolean;
  readonly names: ReadonlySet<string>;
  readonly id: string;
  /** Whether different label sets are likely to become the same. */
  readonly groups: boolean;
}

/** A query that passed every check. */
export interface ParsedQuery {
  readonly text: string;
  readonly root: Expr;
  readonly type: ValueType;
  readonly selectors: readonly SelectorExpr[];
  readonly subqueries: number;
}

/** Labels that describe the metric rather than the thing measured: lost when a value no longer is that metric. */
const metadataNames = ["__name__", "__type__", "__unit__"];

export function projection(keep: boolean, names: readonly string[]): Projection {
  const sorted = [...new Set(names)].sort(byText);
  const groups = keep || sorted.some((name) => !metadataNames.includes(name));
  return { keep, names: new Set(sorted), id: `${keep ? "+" : "-"}${JSON.stringify(sorted)}`, groups };
}

export const withoutName = projection(false, metadataNames);

export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case "number":
      return "scalar";
    case "string":
      return "string";
    case "selector":
      return expr.rangeMs === undefined ? "vector" : "matrix";
    case "subquery":
      return "matrix";
    case "call":
      return expr.returns;
    case "aggregate":
      return "vector";
    case "negate":
      return typeOf(expr.expr);
    case "binary":
      return typeOf(expr.left) === "scalar" && typeOf(expr.right) === "scalar" ? "scalar" : "vector";
  }
}
