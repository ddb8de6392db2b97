// Binary operators on numbers, and between a vector and a number.
import type { BinaryExpr, BinaryOp } from "../ast.ts";
import type { Vector } from "./vector.ts";
import { dropNames, makeVector, push } from "./vector.ts";

/** Comparisons give 1 or 0. */
export function apply(op: BinaryOp, left: number, right: number): number {
  switch (op) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "%":
      return left % right;
    case "^":
      return power(left, right);
    case "atan2":
      return Math.atan2(left, right);
    case "==":
      return Number(left === right);
    case "!=":
      return Number(left !== right);
    case "<":
      return Number(left < right);
    case "<=":
      return Number(left <= right);
    case ">":
      return Number(left > right);
    case ">=":
      return Number(left >= right);
    default:
      throw new Error(`${op} does not work on numbers`);
  }
}

/** As IEEE 754 and Go have it: 1 to any power, and -1 to an infinite one, is 1. ECMAScript says NaN. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Number.POSITIVE_INFINITY || exponent === Number.NEGATIVE_INFINITY)) return 1;
  return base ** exponent;
}

export function compares(op: BinaryOp): boolean {
  return op === "==" || op === "!=" || op === "<" || op === "<=" || op === ">" || op === ">=";
}

/** A vector against one number. A comparison without bool keeps the vector's own value where it holds. */
export function withScalar(node: BinaryExpr, vector: Vector, scalar: number, vectorIsLeft: boolean): Vector {
  const { op } = node;
  const { values, length } = vector;
  if (compares(op) && !node.bool) {
    const kept = makeVector(length, vector.oneName);
    for (let i = 0; i < length; i++) {
      const value = values[i]!;
      const holds = vectorIsLeft ? apply(op, value, scalar) : apply(op, scalar, value);
      if (holds === 1) push(kept, vector.metrics[i]!, value);
    }
    return kept;
  }
  const bare = dropNames(vector);
  const out = new Float64Array(length);
  for (let i = 0; i < length; i++)
    out[i] = vectorIsLeft ? apply(op, values[i]!, scalar) : apply(op, scalar, values[i]!);
  return { ...bare, values: out };
}
