// Reads test scripts in the language of Prometheus's own PromQL suite: load, eval, clear, with old and new expectations.
import type { Labels } from "../../model/labels.ts";
import type { DurationMs, Instant } from "../../model/time.ts";
import { parseDuration } from "../../model/time.ts";
import { unquote } from "../syntax/literals.ts";
import type { Point } from "./series.ts";
import { readMetric, readPoints } from "./series.ts";

export interface ScriptSeries {
  readonly labels: Labels;
  readonly points: readonly Point[];
}

export interface Expectation {
  readonly what: "fail" | "warn" | "info" | "no_warn" | "no_info";
  /** Undefined = any. */
  readonly message?: string | RegExp;
}

export type ScriptCommand =
  | { readonly kind: "clear" }
  | {
      readonly kind: "load";
      readonly stepMs: DurationMs;
      readonly withHistograms: boolean;
      readonly series: readonly ScriptSeries[];
    }
  | ScriptCase;

export interface ScriptCase {
  readonly kind: "case";
  readonly line: number;
  readonly query: string;
  /** For an instant query `from` and `to` are that instant. */
  readonly instant: boolean;
  readonly from: Instant;
  readonly to: Instant;
  readonly stepMs: DurationMs;
  readonly ordered: boolean;
  readonly expectations: readonly Expectation[];
  readonly expected: readonly ScriptSeries[];
  readonly scalar?: number;
  readonly text?: string;
  /** Times of the points expected of an instant query that gives a range vector. */
  readonly range?: ScriptRange;
}

export interface ScriptRange {
  readonly from: Instant;
  readonly to: Instant;
  readonly stepMs: DurationMs;
}

/** A command that cannot be read, from the 1-based `line` on. */
export interface Unreadable {
  readonly kind: "unreadable";
  readonly line: number;
  readonly text: string;
  readonly why: string;
}

/** Commands in order. What cannot be read stands in its place, so that one new word costs one case and not the script. */
export function parseScript(text: string): readonly (ScriptCommand | Unreadable)[] {
  const lines = text.split("\n").map((line) => (line.trim().startsWith("#") ? "" : line.trim()));
  const commands: (ScriptCommand | Unreadable)[] = [];
  for (let at = 0; at < lines.length; ) {
    const line = lines[at]!;
    const start = at++;
    if (line === "") continue;
    const body: string[] = [];
    if (!/^clear\b/i.test(line)) while (at < lines.length && lines[at] !== "") body.push(lines[at++]!);
    const command = parseCommand(line, start + 1, body);
    commands.push(
      typeof command === "string" ? { kind: "unreadable", line: start + 1, text: line, why: command } : command,
    );
  }
  return commands;
}

function parseCommand(line: string, number: number, body: readonly string[]): ScriptCommand | string {
  if (/^clear$/i.test(line)) return { kind: "clear" };
  const load = /^load(_with_nhcb)?\s+(\S+)$/i.exec(line);
  if (load !== null) {
    const stepMs = parseDuration(load[2]!);
    const series = body.map(readSeries);
    const wrong = series.find((each) => typeof each === "string");
    if (typeof wrong === "string") return wrong;
    if (stepMs === undefined) return `${load[2]} is not a duration`;
    return { kind: "load", stepMs, withHistograms: load[1] !== undefined, series: series as ScriptSeries[] };
  }
  const instant = /^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(\S+)\s+)?(.+)$/i.exec(line);
  if (instant !== null) {
    const at = readTime(instant[2] ?? "0");
    if (at === undefined) return `${instant[2]} is not a time`;
    return readCase({ line: number, query: instant[3]!, instant: true, from: at, to: at, stepMs: 1 }, instant[1], body);
  }
  const range = /^eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.+)$/i.exec(line);
  if (range !== null) {
    const [from, to, stepMs] = [readTime(range[2]!), readTime(range[3]!), parseDuration(range[4]!)];
    if (from === undefined || to === undefined || stepMs === undefined) return "the range is not from, to and step";
    return readCase({ line: number, query: range[5]!, instant: false, from, to, stepMs }, range[1], body);
  }
  return `${JSON.stringify(line)} is no command`;
}

function readTime(text: string): Instant | undefined {
  const at = parseDuration(text.replace(/^-/, ""));
  return at === undefined ? undefined : text.startsWith("-") ? -at : at;
}

function readSeries(line: string): ScriptSeries | string {
  const metric = readMetric(line);
  if ("error" in metric) return metric.error;
  const points = readPoints(metric.rest);
  return "error" in points ? points.error : { labels: metric.labels, points };
}

type CaseHead = Pick<ScriptCase, "line" | "query" | "instant" | "from" | "to" | "stepMs">;

function readCase(head: CaseHead, suffix: string | undefined, body: readonly string[]): ScriptCase | string {
  const expectations: Expectation[] = [];
  const expected: ScriptSeries[] = [];
  let ordered = suffix === "ordered";
  let scalar: number | undefined;
  let text: string | undefined;
  let range: ScriptRange | undefined;
  if (suffix === "fail" || suffix === "warn" || suffix === "info") expectations.push({ what: suffix });
  for (const line of body) {
    const literal = /^expect\s+string\s+(.*)$/.exec(line);
    const expect = /^expect\s+(ordered|fail|warn|info|no_warn|no_info)(?:\s+(msg|regex):\s*(.*))?$/.exec(line);
    const old = /^expected_fail_(message|regexp)\s+(.*)$/.exec(line);
    const times = /^expect\s+range\s+vector\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)$/.exec(line);
    if (literal !== null) text = unquote(literal[1]!);
    else if (times !== null) {
      const [from, to, stepMs] = [readTime(times[1]!), readTime(times[2]!), parseDuration(times[3]!)];
      if (from === undefined || to === undefined || stepMs === undefined) return `${line}: not from, to and step`;
      range = { from, to, stepMs };
    } else if (expect?.[1] === "ordered") ordered = true;
    else if (expect !== null) expectations.push(toExpectation(expect[1] as Expectation["what"], expect[2], expect[3]));
    else if (old !== null) expectations[0] = toExpectation("fail", old[1] === "regexp" ? "regex" : "msg", old[2]);
    else if (/^[+-]?(\d[\d.]*(e[+-]?\d+)?|\.\d+|inf|nan)$/i.test(line)) {
      const points = readPoints(line);
      const point = "error" in points ? undefined : points[0];
      if (point?.kind === "value") scalar = point.value;
    } else {
      const series = readSeries(line);
      if (typeof series === "string") return series;
      expected.push(series);
    }
  }
  const optional = {
    ...(scalar === undefined ? {} : { scalar }),
    ...(text === undefined ? {} : { text }),
    ...(range === undefined ? {} : { range }),
  };
  return { kind: "case", ...head, ordered, expectations, expected, ...optional };
}

function toExpectation(what: Expectation["what"], form: string | undefined, message = ""): Expectation {
  if (form === undefined) return { what };
  return { what, message: form === "regex" ? new RegExp(message) : message };
}
