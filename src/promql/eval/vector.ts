// An instant vector in columns.
import { withoutName } from "../ast.ts";
import { queryFailure } from "../errors.ts";
import type { Metric } from "../metric.ts";
import { project, settled } from "../metric.ts";

/** One value for each of `length` metrics, all different. The arrays may be longer. */
export interface Vector {
  readonly metrics: Metric[];
  readonly values: Float64Array;
  length: number;
  /** All metrics have the same name, or none: taking the name away leaves them different. */
  oneName: boolean;
}

export function makeVector(capacity: number, oneName: boolean): Vector {
  return { metrics: [], values: new Float64Array(capacity), length: 0, oneName };
}

/** There must be room. */
export function push(vector: Vector, metric: Metric, value: number): void {
  vector.metrics.push(metric);
  vector.values[vector.length++] = value;
}

export function single(metric: Metric, value: number): Vector {
  return { metrics: [metric], values: Float64Array.of(value), length: 1, oneName: true };
}

export const duplicateLabels = "vector cannot contain metrics with the same labelset";

/** Throws if two metrics have become the same. */
export function requireUnique(vector: Vector): Vector {
  if (vector.length < 2) return vector;
  const seen = new Set<string>();
  for (let i = 0; i < vector.length; i++) seen.add(vector.metrics[i]!.key);
  if (seen.size < vector.length) throw queryFailure(duplicateLabels);
  return vector;
}

/** The same values without the metric name: they are not that metric any more. */
export function dropNames(vector: Vector): Vector {
  const metrics = new Array<Metric>(vector.length);
  for (let i = 0; i < vector.length; i++) metrics[i] = project(vector.metrics[i]!, withoutName);
  const bare: Vector = { metrics, values: vector.values, length: vector.length, oneName: true };
  return vector.oneName ? bare : requireUnique(bare);
}

/** What a result shows, where names that were lost stayed until now. Throws if two metrics become the same. */
export function settleNames(vector: Vector): Vector {
  return requireUnique({ ...vector, metrics: vector.metrics.slice(0, vector.length).map(settled) });
}

/** New values, made one by one, without the metric name. */
export function mapValues(vector: Vector, change: (value: number) => number): Vector {
  const bare = dropNames(vector);
  const values = new Float64Array(vector.length);
  for (let i = 0; i < vector.length; i++) values[i] = change(vector.values[i]!);
  return { ...bare, values };
}
