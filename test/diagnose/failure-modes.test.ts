// The catalogue: what ships is sound, and every mistake of a user's own file is told with its place.
import { expect, test } from "vitest";
import { loadFailureModes } from "../../src/diagnose/failure-modes.ts";
import { mistakes, modes } from "./fleet.ts";

test("the failure modes that ship load without a mistake, with checks and remedies", () => {
  expect(mistakes).toEqual([]);
  expect(new Set(modes.map(({ code }) => code)).size).toBe(modes.length);
  for (const mode of modes) {
    expect(mode.discriminators.length).toBeGreaterThan(0);
    for (const check of mode.verify) expect(check.expr).toMatch(/(entity|parent)="\$entity"/);
  }
});

const valid = `
id: some-mode
code: FM-99
title: Some mode
severity: warning
prior: 0.1
explanation: Because.
symptoms:
  - { id: a, says: it is up, expr: up > 0, present: 3 }
  - { id: b, says: it changed, change: { kinds: [deploy], within: 2m }, present: 2, absent: 0.5 }
remedies:
  - { action: notify, safety: N, why: People can tell. }
verify:
  - { id: fine, says: it is fine, expr: 'up{entity="$entity"} == 1', for: 1m, within: 5m }
prevention: None.
`;

test("durations become milliseconds and absence says nothing unless told otherwise", () => {
  const {
    modes: [mode],
    mistakes: none,
  } = loadFailureModes([{ name: "x.yaml", text: valid }]);
  expect(none).toEqual([]);
  expect(mode).toMatchObject({
    symptoms: [{ absent: 1 }, { source: { kind: "change", changeKinds: ["deploy"], withinMs: 120_000 } }],
    verify: [{ forMs: 60_000, withinMs: 300_000 }],
  });
});

test.each([
  ["an unknown key", valid.replace("prevention:", "prevent:"), "not a known key"],
  ["a query that does not parse", valid.replace("up > 0", "up >"), "symptoms.0.expr"],
  ["a ratio that says nothing", valid.replace("present: 3", "present: 1"), "above 1"],
  ["a duration that is none", valid.replace("within: 2m", "within: soon"), "is not a duration"],
  ["a symptom from nowhere", valid.replace("expr: up > 0, ", ""), "exactly one of"],
  ["a check without time to hold", valid.replace("for: 1m", "for: 5m"), "longer than for"],
  ["the same id twice", valid.replace("id: b", "id: a"), "used twice"],
  ["nesting that would end the process", `id: ${"[".repeat(2000)}`, "deeper"],
  ["a file that is too long", `${valid}# ${"x".repeat(300_000)}`, "longer than"],
])("%s is a mistake", (_what, text, says) => {
  const loaded = loadFailureModes([{ name: "x.yaml", text }]);
  expect(loaded.modes).toEqual([]);
  expect(loaded.mistakes.map((mistake) => mistake.says).join("\n")).toContain(says);
});

test("all mistakes are told at once, each with its line, and a bad file does not spoil the good one", () => {
  const bad = valid
    .replace("prior: 0.1", "prior: 7")
    .replace("severity: warning", "severity: awful")
    .replace("up > 0", "nope(");
  const loaded = loadFailureModes([
    { name: "bad.yaml", text: bad },
    { name: "good.yaml", text: valid },
  ]);
  expect(loaded.modes).toHaveLength(1);
  expect(loaded.mistakes.map(({ file, line }) => [file, line])).toEqual([
    ["bad.yaml", 5],
    ["bad.yaml", 6],
  ]);
});

test("priors must leave room for what is not in the catalogue", () => {
  const text = valid.replace("prior: 0.1", "prior: 0.6");
  const loaded = loadFailureModes([
    { name: "a.yaml", text },
    { name: "b.yaml", text: text.replace("some-mode", "other-mode") },
  ]);
  expect(loaded.mistakes[0]!.says).toContain("add up to 1.20");
});
