// Probe files: what ships loads, and every mistake is told with its place.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatMistake } from "../../src/model/yaml.ts";
import { sensitivityOf } from "../../src/probe/sensitivity.ts";
import { loadProbes } from "../../src/probe/spec.ts";
import { root } from "../support/service.ts";

const folder = join(root, "rules", "probes");
const shippedFiles = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));

function told(text: string): readonly string[] {
  return loadProbes([{ name: "p.yaml", text }]).mistakes.map(formatMistake);
}

const good = "id: mine\nsays: x\nkind: answers\ncases:\n  - { id: a, prompt: q }\n";

test("all that ships loads, and gives what failure modes ask for", () => {
  const { probes, mistakes } = loadProbes(shippedFiles);
  expect(mistakes).toEqual([]);
  const ids = new Set(probes.map(({ id }) => id));
  const modes = join(root, "rules", "failure-modes");
  const asked = readdirSync(modes).flatMap((name) =>
    [
      ...readFileSync(join(modes, name), "utf8").matchAll(/homeostat_probe_failures_total\{[^}]*probe=~?"([^"]+)"/g),
    ].map(([, names]) => (names ?? "").split("|")),
  );
  expect(asked.length).toBeGreaterThan(10);
  // The routes of a deployment are its own, so nothing can ship that asks them.
  const open = asked.filter((names) => !names.some((name) => ids.has(name)));
  expect([...new Set(open.flat())]).toEqual(["route", "route_contract"]);
});

test.each([
  ["an unknown key", `${good}evry: 5m\n`, "p.yaml:6:7", "evry: is not a known key"],
  ["a duration", `${good}every: soon\n`, "p.yaml:6:8", "every: is not a duration"],
  ["no interval at all", `${good}every: 0s\n`, "p.yaml:6:8", "every: is not a duration"],
  ["an id that is no label", good.replace("mine", "My-Probe"), "p.yaml:1:5", "small letters"],
  [
    "a pattern",
    good.replace("prompt: q", 'prompt: q, checks: { matches: "(" }'),
    "p.yaml:5:",
    "cases.0.checks.matches: is not a regular",
  ],
  [
    "a look-ahead, which cannot be matched in linear time",
    good.replace("prompt: q", 'prompt: q, checks: { matches: "(?=a)" }'),
    "p.yaml:5:",
    "is not a regular",
  ],
  [
    "a schema",
    good.replace("prompt: q", "prompt: q, checks: { json: { type: objekt } }"),
    "p.yaml:5:",
    "is not a JSON Schema",
  ],
  [
    "a schema that takes anything",
    good.replace("prompt: q", "prompt: q, checks: { json: { properties: {} } }"),
    "p.yaml:5:",
    "it needs a type",
  ],
  [
    "lengths the wrong way round",
    good.replace("prompt: q", "prompt: q, checks: { charactersMin: 9, charactersMax: 2 }"),
    "p.yaml:5:",
    "must not be below",
  ],
  ["two cases of one id", `${good}  - { id: a, prompt: r }\n`, "p.yaml:6:11", "cases.1.id: a is taken"],
  ["no case", "id: mine\nsays: x\nkind: answers\ncases: []\n", "p.yaml:4:8", "cases"],
  ["another kind", good.replace("answers", "guess"), "p.yaml:3:7", "kind"],
  ["no YAML", "id: [", "p.yaml:1:", ""],
  ["nothing", "", "p.yaml:1:1", ""],
])("%s is told with its place", (_what, text, place, says) => {
  const mistakes = told(text);
  expect(mistakes.length).toBeGreaterThan(0);
  expect(
    mistakes.some((one) => one.startsWith(place) && one.includes(says)),
    mistakes.join("\n"),
  ).toBe(true);
});

test("a faulty file spoils none beside it, and an id is taken once", () => {
  const { probes, mistakes } = loadProbes([
    { name: "bad.yaml", text: "id: [" },
    { name: "a.yaml", text: good },
    { name: "b.yaml", text: good },
  ]);
  expect(probes.map(({ id }) => id)).toEqual(["mine"]);
  expect(mistakes.map(({ file }) => file)).toEqual(["bad.yaml", "b.yaml"]);
});

test("the smallest shift seen in a day shrinks with the number of questions", () => {
  const shares = [1, 10, 100, 1000].map((n) => sensitivityOf(86_400_000, n).failureShare);
  // One question: even a sure failure is told, as one failure in a thousand is rarer than the tail.
  expect(shares[0]).toBeCloseTo(0.9, 1);
  expect(shares.toSorted((a, b) => b - a)).toEqual(shares);
  // 1000 questions with 0.1 % failing: 5 or more have a tail under 0.01, and 0.8 % give them with a power of 0.9.
  expect(shares[3]).toBeCloseTo(0.008, 3);
  expect(sensitivityOf(86_400_000, 1, 0.02).failureShare).toBeNaN();
});
