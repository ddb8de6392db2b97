// The values templates work with, and how they are written and taken apart.
import type { Labels } from "../../../model/labels.ts";
import type { Sample } from "../../../promql/evaluate.ts";
import { formatAny } from "./format.ts";

/** A whole number as Go's int; every other number is a float64, which Go writes differently. */
export interface Int {
  readonly int: number;
}
export type Datum = string | number | boolean | undefined | Int | Sample | Labels | Root | readonly Datum[];

/** The `.` a template begins with. */
export interface Root {
  readonly Labels: Labels;
  readonly ExternalLabels: Labels;
  readonly ExternalURL: string;
  readonly Value: number;
}

/** As `{{ }}` writes it. */
export function write(datum: Datum): string {
  if (typeof datum === "number") return formatAny(datum);
  if (typeof datum === "string" || typeof datum === "boolean") return String(datum);
  if (datum === undefined) return "<no value>";
  if (isInt(datum)) return String(datum.int);
  if (Array.isArray(datum)) return `[${datum.map(write).join(" ")}]`;
  if (isSample(datum)) return `{${write(datum.labels)} ${formatAny(datum.value)}}`;
  const entries = Object.entries(datum as Labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, value]) => `${key}:${value}`).join(" ")}]`;
}

export function isTrue(datum: Datum): boolean {
  if (typeof datum === "object" && isInt(datum)) return datum.int !== 0;
  if (typeof datum === "object" && !isSample(datum)) return entriesOf(datum).length > 0;
  return Boolean(datum);
}

/** What `range` goes through: index or sorted key, and element. */
export function entriesOf(datum: Datum): readonly (readonly [Datum, Datum])[] {
  if (Array.isArray(datum)) return (datum as readonly Datum[]).map((each, int) => [{ int }, each]);
  if (typeof datum !== "object" || isInt(datum) || isSample(datum)) return fail(`${write(datum)} has no elements`);
  return Object.entries(datum as Labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** `.name` of a value. */
export function field(datum: Datum, name: string): Datum {
  if (typeof datum !== "object" || Array.isArray(datum) || isInt(datum))
    return fail(`${write(datum)} has no field ${name}`);
  if (isSample(datum)) {
    if (name === "Value") return datum.value;
    return name === "Labels" ? datum.labels : fail(`a sample has no field ${name}`);
  }
  return Object.hasOwn(datum, name) ? (datum as Readonly<Record<string, Datum>>)[name] : "";
}

export function isInt(datum: Datum): datum is Int {
  return typeof datum === "object" && Object.hasOwn(datum, "int");
}

export function numberOf(datum: Datum): number {
  if (typeof datum === "number") return datum;
  if (isInt(datum)) return datum.int;
  const value = typeof datum === "string" && datum.trim() !== "" ? Number(datum) : Number.NaN;
  return Number.isNaN(value) && datum !== "NaN" ? fail(`${JSON.stringify(write(datum))} is no number`) : value;
}

export function isSample(datum: Datum): datum is Sample {
  return typeof datum === "object" && Object.hasOwn(datum, "labels") && typeof (datum as Sample).value === "number";
}

export function fail(why: string): never {
  throw new Error(why);
}
