// Binary operators between two vectors: which element meets which.
import type { BinaryExpr, Matching } from "../ast.ts";
import { projection, withoutName } from "../ast.ts";
import { queryFailure } from "../errors.ts";
import type { Metric } from "../metric.ts";
import { formatLabels, project, withLabels } from "../metric.ts";
import { byText } from "../order.ts";
import { apply, compares } from "./binary.ts";
import type { Vector } from "./vector.ts";
import { makeVector, push, requireUnique } from "./vector.ts";

/** and, or, unless. */
export function combineSets(node: BinaryExpr, left: Vector, right: Vector): Vector {
  const { signature } = node.matching;
  const oneName = node.op === "or" ? left.length === 0 || right.length === 0 : true;
  const out = makeVector(left.length + right.length, left.oneName && right.oneName && oneName);
  const keyOf = (metric: Metric): string => project(metric, signature).key;
  const seen = new Set<string>();
  const [first, second] = node.op === "or" ? [left, right] : [right, left];
  for (let i = 0; i < first.length; i++) {
    seen.add(keyOf(first.metrics[i]!));
    if (node.op === "or") push(out, first.metrics[i]!, first.values[i]!);
  }
  const wanted = node.op === "and";
  for (let i = 0; i < second.length; i++) {
    if (seen.has(keyOf(second.metrics[i]!)) === wanted) push(out, second.metrics[i]!, second.values[i]!);
  }
  return node.op === "or" && !out.oneName ? requireUnique(out) : out;
}

/** Arithmetic and comparisons between elements whose signatures are equal. */
export function combine(node: BinaryExpr, left: Vector, right: Vector): Vector {
  const { matching } = node;
  const oneToMany = matching.cardinality === "one-to-many";
  // From here on "many" is the side that may have several elements for one of the other.
  const many = oneToMany ? right : left;
  const one = oneToMany ? left : right;
  if (many.length === 0 || one.length === 0) return makeVector(0, true);
  const found = indexOne(one, matching, oneToMany ? "left" : "right");
  const dropsName = !compares(node.op) || node.bool;
  const label = makeLabeller(matching, dropsName);
  const out = makeVector(many.length, dropsName || many.oneName);
  const met = new Set<string>();
  for (let i = 0; i < many.length; i++) {
    const metric = many.metrics[i]!;
    const key = project(metric, matching.signature).key;
    const j = found.get(key);
    if (j === undefined) continue;
    const [a, b] = oneToMany ? [one.values[j]!, many.values[i]!] : [many.values[i]!, one.values[j]!];
    const value = apply(node.op, a, b);
    const result = label(metric, one.metrics[j]!);
    requireSingle(met, matching.cardinality === "one-to-one" ? key : result.key, matching);
    if (!compares(node.op) || node.bool) push(out, result, value);
    // A filter keeps the left value, whichever side that is.
    else if (value === 1) push(out, result, a);
  }
  return out;
}

function indexOne(one: Vector, matching: Matching, side: "left" | "right"): Map<string, number> {
  const found = new Map<string, number>();
  for (let j = 0; j < one.length; j++) {
    const group = project(one.metrics[j]!, matching.signature);
    const other = found.get(group.key);
    if (other !== undefined) {
      const pair = [one.metrics[other]!, one.metrics[j]!].map((metric) => formatLabels(metric.labels)).sort(byText);
      throw queryFailure(
        `found duplicate series for the match group ${formatLabels(group.labels)} on the ${side} hand-side of the operation: ` +
          `[${pair.join(", ")}];many-to-many matching not allowed: matching labels must be unique on one side`,
      );
    }
    found.set(group.key, j);
  }
  return found;
}

function requireSingle(met: Set<string>, key: string, matching: Matching): void {
  if (!met.has(key)) {
    met.add(key);
    return;
  }
  const oneToOne = matching.cardinality === "one-to-one";
  throw queryFailure(
    oneToOne
      ? "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
      : "multiple matches for labels: grouping labels must ensure unique matches",
  );
}

/** Labels of a result element, from those of the two that met. */
function makeLabeller(matching: Matching, dropsName: boolean): (many: Metric, one: Metric) => Metric {
  const bare = (metric: Metric): Metric => (dropsName ? project(metric, withoutName) : metric);
  if (matching.cardinality === "one-to-one") {
    const kept = projection(matching.on, matching.names);
    return (many) => project(bare(many), kept);
  }
  if (matching.include.length === 0) return bare;
  const known = new Map<string, Metric>();
  return (many, one) => {
    const pair = `${many.key}\u0000${one.key}`;
    let result = known.get(pair);
    if (result === undefined) {
      const taken: Record<string, string> = {};
      for (const name of matching.include) taken[name] = one.labels[name] ?? "";
      result = withLabels(bare(many), taken);
      known.set(pair, result);
    }
    return result;
  };
}
