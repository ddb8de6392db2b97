// Binary operators: precedence, matching clauses, and what may stand on which side.
import type { SyntaxNode } from "@lezer/common";
import type { BinaryOp, Cardinality, Expr, Matching } from "../ast.ts";
import { projection, typeOf } from "../ast.ts";
import type { Building } from "./building.ts";
import { childrenOf, mistake, placeholder, readNames, spanOf, typeName } from "./building.ts";

export interface OperatorToken {
  readonly operator: SyntaxNode;
  readonly modifiers: readonly SyntaxNode[];
}

export const powPrecedence = 6;

const operators: Readonly<Record<string, { readonly op: BinaryOp; readonly precedence: number }>> = {
  Or: { op: "or", precedence: 1 },
  And: { op: "and", precedence: 2 },
  Unless: { op: "unless", precedence: 2 },
  Eql: { op: "==", precedence: 3 },
  Neq: { op: "!=", precedence: 3 },
  Lss: { op: "<", precedence: 3 },
  Lte: { op: "<=", precedence: 3 },
  Gtr: { op: ">", precedence: 3 },
  Gte: { op: ">=", precedence: 3 },
  Add: { op: "+", precedence: 4 },
  Sub: { op: "-", precedence: 4 },
  Mul: { op: "*", precedence: 5 },
  Div: { op: "/", precedence: 5 },
  Mod: { op: "%", precedence: 5 },
  Atan2: { op: "atan2", precedence: 5 },
  Pow: { op: "^", precedence: powPrecedence },
};

/** Operators this evaluator refuses bind like comparisons, as in Prometheus. */
export function precedenceOf(node: string): number {
  return operators[node]?.precedence ?? 3;
}

export function isComparison(op: BinaryOp): boolean {
  return op === "==" || op === "!=" || op === "<" || op === "<=" || op === ">" || op === ">=";
}

export function isSetOp(op: BinaryOp): boolean {
  return op === "and" || op === "or" || op === "unless";
}

export function buildBinary(token: OperatorToken, left: Expr, right: Expr, building: Building): Expr {
  const span = { from: left.span.from, to: right.span.to };
  const at = spanOf(token.operator);
  const known = operators[token.operator.name];
  if (known === undefined) {
    const sign = building.text.slice(at.from, at.to);
    mistake(
      building,
      "unsupported",
      `the operator ${sign} works on native histograms only, which are not supported here`,
      at,
    );
    return placeholder(span, building);
  }
  const { op } = known;
  const bool = token.modifiers.some((node) => node.name === "BoolModifier");
  const clause = token.modifiers.find((node) => node.name === "MatchingModifierClause");
  const fill = token.modifiers.find((node) => node.name === "FillModifier");
  if (fill !== undefined) {
    mistake(
      building,
      "unsupported",
      "fill, fill_left and fill_right are not supported: they are experimental in Prometheus",
      spanOf(fill),
    );
  }
  const matching = readMatching(clause, op, building);
  const made: Expr = { kind: "binary", op, left, right, bool, matching, span };
  if (building.broken.has(left) || building.broken.has(right)) {
    building.broken.add(made);
    return made;
  }
  const leftType = typeOf(left);
  const rightType = typeOf(right);
  for (const [side, type] of [
    [left, leftType],
    [right, rightType],
  ] as const) {
    if (type === "scalar" || type === "vector") continue;
    mistake(building, "type", `${op} needs scalars or instant vectors, but this is a ${typeName(type)}`, side.span);
    building.broken.add(made);
  }
  const vectors = leftType === "vector" && rightType === "vector";
  if (bool && !isComparison(op)) mistake(building, "type", "bool only goes with comparisons", at);
  if (leftType === "scalar" && rightType === "scalar" && isComparison(op) && !bool) {
    mistake(building, "type", `a comparison of two scalars needs bool: ${op} bool`, at);
  }
  if (isSetOp(op) && !vectors && (leftType === "scalar" || rightType === "scalar")) {
    mistake(building, "type", `${op} works on instant vectors only, not on scalars`, at);
  }
  // An empty clause says nothing, and Prometheus lets it stand.
  if (matching.names.length > 0 && clause !== undefined && !vectors && !isSetOp(op)) {
    mistake(building, "type", "on and ignoring need an instant vector on both sides", spanOf(clause));
  }
  return made;
}

function readMatching(clause: SyntaxNode | undefined, op: BinaryOp, building: Building): Matching {
  const children = clause === undefined ? [] : childrenOf(clause);
  const on = children[0]?.name === "On";
  const lists = children.filter((child) => child.name === "GroupingLabels");
  const group = children.find((child) => child.name === "GroupLeft" || child.name === "GroupRight");
  const names = lists[0] === undefined ? [] : readNames(lists[0], building);
  const include = lists[1] === undefined ? [] : readNames(lists[1], building);
  let cardinality: Cardinality = isSetOp(op) ? "many-to-many" : "one-to-one";
  if (group !== undefined) {
    if (isSetOp(op)) mistake(building, "type", `${op} takes no group_left or group_right`, spanOf(group));
    else cardinality = group.name === "GroupLeft" ? "many-to-one" : "one-to-many";
  }
  if (on && clause !== undefined) {
    for (const name of include) {
      if (names.includes(name))
        mistake(building, "type", `label ${JSON.stringify(name)} is in on and in the group clause`, spanOf(clause));
    }
  }
  // The metric name takes part in matching only where `on` asks for it.
  const signature = on ? projection(true, names) : projection(false, [...names, "__name__"]);
  return { cardinality, on, names, include, signature };
}
