// What all parts of the builder share: where mistakes go, and how nodes are read.
import type { SyntaxNode } from "@lezer/common";
import type { Expr, SelectorExpr, Span, ValueType } from "../ast.ts";
import { typeOf } from "../ast.ts";
import type { QueryError } from "../errors.ts";
import { queryError } from "../errors.ts";
import { unquote } from "./literals.ts";

export interface Building {
  readonly text: string;
  readonly errors: QueryError[];
  readonly selectors: SelectorExpr[];
  readonly counts: { subqueries: number };
  /** Pieces a mistake has been told of, and what contains them: their type means nothing. */
  readonly broken: Set<Expr>;
}

export function mistake(building: Building, kind: QueryError["kind"], message: string, span: Span): void {
  building.errors.push(queryError(building.text, kind, message, span));
}

export function spanOf(node: SyntaxNode): Span {
  return { from: node.from, to: node.to };
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) {
    if (child.name !== "LineComment") children.push(child);
  }
  return children;
}

/** What stands in for a piece that had a mistake, so that the rest is checked too. */
export function placeholder(span: Span, building: Building): Expr {
  const expr: Expr = { kind: "number", value: Number.NaN, span };
  building.broken.add(expr);
  return expr;
}

export function readString(node: SyntaxNode, building: Building): string {
  const value = unquote(building.text.slice(node.from, node.to));
  if (value === undefined)
    mistake(building, "syntax", "this string is not closed, or has an unknown escape", spanOf(node));
  return value ?? "";
}

/** Label names in parentheses, as after `by` or `on`. */
export function readNames(node: SyntaxNode, building: Building): string[] {
  return childrenOf(node).map((child) => {
    if (child.name === "LabelName") return building.text.slice(child.from, child.to);
    return readString(childrenOf(child)[0]!, building);
  });
}

export function expectType(expr: Expr, wanted: ValueType, where: string, building: Building): void {
  const got = typeOf(expr);
  if (got === wanted || building.broken.has(expr)) return;
  mistake(
    building,
    "type",
    `${where} must be ${article(typeName(wanted))}, but it is ${article(typeName(got))}`,
    expr.span,
  );
}

export function typeName(type: ValueType): string {
  return type === "vector" ? "instant vector" : type === "matrix" ? "range vector" : type;
}

function article(noun: string): string {
  return `${/^[aeiou]/.test(noun) ? "an" : "a"} ${noun}`;
}
