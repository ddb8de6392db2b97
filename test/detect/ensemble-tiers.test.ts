// The univariate tiers as detectors: what they keep, and that units and later points do not matter.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tryEnsemble } from "../../src/detect/eval/evaluate.ts";
import { createEnsemble } from "../../src/detect/statistical/ensemble.ts";
import { medianOf3, medianOf5 } from "../../src/detect/statistical/few.ts";
import { createSeriesLevel, seriesLevel } from "../../src/detect/statistical/series-level.ts";
import { seriesPattern } from "../../src/detect/statistical/series-pattern.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { Detector, DetectorKind, PointBatch } from "../../src/model/detector.ts";

const minute = 60;

function noise(count: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, () => normal(random));
}

function row(value: number): PointBatch {
  return { rows: 1, slots: new Int32Array(1), values: Float64Array.of(value), quality: new Uint8Array(1) };
}

function taught(detector: Detector<"point">, values: Iterable<number>): Detector<"point"> {
  for (const value of values) detector.learn(row(value));
  return detector;
}

describe("the tiers as detectors", () => {
  test("an incident in the baseline moves the band by less than a tenth", () => {
    const values = noise(1500, 11);
    const spoilt = values.slice();
    for (let i = 1000; i < 1010; i++) spoilt[i] = 50;
    for (const kind of [seriesLevel, seriesPattern] satisfies DetectorKind<"point">[]) {
      const widths = [values, spoilt].map((series) => {
        const { expected } = taught(kind.create(), series.subarray(0, 1100)).explain(row(0), 0);
        return expected.high - expected.low;
      });
      expect(Math.abs(widths[1]! / widths[0]! - 1)).toBeLessThan(0.1);
    }
  });

  test("the band holds nearly all of what is normal, in the units of the series", () => {
    const values = noise(2000, 12).map((value) => 500 + 20 * value);
    const { expected } = taught(seriesLevel.create(), values).explain(row(0), 0);
    expect(expected.low).toBeGreaterThan(380);
    expect(expected.low).toBeLessThan(460);
    expect(expected.high).toBeGreaterThan(540);
    expect(expected.high).toBeLessThan(620);
  });

  test("a unit is no difference: the same scores for the same shape", () => {
    const values = noise(300, 13);
    const scores = [1, 1e-6, 1e9].map((unit) => {
      const detector = taught(
        createSeriesLevel(),
        values.map((value) => value * unit),
      );
      const out = new Float64Array(1);
      detector.score(row(7 * unit), 0, out);
      return out[0]!;
    });
    expect(scores[1]! / scores[0]!).toBeCloseTo(1, 6);
    expect(scores[2]! / scores[0]!).toBeCloseTo(1, 6);
  });

  test("what is said of a point does not depend on later ones", () => {
    const values = noise(600, 14);
    const all = tryEnsemble([values], minute).scores;
    const ensemble = createEnsemble({ stepSeconds: minute, behindPoints: 0 });
    for (let i = 0; i < 400; i++) expect(ensemble.push(values[i]!).score).toBe(all[i]);
  });

  test("medians of few agree with sorting", () => {
    const five = fc.tuple(...Array.from({ length: 5 }, () => fc.double({ noNaN: true })));
    fc.assert(
      fc.property(five, ([a, b, c, d, e]) => {
        expect(medianOf3(a!, b!, c!) + 0).toBe([a!, b!, c!].toSorted((x, y) => x - y)[1]! + 0);
        expect(medianOf5(a!, b!, c!, d!, e!) + 0).toBe([a!, b!, c!, d!, e!].toSorted((x, y) => x - y)[2]! + 0);
      }),
    );
  });
});
