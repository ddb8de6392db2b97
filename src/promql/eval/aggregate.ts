// Aggregations: one value a group, or some of a group's values.
import type { AggregateExpr } from "../ast.ts";
import { projection } from "../ast.ts";
import { queryFailure } from "../errors.ts";
import type { Metric } from "../metric.ts";
import { noLabels, project, withLabels } from "../metric.ts";
import { isValidText, quoteText } from "../syntax/literals.ts";
import { kahanAdd, meanAdd, meanOf } from "./kahan.ts";
import { quantileOf } from "./over-time.ts";
import type { Vector } from "./vector.ts";
import { makeVector, push } from "./vector.ts";

/** Which group each row belongs to. */
interface Groups {
  readonly metrics: readonly Metric[];
  readonly ofRow: Int32Array;
}

/** `parameter` is the quantile of `quantile`, unused by the others. */
export function aggregate(node: AggregateExpr, vector: Vector, parameter: number): Vector {
  const groups = groupRows(node, vector);
  const values = reduce(node.op, vector, groups, parameter);
  const { keep, names } = node.grouping;
  return { metrics: [...groups.metrics], values, length: values.length, oneName: !(keep && names.has("__name__")) };
}

function groupRows(node: AggregateExpr, vector: Vector): Groups {
  const ofRow = new Int32Array(vector.length);
  if (vector.length === 0) return { metrics: [], ofRow };
  if (node.grouping.keep && node.grouping.names.size === 0) return { metrics: [noLabels], ofRow };
  const metrics: Metric[] = [];
  const byKey = new Map<string, number>();
  for (let i = 0; i < vector.length; i++) {
    const metric = project(vector.metrics[i]!, node.grouping);
    let group = byKey.get(metric.key);
    if (group === undefined) {
      group = metrics.push(metric) - 1;
      byKey.set(metric.key, group);
    }
    ofRow[i] = group;
  }
  return { metrics, ofRow };
}

function reduce(op: AggregateExpr["op"], vector: Vector, { metrics, ofRow }: Groups, parameter: number): Float64Array {
  const { values, length } = vector;
  const size = metrics.length;
  switch (op) {
    case "sum": {
      const acc = new Float64Array(2 * size);
      for (let i = 0; i < length; i++) kahanAdd(acc, 2 * ofRow[i]!, values[i]!);
      return Float64Array.from(metrics, (_, g) => acc[2 * g]! + acc[2 * g + 1]!);
    }
    case "avg": {
      const acc = new Float64Array(2 * size);
      const counts = new Float64Array(size);
      const incremental = new Uint8Array(size);
      for (let i = 0; i < length; i++) {
        const g = ofRow[i]!;
        incremental[g] = meanAdd(acc, 2 * g, values[i]!, ++counts[g]!, incremental[g] === 1) ? 1 : 0;
      }
      return Float64Array.from(metrics, (_, g) => meanOf(acc, 2 * g, counts[g]!, incremental[g] === 1));
    }
    case "min":
    case "max": {
      const out = new Float64Array(size).fill(Number.NaN);
      const sign = op === "max" ? 1 : -1;
      for (let i = 0; i < length; i++) {
        const g = ofRow[i]!;
        if (sign * values[i]! > sign * out[g]! || Number.isNaN(out[g]!)) out[g] = values[i]!;
      }
      return out;
    }
    case "count": {
      const out = new Float64Array(size);
      for (let i = 0; i < length; i++) out[ofRow[i]!]!++;
      return out;
    }
    case "group":
      return new Float64Array(size).fill(1);
    case "stddev":
    case "stdvar":
      return variances(vector, ofRow, size, op === "stddev");
    case "quantile":
      return quantiles(vector, ofRow, size, parameter);
    default:
      throw new Error(`${op} is not a reduction`);
  }
}

/** Welford 1962. */
function variances({ values, length }: Vector, ofRow: Int32Array, size: number, root: boolean): Float64Array {
  const means = new Float64Array(size);
  const squares = new Float64Array(size);
  const counts = new Float64Array(size);
  for (let i = 0; i < length; i++) {
    const g = ofRow[i]!;
    const delta = values[i]! - means[g]!;
    means[g]! += delta / ++counts[g]!;
    squares[g]! += delta * (values[i]! - means[g]!);
  }
  return squares.map((square, g) => (root ? Math.sqrt(square / counts[g]!) : square / counts[g]!));
}

function quantiles({ values, length }: Vector, ofRow: Int32Array, size: number, quantile: number): Float64Array {
  const rows = rowsByGroup(ofRow, length, size);
  return Float64Array.from(rows, (members) =>
    quantileOf(
      Float64Array.from(members, (i) => values[i]!),
      quantile,
    ),
  );
}

function rowsByGroup(ofRow: Int32Array, length: number, size: number): number[][] {
  const rows: number[][] = Array.from({ length: size }, () => []);
  for (let i = 0; i < length; i++) rows[ofRow[i]!]!.push(i);
  return rows;
}

/** topk and bottomk: the rows of each group with the greatest (least) values, best first; NaN comes last in both. */
export function selectRows(node: AggregateExpr, vector: Vector, parameter: number): Vector {
  if (Number.isNaN(parameter)) throw queryFailure("Parameter value is NaN");
  if (!(Math.abs(parameter) < 2 ** 63)) throw queryFailure(`Scalar value ${parameter} overflows int64`);
  const k = Math.min(Math.trunc(parameter), vector.length);
  const out = makeVector(Math.max(0, vector.length), vector.oneName);
  if (k < 1) return out;
  const groups = groupRows(node, vector);
  const rising = node.op === "bottomk";
  const { values } = vector;
  const order = (a: number, b: number): number => {
    const left = values[a]!;
    const right = values[b]!;
    if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return left === right ? 0 : left < right === rising ? -1 : 1;
  };
  for (const rows of rowsByGroup(groups.ofRow, vector.length, groups.metrics.length)) {
    rows.sort(order);
    for (const row of rows.slice(0, k)) push(out, vector.metrics[row]!, values[row]!);
  }
  return out;
}

/** count_values: how often each value occurs in a group, the value as a label. */
export function countValues(node: AggregateExpr, vector: Vector, label: string): Vector {
  if (label === "" || !isValidText(label)) throw queryFailure(`invalid label name ${quoteText(label)}`);
  const { keep, names } = node.grouping;
  const grouping = projection(keep, keep ? [...names, label] : [...names]);
  const found = new Map<string, { metric: Metric; count: number }>();
  for (let i = 0; i < vector.length; i++) {
    const metric = project(withLabels(vector.metrics[i]!, { [label]: formatDecimal(vector.values[i]!) }), grouping);
    const known = found.get(metric.key);
    if (known === undefined) found.set(metric.key, { metric, count: 1 });
    else known.count++;
  }
  const out = makeVector(found.size, false);
  for (const { metric, count } of found.values()) push(out, metric, count);
  return out;
}

/** The shortest decimal that reads back as the same number, never with an exponent. */
export function formatDecimal(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  if (Object.is(value, -0)) return "-0";
  const text = String(Math.abs(value));
  const sign = value < 0 ? "-" : "";
  const [mantissa = "", exponent] = text.split("e");
  if (exponent === undefined) return sign + text;
  const [whole = "", fraction = ""] = mantissa.split(".");
  const shift = Number(exponent);
  if (shift > 0) return sign + whole + fraction.padEnd(shift, "0");
  return `${sign}0.${"0".repeat(-shift - 1)}${whole}${fraction}`;
}
