// The catalogue as a whole: who is told from whom is written in both files, and nothing is looked for where it cannot be.
import { expect, test } from "vitest";
import { mistakes, modes } from "../fleet.ts";

const ids = new Set(modes.map(({ id }) => id));

test("every file loads, and the priors leave room for what is not in the catalogue", () => {
  expect(mistakes).toEqual([]);
  expect(modes.reduce((sum, { prior }) => sum + prior, 0)).toBeLessThanOrEqual(0.92);
});

test("every look-alike that is named exists", () => {
  const missing = modes.flatMap(({ id, discriminators }) =>
    discriminators.filter(({ against }) => !ids.has(against)).map(({ against }) => `${id} -> ${against}`),
  );
  expect(missing).toEqual([]);
});

test("a mode that is told from another is what the other is told from", () => {
  const named = new Map(modes.map(({ id, discriminators }) => [id, new Set(discriminators.map((d) => d.against))]));
  const oneWay = modes.flatMap(({ id }) =>
    [...(named.get(id) ?? [])]
      .filter((other) => ids.has(other) && !named.get(other)!.has(id))
      .map((o) => `${id} -> ${o}`),
  );
  expect(oneWay).toEqual([]);
});

test("what a mode brings about is another mode of the catalogue", () => {
  const wrong = modes.flatMap(({ id, consequences }) =>
    consequences.filter((one) => one === id || !ids.has(one)).map((one) => `${id} -> ${one}`),
  );
  expect(wrong).toEqual([]);
  expect(modes.filter(({ consequences }) => consequences.length > 0).length).toBeGreaterThan(30);
});

test("no query looks back further than the half hour that is kept in memory", () => {
  for (const { id, symptoms, discriminators } of modes) {
    for (const { id: symptom, source } of [...symptoms, ...discriminators]) {
      if (source.kind !== "expr") continue;
      expect(reachMinutes(source.expr), `${id}/${symptom}`).toBeLessThanOrEqual(28);
    }
  }
});

test("a symptom of a whole deployment is looked for where it shows: on what the deployment consists of or is used by", () => {
  for (const mode of modes.filter(({ at }) => at.includes("deployment"))) {
    for (const { id, source, on } of [...mode.symptoms, ...mode.discriminators]) {
      // What was changed, and what that touched, is looked for by the change's target.
      if (source.kind !== "change" && source.kind !== "code") expect(on, `${mode.id}/${id}`).toBeDefined();
    }
  }
});

/** Furthest that one selector of a query looks back, window and offset together, in minutes. */
function reachMinutes(expr: string): number {
  const minutes = (count = "0", unit = "m"): number => Number(count) * (unit === "s" ? 1 / 60 : 1);
  const reaches = [...expr.matchAll(/(?:\[(\d+)([ms])\])?(?:\s*offset (\d+)([ms]))?/g)];
  return Math.max(0, ...reaches.map(([, window, a, offset, b]) => minutes(window, a) + minutes(offset, b)));
}
