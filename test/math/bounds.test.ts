// Bounds of figures that rest on few events, against published tables.
import { expect, test } from "vitest";
import { poissonUpper95, wilsonLower95 } from "../../src/math/bounds.ts";

test("of a Poisson mean: Garwood's one-sided limits", () => {
  for (const [seen, bound] of [
    [0, 2.9957],
    [1, 4.7439],
    [3, 7.7537],
    [6, 11.8424],
    [50, 63.287],
  ] as const)
    expect(poissonUpper95(seen)).toBeCloseTo(bound, 3);
});

test("of a share: Wilson's interval", () => {
  expect(wilsonLower95(8, 10)).toBeCloseTo(0.4902, 3);
  expect(wilsonLower95(0, 10)).toBeCloseTo(0, 9);
  expect(wilsonLower95(0, 0)).toBeNaN();
});
