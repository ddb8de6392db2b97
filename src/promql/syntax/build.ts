// Expressions: precedence, calls, aggregations, binary operations. Types are checked on the way up.
import type { SyntaxNode } from "@lezer/common";
import type { AggregateOp, Expr, Span, ValueType } from "../ast.ts";
import { projection, typeOf } from "../ast.ts";
import type { Signature } from "../functions.ts";
import { functions, isFunction, whyRefused } from "../functions.ts";
import type { OperatorToken } from "./binary.ts";
import { buildBinary, powPrecedence, precedenceOf } from "./binary.ts";
import type { Building } from "./building.ts";
import { childrenOf, expectType, mistake, placeholder, readNames, readString, spanOf, typeName } from "./building.ts";
import { isValidText, parseNumber, quoteText } from "./literals.ts";
import { applyPostfix, buildSelector } from "./selector.ts";

type Piece =
  | { readonly kind: "operand"; readonly expr: Expr }
  | { readonly kind: "operator"; readonly token: OperatorToken }
  | { readonly kind: "sign"; readonly minus: boolean; readonly from: number }
  | { readonly kind: "postfix"; readonly node: SyntaxNode };

/**
 * The tree of the editor grammar is loose about precedence (`a + b offset 5m` shifts the whole sum, `-2^2` may be 4), so
 * operators, signs and suffixes are laid out flat again and put together by Prometheus's own precedence.
 */
export function buildExpr(node: SyntaxNode, building: Building): Expr {
  const pieces: Piece[] = [];
  flatten(node, building, pieces);
  const reader = { pieces, at: 0 };
  return climb(reader, building, 1);
}

function flatten(node: SyntaxNode, building: Building, out: Piece[]): void {
  const children = childrenOf(node);
  switch (node.name) {
    case "BinaryExpr": {
      const right = children.at(-1)!;
      flatten(children[0]!, building, out);
      out.push({ kind: "operator", token: { operator: children[1]!, modifiers: children.slice(2, -1) } });
      flatten(right, building, out);
      return;
    }
    case "UnaryExpr":
      out.push({ kind: "sign", minus: building.text[node.from] === "-", from: node.from });
      flatten(children[1]!, building, out);
      return;
    case "OffsetExpr":
    case "StepInvariantExpr":
    case "MatrixSelector":
    case "SubqueryExpr":
    case "AnchoredExpr":
    case "SmoothedExpr":
      flatten(children[0]!, building, out);
      out.push({ kind: "postfix", node });
      return;
    case "NumberDurationLiteral": {
      const sign = /^[+-]/.exec(building.text.slice(node.from, node.to));
      if (sign !== null) out.push({ kind: "sign", minus: sign[0] === "-", from: node.from });
      out.push({ kind: "operand", expr: buildNumber(node, building) });
      return;
    }
    default:
      out.push({ kind: "operand", expr: buildPrimary(node, building) });
  }
}

interface PieceReader {
  readonly pieces: readonly Piece[];
  at: number;
}

function climb(reader: PieceReader, building: Building, precedenceMin: number): Expr {
  let left = climbPrefix(reader, building);
  for (let piece = reader.pieces[reader.at]; piece?.kind === "operator"; piece = reader.pieces[reader.at]) {
    const precedence = precedenceOf(piece.token.operator.name);
    if (precedence < precedenceMin) break;
    reader.at++;
    const right = climb(reader, building, precedence === powPrecedence ? precedence : precedence + 1);
    left = buildBinary(piece.token, left, right, building);
  }
  return left;
}

function climbPrefix(reader: PieceReader, building: Building): Expr {
  const piece = reader.pieces[reader.at++];
  if (piece?.kind === "sign") {
    const expr = climb(reader, building, powPrecedence);
    const type = typeOf(expr);
    const span = { from: piece.from, to: expr.span.to };
    if (building.broken.has(expr)) return expr;
    if (type !== "scalar" && type !== "vector") {
      mistake(building, "type", `a sign needs a scalar or an instant vector, but this is a ${typeName(type)}`, span);
      return placeholder(span, building);
    }
    if (!piece.minus) return { ...expr, span };
    return expr.kind === "number" ? { ...expr, value: -expr.value, span } : { kind: "negate", expr, span };
  }
  if (piece?.kind !== "operand") throw new Error("the grammar let an operator stand where an operand belongs");
  let expr = piece.expr;
  for (let next = reader.pieces[reader.at]; next?.kind === "postfix"; next = reader.pieces[reader.at]) {
    reader.at++;
    expr = applyPostfix(next.node, expr, building);
  }
  return expr;
}

function buildPrimary(node: SyntaxNode, building: Building): Expr {
  switch (node.name) {
    case "ParenExpr":
      return buildExpr(childrenOf(node)[0]!, building);
    case "StringLiteral":
      return { kind: "string", value: readString(node, building), span: spanOf(node) };
    case "VectorSelector":
      return buildSelector(node, building);
    case "FunctionCall":
      return buildCall(node, building);
    case "AggregateExpr":
      return buildAggregate(node, building);
    default:
      throw new Error(`the grammar has a node this builder does not know: ${node.name}`);
  }
}

function buildNumber(node: SyntaxNode, building: Building): Expr {
  const value = parseNumber(building.text.slice(node.from, node.to).replace(/^[+-]\s*/, ""));
  if (value === undefined) mistake(building, "syntax", "this is not a number", spanOf(node));
  return { kind: "number", value: value ?? Number.NaN, span: spanOf(node) };
}

function buildCall(node: SyntaxNode, building: Building): Expr {
  const [identifier, body] = childrenOf(node);
  const name = building.text.slice(identifier!.from, identifier!.to);
  const args = childrenOf(body!).map((child) => buildExpr(child, building));
  const span = spanOf(node);
  if (!isFunction(name)) {
    const why = whyRefused(name);
    const message = why === undefined ? `unknown function ${name}` : `${name} is not supported: ${why}`;
    mistake(building, why === undefined ? "syntax" : "unsupported", message, spanOf(identifier!));
    return placeholder(span, building);
  }
  const signature = functions[name];
  checkArguments(name, signature, args, span, building);
  return { kind: "call", name, args, returns: signature.returns, span };
}

function checkArguments(
  name: string,
  signature: Signature,
  args: readonly Expr[],
  span: Span,
  building: Building,
): void {
  const most = signature.optional === "repeat" ? Number.POSITIVE_INFINITY : signature.args.length;
  const least = signature.args.length - (signature.optional === "repeat" ? 1 : signature.optional);
  if (args.length < least || args.length > most) {
    const wanted =
      least === most ? `${least}` : most === Number.POSITIVE_INFINITY ? `at least ${least}` : `${least} to ${most}`;
    mistake(building, "type", `${name} takes ${wanted} argument${wanted === "1" ? "" : "s"}, not ${args.length}`, span);
  }
  args.forEach((arg, i) => {
    const wanted = signature.args[Math.min(i, signature.args.length - 1)];
    if (wanted !== undefined) expectType(arg, wanted, `argument ${i + 1} of ${name}`, building);
  });
}

const parameterTypes: Readonly<Partial<Record<AggregateOp, ValueType>>> = {
  topk: "scalar",
  bottomk: "scalar",
  quantile: "scalar",
  count_values: "string",
};

function buildAggregate(node: SyntaxNode, building: Building): Expr {
  const children = childrenOf(node);
  const opNode = children.find((child) => child.name === "AggregateOp")!;
  const body = children.find((child) => child.name === "FunctionCallBody")!;
  const modifier = children.find((child) => child.name === "AggregateModifier");
  const name = building.text.slice(opNode.from, opNode.to).toLowerCase();
  const span = spanOf(node);
  const args = childrenOf(body).map((child) => buildExpr(child, building));
  const [by, names] = modifier === undefined ? [] : childrenOf(modifier);
  const labels = names === undefined ? [] : readNames(names, building);
  const why = whyRefused(name);
  if (why !== undefined) {
    mistake(building, "unsupported", `${name} is not supported: ${why}`, spanOf(opNode));
    return placeholder(span, building);
  }
  const op = name as AggregateOp;
  const parameterType = parameterTypes[op];
  const wanted = parameterType === undefined ? 1 : 2;
  const expr = args.at(-1);
  if (args.length !== wanted || expr === undefined) {
    mistake(building, "type", `${op} takes ${wanted} argument${wanted === 1 ? "" : "s"}, not ${args.length}`, span);
    return placeholder(span, building);
  }
  expectType(expr, "vector", `what ${op} aggregates`, building);
  const param = parameterType === undefined ? undefined : args[0];
  if (param !== undefined) expectType(param, parameterType!, `the parameter of ${op}`, building);
  if (op === "count_values" && param?.kind === "string" && (param.value === "" || !isValidText(param.value))) {
    mistake(building, "type", `invalid label name ${quoteText(param.value)}`, param.span);
  }
  const without = by?.name === "Without";
  const grouping = without ? projection(false, [...labels, "__name__"]) : projection(true, labels);
  return { kind: "aggregate", op, expr, param, grouping, span };
}
