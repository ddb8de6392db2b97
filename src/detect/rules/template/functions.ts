// What templates can call: Prometheus's functions and those of Go's own that rules use.

import { parseDuration } from "../../../model/time.ts";
import type { Sample } from "../../../promql/evaluate.ts";
import { replaceAll } from "../../../promql/regex/replace.ts";
import { humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp } from "./format.ts";
import { printf } from "./printf.ts";
import type { Datum } from "./values.ts";
import { entriesOf, fail, field, isSample, isTrue, numberOf, write } from "./values.ts";

export interface CallContext {
  readonly externalUrl: string;
  /** Throws where there is nothing to ask. */
  query(text: string): readonly Sample[];
}

type Call = (args: readonly Datum[], context: CallContext) => Datum;

const compare =
  (holds: (order: number) => boolean): Call =>
  ([left, ...rights]) =>
    rights.some((right) => holds(order(left, right)));

const ofNumber =
  (change: (value: number) => string): Call =>
  ([datum]) =>
    change(numberOf(datum));

const htmlMarks: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

/** As Go's url.QueryEscape. */
function urlText(text: string): string {
  const escaped = encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return escaped.replaceAll("%20", "+");
}

const table = {
  and: (args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1),
  or: (args) => args.find(isTrue) ?? args.at(-1),
  not: ([datum]) => !isTrue(datum),
  eq: compare((by) => by === 0),
  ne: compare((by) => by !== 0),
  lt: compare((by) => by < 0),
  le: compare((by) => by <= 0),
  gt: compare((by) => by > 0),
  ge: compare((by) => by >= 0),
  len: ([datum]) => ({ int: typeof datum === "string" ? datum.length : entriesOf(datum).length }),
  index: ([from, ...keys]) => keys.reduce<Datum>((datum, key) => at(datum, key), from),
  print: (args) => args.map(write).join(""),
  println: (args) => `${args.map(write).join(" ")}\n`,
  printf: ([format, ...args]) => printf(textOf(format), args),
  query: ([text], context) => context.query(textOf(text)),
  first: ([list]) => entriesOf(list)[0]?.[1] ?? fail("first() called on vector with no elements"),
  label: ([name, sample]) => sampleOf(sample).labels[textOf(name)] ?? "",
  value: ([sample]) => sampleOf(sample).value,
  strvalue: ([sample]) => sampleOf(sample).labels["__value__"] ?? "",
  sortByLabel: ([name, list]) => {
    const by = textOf(name);
    const samples = entriesOf(list).map(([, datum]) => sampleOf(datum));
    return samples.toSorted((a, b) => ((a.labels[by] ?? "") < (b.labels[by] ?? "") ? -1 : 1));
  },
  humanize: ofNumber(humanize),
  humanize1024: ofNumber(humanize1024),
  humanizeDuration: ofNumber(humanizeDuration),
  humanizePercentage: ofNumber(humanizePercentage),
  humanizeTimestamp: ofNumber(humanizeTimestamp),
  parseDuration: ([text]) => (parseDuration(textOf(text)) ?? fail(`${write(text)} is no duration`)) / 1000,
  title: ([text]) =>
    textOf(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  toUpper: ([text]) => textOf(text).toUpperCase(),
  toLower: ([text]) => textOf(text).toLowerCase(),
  match: ([pattern, text]) => replaced(textOf(pattern), "", `${textOf(text)}`, (after, before) => after !== before),
  reReplaceAll: ([pattern, replacement, text]) =>
    replaced(textOf(pattern), textOf(replacement), textOf(text), (after) => after),
  stripPort: ([address]) => textOf(address).replace(/^(?:\[([^\]]*)\]|([^:]*)):[^:]*$/, "$1$2"),
  stripDomain: ([address]) => {
    const [, host = "", port = ""] = /^(.*?)(:\d+)?$/.exec(textOf(address)) ?? [];
    return /^[\d.]+$|:/.test(host) ? textOf(address) : host.replace(/\..*$/, "") + port;
  },
  graphLink: ([expr]) => `/graph?g0.expr=${urlText(textOf(expr))}&g0.tab=0`,
  tableLink: ([expr]) => `/graph?g0.expr=${urlText(textOf(expr))}&g0.tab=1`,
  externalURL: (_, context) => context.externalUrl,
  pathPrefix: (_, context) => (URL.canParse(context.externalUrl) ? new URL(context.externalUrl).pathname : ""),
  safeHtml: ([text]) => textOf(text),
  urlquery: (args) => urlText(args.map(write).join("")),
  urlQueryEscape: ([text]) => urlText(textOf(text)),
  html: (args) =>
    args
      .map(write)
      .join("")
      .replace(/[&<>"']/g, (mark) => htmlMarks[mark] ?? mark),
  slice: ([text, from, to]) => {
    const whole = textOf(text);
    const [first, end] = [from === undefined ? 0 : numberOf(from), to === undefined ? whole.length : numberOf(to)];
    return first >= 0 && first <= end && end <= whole.length ? whole.slice(first, end) : fail("slice is out of range");
  },
} as const satisfies Readonly<Record<string, Call>>;

export type FunctionName = keyof typeof table;

export const understood = `$value, $labels.<name>, if, range, with, and the functions ${Object.keys(table).join(", ")}`;

export function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(table, name);
}

/** How many values each function takes where that is fixed: a mistake told when the file is loaded, not at night. */
const counts: Partial<Readonly<Record<FunctionName, number>>> = {
  not: 1,
  len: 1,
  query: 1,
  first: 1,
  label: 2,
  value: 1,
  strvalue: 1,
  sortByLabel: 2,
  humanize: 1,
  humanize1024: 1,
  humanizeDuration: 1,
  humanizePercentage: 1,
  humanizeTimestamp: 1,
  parseDuration: 1,
  title: 1,
  toUpper: 1,
  toLower: 1,
  match: 2,
  reReplaceAll: 3,
  stripPort: 1,
  stripDomain: 1,
  graphLink: 1,
  tableLink: 1,
  externalURL: 0,
  pathPrefix: 0,
  safeHtml: 1,
  urlQueryEscape: 1,
};

/** Why the function cannot be called with this many values; undefined if it can. */
export function whyNotCalled(name: FunctionName, given: number): string | undefined {
  const wanted = counts[name];
  if (wanted !== undefined && wanted !== given) {
    const number = ["no value", "one value", "two values", "three values"][wanted] ?? `${wanted} values`;
    return `${name} takes ${number}, not ${given}`;
  }
  if (wanted === undefined && name !== "print" && name !== "println" && given === 0)
    return `${name} takes at least one value`;
  return undefined;
}

export function call(name: FunctionName, args: readonly Datum[], context: CallContext): Datum {
  return (table[name] as Call)(args, context);
}

function sampleOf(datum: Datum): Sample {
  return isSample(datum) ? datum : fail(`${write(datum)} is no sample`);
}

function textOf(datum: Datum): string {
  return typeof datum === "string" ? datum : fail(`${write(datum)} is no text`);
}

function at(datum: Datum, key: Datum): Datum {
  if (Array.isArray(datum)) return datum[numberOf(key)] ?? fail(`index ${write(key)} is out of range`);
  return field(datum, textOf(key));
}

function order(left: Datum, right: Datum): number {
  const [a, b] =
    typeof left === "string" || typeof left === "boolean" ? [left, right] : [numberOf(left), numberOf(right)];
  if (typeof a !== typeof b) return fail("values of different kinds cannot be compared");
  return a === b ? 0 : (a as number) < (b as number) ? -1 : 1;
}

function replaced<T>(pattern: string, replacement: string, text: string, use: (after: string, before: string) => T): T {
  const result = replaceAll(pattern, replacement, text);
  return "error" in result ? fail(`invalid regular expression ${pattern}: ${result.error}`) : use(result.text, text);
}
