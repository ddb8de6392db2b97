// Label matchers as predicates: what every `SeriesSource` needs to answer `select`.
import type { Labels } from "../model/labels.ts";
import type { LabelMatcher } from "../model/ports/series-source.ts";
import { compileRegex } from "./regex/program.ts";

/** Decisions remembered for one pattern; label values repeat, so this makes most matches a lookup. */
const rememberedMax = 5000;

const metaCharacters = /[\\.+*?()|[\]{}^$]/;

/**
 * A predicate over one label value; an absent label has the value "". Regular expressions are RE2's, anchored at both ends,
 * and run in time linear in the value. Throws on a pattern that {@link whyPatternRefused} refuses.
 */
export function compileMatcher(matcher: LabelMatcher): (value: string) => boolean {
  const wanted = matcher.value;
  switch (matcher.op) {
    case "=":
      return (value) => value === wanted;
    case "!=":
      return (value) => value !== wanted;
    case "=~":
      return compilePattern(wanted);
    case "!~": {
      const matches = compilePattern(wanted);
      return (value) => !matches(value);
    }
  }
}

/** One predicate over a whole label set. */
export function compileMatchers(matchers: readonly LabelMatcher[]): (labels: Labels) => boolean {
  const tests = matchers.map((matcher) => ({ name: matcher.name, accepts: compileMatcher(matcher) }));
  return (labels) => {
    for (const test of tests) if (!test.accepts(labels[test.name] ?? "")) return false;
    return true;
  };
}

/** Why a regular expression is refused: not RE2, or too large. Undefined if it is fine. */
export function whyPatternRefused(pattern: string): string | undefined {
  if (literalsOf(pattern) !== undefined) return undefined;
  const regex = compileRegex(pattern);
  return "error" in regex ? regex.error : undefined;
}

/** The values an anchored pattern accepts when it is a literal or an alternation of literals; else undefined. */
export function literalsOf(pattern: string): readonly string[] | undefined {
  const bare = /^\([^()]*\)$/.test(pattern) ? pattern.slice(1, -1) : pattern;
  const literals = bare.split("|");
  return literals.some((literal) => metaCharacters.test(literal)) ? undefined : literals;
}

/** Patterns come again with every query; what each decided of a value holds for ever. */
const patterns = new Map<string, (value: string) => boolean>();
const patternsMax = 2000;

function compilePattern(pattern: string): (value: string) => boolean {
  const known = patterns.get(pattern);
  if (known !== undefined) return known;
  const test = testOf(pattern);
  if (patterns.size >= patternsMax) patterns.clear();
  patterns.set(pattern, test);
  return test;
}

function testOf(pattern: string): (value: string) => boolean {
  const literals = literalsOf(pattern);
  if (literals !== undefined) {
    if (literals.length === 1) return (value) => value === literals[0];
    const accepted = new Set(literals);
    return (value) => accepted.has(value);
  }
  if (pattern === ".*") return () => true;
  if (pattern === ".+") return (value) => value !== "";
  const framed = /^(\.\*)?([^\\.+*?()|[\]{}^$]+)(\.\*)?$/.exec(pattern);
  if (framed !== null) return compileFramed(framed[1] !== undefined, framed[2]!, framed[3] !== undefined);
  const regex = compileRegex(pattern);
  if ("error" in regex) throw new Error(`regular expression ${JSON.stringify(pattern)} refused: ${regex.error}`);
  const remembered = new Map<string, boolean>();
  return (value) => {
    let found = remembered.get(value);
    if (found === undefined) {
      found = regex.test(value);
      if (remembered.size >= rememberedMax) remembered.clear();
      remembered.set(value, found);
    }
    return found;
  };
}

/** `.*text.*`, `text.*`, `.*text`. */
function compileFramed(before: boolean, text: string, after: boolean): (value: string) => boolean {
  if (before && after) return (value) => value.includes(text);
  return before ? (value) => value.endsWith(text) : (value) => value.startsWith(text);
}
