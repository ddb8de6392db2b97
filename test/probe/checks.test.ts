// Checks on answers: each passes what is right and notices what is wrong.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { gramCosine } from "../../src/math/n-grams.ts";
import { readAnswer } from "../../src/probe/answer.ts";
import { judge } from "../../src/probe/checks.ts";
import { ailmentsOf } from "../../src/probe/health.ts";
import { type Checks, loadProbes } from "../../src/probe/spec.ts";
import { factsOf } from "../../src/receive/privacy/text-facts.ts";

function checks(yaml: string): Checks {
  const text = `id: a\nsays: x\nkind: answers\ncases: [{ id: a, prompt: q, checks: ${yaml} }]`;
  const { probes, mistakes } = loadProbes([{ name: "p", text }]);
  expect(mistakes).toEqual([]);
  const [probe] = probes;
  if (probe?.kind !== "answers") throw new Error("no probe");
  return probe.cases[0]!.checks;
}

function faults(yaml: string, text: string, more: { finish?: string; model?: string; header?: string } = {}) {
  const answer = { text, finishReason: more.finish ?? "stop", model: more.model ?? "m", tokens: 1 };
  return judge(answer, checks(yaml), { model: "m", headers: { "x-served-by": more.header ?? "" } }, factsOf).faults;
}

const german =
  "Der Zug zum Flughafen fährt um neun Uhr morgens ab, und wer zu spät kommt, muss auf den nächsten warten, der eine Stunde später kommt.";
const english =
  "The train to the airport leaves at nine in the morning, and whoever is late has to wait for the next one, which comes an hour later.";

test.each<[string, string, string, string]>([
  ["exact", "{ exact: '42' }", " 42\n", "43"],
  ["matches", "{ matches: '\\b42\\b' }", "It is 42.", "It is 142."],
  ["matches across lines", "{ matches: 'b.$' }", "a\nbc", "a\nbcd"],
  ["lacks", "{ lacks: 'sorry' }", "Yes.", "I am sorry."],
  [
    "json",
    "{ json: { type: object, required: [a], properties: { a: { type: integer } } } }",
    '```json\n{"a": 1}\n```',
    '{"a": 1.5}',
  ],
  ["json at all", "{ json: { type: object } }", "{}", "{ not json"],
  ["language", "{ language: de }", german, english],
  ["length", "{ charactersMin: 3, charactersMax: 5 }", "four", "longer"],
  ["short", "{ charactersMin: 3 }", "four", "no"],
  [
    "alike",
    "{ like: { answer: 'A slow river flows through the town.', min: 0.7 } }",
    "A slow green river flows through the town.",
    "Nothing of the kind.",
  ],
  ["empty", "{ charactersMax: 99 }", "x", "  \n"],
  ["repeated", "{ charactersMin: 1 }", english, "and so on it goes ".repeat(20)],
  ["garbled", "{ charactersMin: 1 }", english, "The train \uFFFD\uFFFD\uFFFD\uFFFD leaves \u0001\u0002 at nine"],
])("%s", (_name, yaml, right, wrong) => {
  expect(faults(yaml, right)).toEqual([]);
  expect(faults(yaml, wrong)).toHaveLength(1);
});

test("an answer that was cut off, of another model, served by another pool", () => {
  expect(faults("{ ends: true }", "x", { finish: "length" })).toEqual(["was cut off at its length limit"]);
  expect(faults("{ modelAsked: true }", "", { model: "other" })).toEqual(["is of another model than was asked"]);
  expect(faults("{ modelAsked: true }", "")).toEqual([]);
  expect(faults("{ header: { name: X-Served-By, matches: '^long-' } }", "", { header: "long-3" })).toEqual([]);
  expect(faults("{ header: { name: X-Served-By, matches: '^long-' } }", "", { header: "short-3" })).toHaveLength(1);
});

test("what is wrong is said without a word of the answer", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8 }), (text) => {
      const found = faults(
        "{ exact: right, matches: '^right$', charactersMax: 5, json: { type: object } }",
        `zq${text}`,
      );
      expect(found.join()).not.toContain(`zq${text}`);
    }),
  );
});

test("a pattern that would take for ever elsewhere is answered at once", () => {
  expect(faults("{ matches: '(a+)+$' }", `${"a".repeat(30_000)}!`)).toContain("lacks what it must hold");
});

describe("reading answers", () => {
  test("whatever comes, there is an answer or a word on what is wrong", () => {
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string(),
        fc.integer(),
        fc.constant(null),
        tie("object"),
        fc.array(tie("object"), { maxLength: 2 }),
      ),
      object: fc.dictionary(
        fc.constantFrom("choices", "message", "content", "text", "usage", "model", "prompt_tokens"),
        tie("value"),
        { maxKeys: 4 },
      ),
    })).object;
    const body = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      tree.map((value) => Buffer.from(JSON.stringify(value))),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        const answer = readAnswer(bytes, 10);
        if ("wrong" in answer) expect(answer.wrong).toMatch(/^answers 200 /);
        else expect([typeof answer.text, typeof answer.tokens, answer.tokens > 0]).toEqual(["string", "number", true]);
      }),
    );
  });
});

test("a language too short to tell is no wrong language", () => {
  expect(ailmentsOf(factsOf("Paris"), "stop", { language: "de" })).toEqual([]);
  expect(ailmentsOf(factsOf(english), "stop", { language: "de" })).toEqual(["wrong_language"]);
});

test("cosine of n-grams: itself, nothing in common, and in between", () => {
  expect(gramCosine("The same text.", "the  same text.\n")).toBeCloseTo(1, 12);
  expect(gramCosine("abcdef", "uvwxyz")).toBe(0);
  expect(gramCosine("", "x")).toBe(0);
  expect(gramCosine("ab", "ab")).toBeCloseTo(1, 12);
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const cosine = gramCosine(a, b);
      expect(cosine).toBeGreaterThanOrEqual(0);
      expect(cosine).toBeLessThanOrEqual(1);
      expect(cosine).toBeCloseTo(gramCosine(b, a), 12);
    }),
  );
});
