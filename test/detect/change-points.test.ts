// Change points of made-up streams whose truth is known: shifts, bends, changes of noise, and what only looks like them.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { changePointF1 } from "../../src/detect/eval/change-points.ts";
import { findChangePoints } from "../../src/detect/eval/evaluate.ts";
import { createOnlineChangePoint } from "../../src/detect/statistical/online-change-point.ts";
import { createPeriodFinder } from "../../src/detect/statistical/period.ts";
import { createSegmenter } from "../../src/detect/statistical/segmentation.ts";
import { normal, seededRandom } from "../../src/math/random.ts";

type Draw = () => number;
/** Value of point `i`; `draw` gives standard normal numbers, `remember` those that correlate with the last by `r`. */
type Shape = (i: number, draw: Draw, remember: (r: number) => number) => number;

function stream(count: number, seed: number, shape: Shape): Float64Array {
  const random = seededRandom(seed);
  const draw = () => normal(random);
  let last = 0;
  const remember = (r: number) => {
    last = r * last + draw();
    return last;
  };
  return Float64Array.from({ length: count }, (_, i) => shape(i, draw, remember));
}

const seeds = [1, 2, 3, 4];
const season = (i: number) => 2 * Math.sin((2 * Math.PI * i) / 12);

describe("finds, within five points, and nothing else", () => {
  test.each<[string, number, readonly number[], Shape]>([
    ["a shift of three deviations", 200, [90], (i, draw) => draw() + (i >= 90 ? 3 : 0)],
    ["a shift in a short series", 30, [15], (i, draw) => 0.5 * draw() + (i >= 15 ? 3 : 0)],
    ["a shift in noise that remembers", 200, [110], (i, _, remember) => remember(0.6) + (i >= 110 ? 6 : 0)],
    ["a shift on a trend", 200, [100], (i, draw) => 0.03 * i + 0.5 * draw() + (i >= 100 ? 3 : 0)],
    ["a shift under a season", 240, [130], (i, draw) => season(i) + 0.5 * draw() + (i >= 130 ? 3 : 0)],
    ["a peak", 200, [120], (i, draw) => -0.05 * Math.abs(i - 120) + 0.25 * draw()],
    ["noise three times as wide", 200, [100], (i, draw) => draw() * (i >= 100 ? 3 : 1)],
    ["a bump", 200, [80, 120], (i, draw) => draw() + (i >= 80 && i < 120 ? 5 : 0)],
    ["a fall of a constant", 80, [50], (i) => (i >= 50 ? 4.999 : 5)],
  ])("%s", (_, count, truth, shape) => {
    for (const seed of seeds) {
      const { held } = findChangePoints(stream(count, seed, shape));
      expect(changePointF1([truth], held), `seed ${seed}: ${held}`).toBe(1);
    }
  });
});

describe("is not taken in by", () => {
  test.each<[string, number, Shape]>([
    ["noise", 600, (_, draw) => draw()],
    ["noise that remembers", 600, (_i, _draw, remember) => remember(0.7)],
    ["a trend", 600, (i, draw) => i / 100 + 0.5 * draw()],
    ["a season on a trend", 600, (i, draw) => season(i) + i / 200 + 0.5 * draw()],
    ["spikes", 600, (i, draw) => draw() + (i % 40 === 7 ? 9 : 0)],
    ["skewed noise", 600, (_, draw) => Math.exp(draw())],
    ["a constant", 600, () => 7],
    ["the last digits of a float", 600, (i) => 0.1 + 0.2 + (i % 2) * Number.EPSILON],
  ])("%s", (_, count, shape) => {
    for (const seed of seeds) expect(findChangePoints(stream(count, seed, shape)).held).toEqual([]);
  });

  test("a random walk more than a handful of times in 300 points", () => {
    const counts = seeds.map(
      (seed) => findChangePoints(stream(300, seed, (_i, _draw, remember) => remember(1))).held.length,
    );
    expect(Math.max(...counts)).toBeLessThanOrEqual(6);
  });
});

describe("online", () => {
  const square = (i: number, draw: Draw) => draw() + (Math.floor(i / 700) % 2) * 6;

  test("announces every change of a long stream once, 20 to 150 points after it, and keeps it", () => {
    const detector = createOnlineChangePoint();
    const told: { readonly at: number; readonly afterPoints: number }[] = [];
    for (const [i, value] of stream(5000, 8, square).entries()) {
      const change = detector.push(value);
      if (change !== undefined) told.push({ at: change.at, afterPoints: i + 1 - change.at });
    }
    const truth = [700, 1400, 2100, 2800, 3500, 4200, 4900];
    expect(told).toHaveLength(truth.length);
    for (const [k, { at, afterPoints }] of told.entries()) {
      expect(Math.abs(at - truth[k]!)).toBeLessThanOrEqual(2);
      expect(afterPoints).toBeGreaterThanOrEqual(20);
      expect(afterPoints).toBeLessThanOrEqual(150);
    }
    const held = detector.changes();
    expect(held.map(({ at }) => at)).toEqual(told.map(({ at }) => at));
    for (const { at, noticedAt } of held) expect(noticedAt).toBeGreaterThan(at);
  });

  test("what it announces does not depend on later points, nor on being asked on the way", () => {
    const values = stream(1500, 9, square);
    const whole = findChangePoints(values).announced;
    const asked = createOnlineChangePoint(createSegmenter(1024));
    const told: number[] = [];
    for (const [i, value] of values.subarray(0, 900).entries()) {
      const change = asked.push(value);
      if (i % 50 === 0) asked.changes();
      if (change !== undefined) told.push(change.at);
    }
    expect(told).toEqual(whole.filter((at) => at < 800));
  });

  test("missing points count as points and teach nothing", () => {
    const values = stream(300, 10, (i, draw) => (i % 3 === 0 ? Number.NaN : draw() + (i >= 150 ? 5 : 0)));
    values[200] = Number.POSITIVE_INFINITY;
    const { held } = findChangePoints(values);
    expect(held).toHaveLength(1);
    expect(Math.abs(held[0]! - 150)).toBeLessThanOrEqual(2);
  });

  test("unit and offset change nothing, up to the ends of what a number can be", () => {
    const values = stream(200, 11, (i, draw) => draw() + (i >= 90 ? 3 : 0));
    const { held } = findChangePoints(values);
    for (const scale of [1e-300, 1e-3, -1, 1e6, 1e300])
      expect(findChangePoints(values.map((value) => value * scale)).held).toEqual(held);
    expect(findChangePoints(values.map((value) => value + 1e6)).held).toEqual(held);
  });

  test("whatever comes, changes rise, lie apart, and inside the stream", () => {
    const value = fc.oneof(fc.double(), fc.double({ min: -5, max: 5 }), fc.constantFrom(0, 1, 1e308, 5e-324));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 150 }), (values) => {
        const { held } = findChangePoints(Float64Array.from(values));
        for (const [k, at] of held.entries()) {
          expect(at).toBeLessThan(values.length);
          expect(at - (held[k - 1] ?? 0)).toBeGreaterThanOrEqual(5);
        }
      }),
    );
  });
});

describe("periods", () => {
  const finder = createPeriodFinder(1024);

  test.each([6, 12, 31, 144])("a period of %i is known to within a twentieth under noise", (period) => {
    const values = stream(1000, 12, (i, draw) => 2 * Math.sin((2 * Math.PI * i) / period) + 0.7 * draw());
    expect(Math.abs(finder.find(values, 1000) - period)).toBeLessThanOrEqual(period / 20);
  });

  test("noise, a trend and a random walk have none", () => {
    for (const seed of seeds) {
      for (const shape of [
        ((_, draw) => draw()) as Shape,
        ((i, draw) => i + draw()) as Shape,
        ((_i, _draw, remember) => remember(1)) as Shape,
      ])
        expect(finder.find(stream(400, seed, shape), 400)).toBe(0);
    }
  });

  test("a removed season leaves the level and the shift", () => {
    const shape: Shape = (i) => season(i) + (i >= 150 ? 5 : 0);
    const values = stream(300, 1, shape);
    finder.remove(values, 300, 12);
    for (const i of [10, 100, 149]) expect(Math.abs(values[i]!)).toBeLessThan(0.1);
    for (const i of [150, 200, 290]) expect(Math.abs(values[i]! - 5)).toBeLessThan(0.1);
  });
});

test("what is announced is 20 points old or older, and more than 10 points from all that was announced before", () => {
  let announced = 0;
  for (const seed of seeds) {
    const detector = createOnlineChangePoint();
    const told: number[] = [];
    const values = stream(900, seed, (i, draw) => draw() + 6 * (Math.floor(i / 75) % 2));
    for (const [i, value] of values.entries()) {
      const change = detector.push(value);
      if (change === undefined) continue;
      expect(i + 1 - change.at).toBeGreaterThanOrEqual(20);
      for (const before of told) expect(Math.abs(change.at - before)).toBeGreaterThan(10);
      told.push(change.at);
    }
    announced += told.length;
  }
  // Most of the eleven changes of each stream, so that there was something to judge.
  expect(announced).toBeGreaterThan(4 * 6);
});
