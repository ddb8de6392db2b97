// Compares results with what a script expects; answers with what is wrong, or undefined.
import type { Labels } from "../../model/labels.ts";
import { labelsKey } from "../../model/labels.ts";
import type { QueryResult, ResultSeries } from "../evaluate.ts";
import { formatMetric } from "../metric.ts";
import type { ScriptCase, ScriptRange } from "./parse.ts";

/** Relative difference that counts as equal, as in Prometheus's own runner. */
const epsilon = 1e-6;

/** `tolerance`: relative difference that counts as equal. */
export function almostEqual(a: number, b: number, tolerance = epsilon): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b);
  if (a === b) return true;
  const size = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  const smallestNormal = 2.2250738585072014e-308;
  if (a === 0 || b === 0 || size < smallestNormal) return difference < tolerance * smallestNormal;
  return difference / Math.min(size, Number.MAX_VALUE) < tolerance;
}

export function compareInstant(test: ScriptCase, result: QueryResult): string | undefined {
  if (result.kind === "string")
    return result.value === test.text ? undefined : `expected string ${test.text}, got ${result.value}`;
  if (result.kind === "scalar") {
    if (test.scalar === undefined) return `got the scalar ${result.value}`;
    return almostEqual(result.value, test.scalar) ? undefined : `expected ${test.scalar}, got ${result.value}`;
  }
  if (result.kind === "matrix")
    return test.range === undefined
      ? "got a range vector"
      : compareSets(test, rowsOf(result.series, test.range), false);
  if (test.range !== undefined) return "expected a range vector";
  if (test.scalar !== undefined) return "expected a scalar, got a vector";
  const got = result.samples.map(({ labels, value }) => ({ labels, values: [value] }));
  return compareSets(test, got, test.ordered);
}

export function compareRange(test: ScriptCase, result: QueryResult): string | undefined {
  if (result.kind !== "matrix") return `got a ${result.kind}`;
  return compareSets(test, rowsOf(result.series, test), false);
}

/** Points by place in the range; one that is at no step gets a place beyond its end, where nothing is expected. */
function rowsOf(series: readonly ResultSeries[], { from, to, stepMs }: ScriptRange): Row[] {
  const steps = Math.floor((to - from) / stepMs) + 1;
  return series.map(({ labels, times, values }) => {
    const row = new Array<number | undefined>(steps).fill(undefined);
    times.forEach((at, i) => {
      const place = (at - from) / stepMs;
      if (Number.isInteger(place) && place >= 0 && place < steps) row[place] = values[i]!;
      else row.push(values[i]!);
    });
    return { labels, values: row };
  });
}

interface Row {
  readonly labels: Labels;
  /** Undefined = no point. */
  readonly values: readonly (number | undefined)[];
}

function compareSets(test: ScriptCase, got: readonly Row[], ordered: boolean): string | undefined {
  const byKey = new Map(got.map((row, i) => [labelsKey(row.labels), { row, i }]));
  if (byKey.size < got.length) return "two elements have the same labels";
  for (const [position, { labels, points }] of test.expected.entries()) {
    const found = byKey.get(labelsKey(labels));
    if (found === undefined) return `${formatMetric(labels)} is missing; got ${describe(got)}`;
    byKey.delete(labelsKey(labels));
    if (ordered && found.i !== position) return `${formatMetric(labels)} is at place ${found.i}, not ${position}`;
    for (let i = 0; i < Math.max(points.length, found.row.values.length); i++) {
      const point = points[i];
      const wanted = point?.kind === "value" ? point.value : undefined;
      const value = found.row.values[i];
      const same = wanted === undefined || value === undefined ? wanted === value : almostEqual(wanted, value);
      if (!same) return `${formatMetric(labels)} at ${i} is ${value}, not ${wanted}`;
    }
  }
  const surplus = [...byKey.values()][0];
  return surplus === undefined
    ? undefined
    : `${formatMetric(surplus.row.labels)} was not expected (${surplus.row.values.join(" ")})`;
}

function describe(rows: readonly Row[]): string {
  const shown = rows.slice(0, 3).map(({ labels, values }) => `${formatMetric(labels)} ${values.join(" ")}`);
  return shown.join(" | ") || "nothing";
}
