// Series as test scripts write them: `name{a="b"} 1 2+3x4 _ stale NaN`. promtool's unit tests write values the same way.
import type { Labels } from "../../model/labels.ts";
import { METRIC_NAME } from "../../model/labels.ts";
import { unquote } from "../syntax/literals.ts";

/** One place in a sequence; `histogram` = a native histogram, whose content is not read. */
export type Point =
  | { readonly kind: "value"; readonly value: number }
  | { readonly kind: "none" | "stale" | "histogram" };

/** Longest sequence one line may expand to. */
const pointsMax = 1_000_000;

/** Labels and the rest of the line, or what is wrong. */
export function readMetric(
  text: string,
): { readonly labels: Labels; readonly rest: string } | { readonly error: string } {
  const labels: Record<string, string> = {};
  const name = /^[A-Za-z_:][A-Za-z0-9_:]*/.exec(text)?.[0] ?? "";
  if (name !== "") labels[METRIC_NAME] = name;
  let rest = text.slice(name.length);
  if (!rest.startsWith("{"))
    return name === "" ? { error: "a series begins with a name or {" } : { labels, rest: rest.trim() };
  rest = rest.slice(1).trimStart();
  while (!rest.startsWith("}")) {
    const quoted = /^("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)/s;
    const key = quoted.exec(rest)?.[0] ?? /^[A-Za-z_][A-Za-z0-9_]*/.exec(rest)?.[0];
    if (key === undefined) return { error: `a label name is missing before ${JSON.stringify(rest.slice(0, 20))}` };
    const label = quoted.test(key) ? unquote(key) : key;
    rest = rest.slice(key.length).trimStart();
    if (rest.startsWith("=")) {
      rest = rest.slice(1).trimStart();
      const literal = quoted.exec(rest)?.[0];
      const value = literal === undefined ? undefined : unquote(literal);
      if (label === undefined || literal === undefined || value === undefined)
        return { error: `label ${key} has no quoted value` };
      if (value !== "") labels[label] = value;
      rest = rest.slice(literal.length).trimStart();
    } else labels[METRIC_NAME] = label ?? "";
    if (rest.startsWith(",")) rest = rest.slice(1).trimStart();
    else if (!rest.startsWith("}")) return { error: `, or } expected before ${JSON.stringify(rest.slice(0, 20))}` };
  }
  return { labels, rest: rest.slice(1).trim() };
}

/** The points of a sequence, or what is wrong. `2+3x4` is 2, 5, 8, 11, 14; `7x2` is 7, 7, 7; `_x3` is three gaps. */
export function readPoints(text: string): readonly Point[] | { readonly error: string } {
  const points: Point[] = [];
  for (const token of text.match(/(?:\{\{[^}]*\}\}|[^\s{])+/g) ?? []) {
    const added = readToken(token);
    if (added === undefined) return { error: `${JSON.stringify(token)} is not a value` };
    if (points.length + added.length > pointsMax) return { error: `a series has more than ${pointsMax} values` };
    for (const point of added) points.push(point);
  }
  return points;
}

function readToken(token: string): readonly Point[] | undefined {
  const times = /x(\d+)$/.exec(token);
  const body = times === null ? token : token.slice(0, times.index);
  const repeats = times === null ? 0 : Number(times[1]);
  if (repeats > pointsMax) return undefined;
  if (body === "_") return new Array<Point>(Math.max(1, repeats)).fill({ kind: "none" });
  if (body.startsWith("{{")) return new Array<Point>(repeats + 1).fill({ kind: "histogram" });
  if (body === "stale") return new Array<Point>(repeats + 1).fill({ kind: "stale" });
  const steps = /^([+-]?(?:[\d.]+(?:e[+-]?\d+)?|inf|nan))(?:([+-])([\d.]+(?:e[+-]?\d+)?|inf|nan))?$/i.exec(body);
  if (steps === null) return undefined;
  const first = readFloat(steps[1]!);
  const step = steps[3] === undefined ? 0 : readFloat(steps[3]) * (steps[2] === "-" ? -1 : 1);
  const points: Point[] = [];
  // Added up rather than multiplied out, as the original does.
  for (let i = 0, value = first; i <= repeats; i++, value += step) points.push({ kind: "value", value });
  return points;
}

function readFloat(text: string): number {
  const size = text.replace(/^[+-]/, "");
  const value = /^inf$/i.test(size) ? Number.POSITIVE_INFINITY : /^nan$/i.test(size) ? Number.NaN : Number(size);
  return text.startsWith("-") ? -value : value;
}
