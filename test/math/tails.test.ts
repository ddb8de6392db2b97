// Tails against values worked out with 60-digit and rational arithmetic, and the laws they must keep.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { betaLower, gammaLower, gammaUpper, logGamma } from "../../src/math/gamma.ts";
import {
  binomialLower,
  binomialUpper,
  chiSquaredUpper,
  normalScore,
  normalUpper,
  poissonLower,
  poissonUpper,
  predictedLower,
  predictedUpper,
} from "../../src/math/tails.ts";

function same(found: number, known: number, relative = 1e-9): void {
  expect(Math.abs(found - known)).toBeLessThanOrEqual(relative * Math.abs(known));
}

describe("known values", () => {
  test("gamma and beta", () => {
    same(logGamma(0.5), 0.5 * Math.log(Math.PI));
    same(logGamma(11), Math.log(3_628_800));
    // I_0.3(2, 3) of a polynomial: 6 x^2 - 8 x^3 + 3 x^4.
    same(betaLower(2, 3, 0.3), 6 * 0.09 - 8 * 0.027 + 3 * 0.0081);
    same(gammaUpper(1, 3), Math.exp(-3));
    same(gammaLower(1, 1e-9), 1e-9, 1e-8);
  });

  test("Poisson", () => {
    same(poissonUpper(3, 0.5), 0.014387677966970687);
    same(poissonUpper(30, 4), 9.134135636972061e-17);
    same(poissonUpper(1200, 1000), 4.684203855872281e-10);
    same(poissonLower(0, 12), 6.14421235332821e-6);
    same(poissonLower(60, 100), 1.0812218170244077e-5);
  });

  test("binomial", () => {
    same(binomialUpper(3, 10, 0.01), 0.00011384911790577964);
    same(binomialUpper(40, 200, 0.1), 1.7007333197272116e-5);
    same(binomialUpper(60, 100, 0.5), 0.028443966820490395);
    same(binomialUpper(5, 5000, 0.0001), 0.00017183933815807388);
    same(binomialLower(40, 100, 0.5), 0.028443966820490395);
  });

  test("a rate that is known from few events only", () => {
    same(predictedUpper(5, 10, 2, 100), 6.472349610775474e-5);
    same(predictedLower(2, 10, 40, 100), 1 - 0.7550562323072009, 1e-6);
  });

  test("normal and chi-squared", () => {
    same(normalUpper(1), 0.15865525393145707);
    same(normalUpper(6), 9.865876450377012e-10);
    same(normalUpper(20), 2.7536241186063314e-89);
    same(normalUpper(-1), 1 - 0.15865525393145707);
    same(chiSquaredUpper(3.841458820694124, 1), 0.05);
    same(chiSquaredUpper(18.307038053275146, 10), 0.05);
  });
});

describe("laws", () => {
  test("the score of a tail gives the tail back", () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 36, noNaN: true }), (z) => {
        expect(normalScore(normalUpper(z))).toBeCloseTo(z, 5);
      }),
    );
    expect(normalScore(0)).toBeLessThan(38);
    expect(normalScore(0.7)).toBe(0);
    expect(normalScore(Number.NaN)).toBe(0);
  });

  test("both tails of a count make one, with the count itself in both", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 }), fc.double({ min: 1e-6, max: 300, noNaN: true }), (k, mean) => {
        expect(poissonUpper(k + 1, mean) + poissonLower(k, mean)).toBeCloseTo(1, 9);
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 1e-9, max: 1, noNaN: true }),
        (n, share, p) => {
          const k = Math.floor(share * n);
          expect(binomialUpper(k + 1, n, p) + binomialLower(k, n, p)).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  test("whatever the counts, tails are probabilities and fall as the count rises", () => {
    const count = fc.double({ min: 0, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(count, count, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, p) => {
        const [low, high] = a < b ? [a, b] : [b, a];
        for (const tail of [poissonUpper(low, high), poissonUpper(high, low), binomialUpper(low, high, p)]) {
          expect(tail).toBeGreaterThanOrEqual(0);
          expect(tail).toBeLessThanOrEqual(1);
        }
        expect(poissonUpper(high, 50)).toBeLessThanOrEqual(poissonUpper(low, 50) + 1e-12);
      }),
    );
  });

  test("large counts, told by their deviance, join on to the exact ones", () => {
    for (const z of [-3, 0, 2, 5]) {
      const mean = 0.99e5;
      const k = Math.round(mean + z * Math.sqrt(mean));
      const exact = gammaLower(k, mean);
      same(poissonUpper(k * 1.02, mean * 1.02), exact, 0.25);
    }
  });
});
