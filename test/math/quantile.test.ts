// Order statistics against plain sorting.
import fc from "fast-check";
import { expect, test } from "vitest";
import { bucketQuantile, quantileOf } from "../../src/math/quantile.ts";
import { normal, seededRandom } from "../../src/math/random.ts";

test("selection gives what sorting gives", () => {
  const sample = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(sample, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const sorted = values.toSorted((a, b) => a - b);
      const rank = q * (sorted.length - 1);
      const low = sorted[Math.floor(rank)]!;
      const high = sorted[Math.ceil(rank)]!;
      const expected = low + (rank - Math.floor(rank)) * (high - low);
      expect(quantileOf(Float64Array.from(values), values.length, q)).toBeCloseTo(expected, 6);
    }),
  );
  expect(quantileOf(new Float64Array(0), 0, 0.5)).toBeNaN();
});

test("bucketed quantiles interpolate, stop at the last bound and need observations", () => {
  expect(bucketQuantile([1, 2], Float64Array.of(0, 10, 0), 0.5)).toBe(1.5);
  expect(bucketQuantile([1, 2], Float64Array.of(10, 0, 0), 0.5)).toBe(0.5);
  expect(bucketQuantile([1, 2], Float64Array.of(0, 0, 5), 0.5)).toBe(2);
  expect(bucketQuantile([1, 2], Float64Array.of(0, 0, 0), 0.5)).toBeNaN();
});

test("the same seed draws the same numbers, with the moments they should have", () => {
  const a = seededRandom(7);
  const b = seededRandom(7);
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < 20_000; i++) {
    const x = normal(a);
    expect(normal(b)).toBe(x);
    sum += x;
    squares += x * x;
  }
  expect(Math.abs(sum / 20_000)).toBeLessThan(0.03);
  expect(Math.abs(squares / 20_000 - 1)).toBeLessThan(0.05);
  expect(seededRandom(8)()).not.toBe(seededRandom(9)());
});
