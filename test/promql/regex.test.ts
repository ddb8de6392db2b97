// Regular expressions: RE2's language, in linear time.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileMatcher, whyPatternRefused } from "../../src/promql/matcher.ts";
import { compileRegex } from "../../src/promql/regex/program.ts";

function matches(pattern: string, text: string): boolean {
  return compileMatcher({ name: "x", op: "=~", value: pattern })(text);
}

describe("regular expressions", () => {
  it.each([
    ["a|b", "b", true],
    ["a|b", "ab", false],
    ["(?i:PRO).*", "production", true],
    ["((?i)PRO)d", "proD", false],
    ["((?i)PRO)d", "pRod", true],
    ["a(?i)b|c", "aC", false],
    ["a(?i)b|c", "C", true],
    [".*", "a\nb", true],
    ["(?-s).*", "a\nb", false],
    ["[^a-c]+", "xyz", true],
    ["[^a-c]+", "xbz", false],
    ["[[:digit:]]{2,3}", "1234", false],
    ["[[:^digit:]-]+", "a-b", true],
    ["a{2}", "aa", true],
    ["a{,2}", "a{,2}", true],
    ["\\d+\\.\\w*", "12.ab_", true],
    ["\\Qa.b\\E+", "a.bb", true],
    ["\\x41\\x{1F600}", "A😀", true],
    [".", "😀", true],
    ["(a*)*", "aaaa", true],
    ["x*?y+?", "xxy", true],
    ["^a$", "a", true],
    ["a\\b.b", "a b", true],
    ["", "", true],
  ])("%j on %j: %s", (pattern, text, result) => {
    expect(matches(pattern, text)).toBe(result);
  });

  it.each([
    ["(a", "not closed"],
    ["a)", "no opening"],
    ["[a", "bracket is not closed"],
    ["*a", "nothing before"],
    ["a**", "not in RE2"],
    ["a{1001}", "above 1000"],
    ["(?=a)", "lookaround"],
    ["(?<!a)", "lookaround"],
    ["(a)\\1", "backreferences"],
    ["\\pL", "Unicode classes"],
    ["((a{1000}){1000}){1000}", "expands to more than"],
    ["a".repeat(5000).concat("."), "more than the 4096"],
    ["(".repeat(200), "nested deeper"],
  ])("refuses %s", (pattern, why) => {
    expect(whyPatternRefused(pattern)).toContain(why);
  });

  it("is not brought down by patterns that take a backtracking engine ages", () => {
    const text = `${"a".repeat(5000)}b`;
    expect(matches("(a+)+", text)).toBe(false);
    expect(matches("(a|aa)+$", text)).toBe(false);
    expect(matches("(.*)*c", text)).toBe(false);
  });

  it("captures what the platform's own engine captures", () => {
    const piece = fc.constantFrom(
      "a",
      "b",
      "(a)",
      "(b|a)",
      "(a*)",
      "(ab?)",
      "[ab]",
      ".",
      "a+",
      "b*?",
      "(?:a|b)+",
      "a{1,2}",
      "(b)?",
    );
    const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(pattern, fc.stringMatching(/^[ab]{0,8}$/), (source, text) => {
        const own = compileRegex(source);
        if ("error" in own) throw new Error(own.error);
        const groups = own.match(text);
        const theirs = new RegExp(`^(?:${source})$`, "sd").exec(text);
        expect(groups === undefined).toBe(theirs === null);
        if (groups === undefined || theirs === null) return;
        const expected = theirs.indices!.flatMap((pair) => (pair === undefined ? [-1, -1] : [pair[0], pair[1]]));
        expect([...groups]).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
