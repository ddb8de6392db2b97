// The ensemble on streams with a known answer.
import { describe, expect, test } from "vitest";
import { tryEnsemble } from "../../src/detect/eval/evaluate.ts";
import { createEnsemble } from "../../src/detect/statistical/ensemble.ts";
import { createRollingLevel } from "../../src/detect/statistical/rolling-level.ts";
import { normal, seededRandom } from "../../src/math/random.ts";

function noise(count: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, () => normal(random));
}

function alertsOf(values: ArrayLike<number>): readonly number[] {
  const { alerts } = tryEnsemble([Float64Array.from(values)]);
  return [...alerts.keys()].filter((i) => alerts[i] === 1);
}

describe("the ensemble", () => {
  test("a constant that changes fires at the change, and nowhere before", () => {
    const values = new Float64Array(200).fill(5);
    values.fill(5.001, 150);
    expect(alertsOf(values)[0]).toBe(150);
  });

  test("a second spike 25 points after the first is as odd as the first", () => {
    const values = noise(400, 1);
    values[300] = 40;
    values[325] = 40;
    const { odd } = tryEnsemble([values]);
    expect([odd[300], odd[325]]).toEqual([1, 1]);
  });

  test("an incident in the baseline moves the band by less than a tenth", () => {
    const values = noise(1500, 2);
    const spoilt = values.slice();
    for (let i = 1000; i < 1010; i++) spoilt[i] = 50;
    const spreads = [values, spoilt].map((series) => {
      const level = createRollingLevel();
      for (const value of series.subarray(0, 1100)) level.learn(value);
      return 1 / level.scaled(1);
    });
    expect(Math.abs(spreads[1]! / spreads[0]! - 1)).toBeLessThan(0.1);
  });

  test("zero traffic and points that are no number raise nothing", () => {
    expect(alertsOf(new Float64Array(500))).toEqual([]);
    const values = noise(500, 3);
    for (let i = 200; i < 260; i++) values[i] = i % 2 === 0 ? Number.NaN : Number.POSITIVE_INFINITY;
    expect(alertsOf(values)).toEqual([]);
  });

  test("what is said of a point does not depend on later ones", () => {
    const values = noise(300, 4);
    const all = tryEnsemble([values]).scores;
    const ensemble = createEnsemble();
    for (let i = 0; i < 200; i++) expect(ensemble.push(values[i]!).score).toBe(all[i]);
  });
});
