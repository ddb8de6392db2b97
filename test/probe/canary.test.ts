// The sequential test holds its promise at every look, and a canary is told from its control.
import { expect, test } from "vitest";
import { seededRandom } from "../../src/math/random.ts";
import { alwaysValidP, pairedEvidence } from "../../src/math/sequential.ts";
import { createCanaryTest } from "../../src/probe/canary.ts";
import type { ProbeResult } from "../../src/probe/result.ts";

const day = 86_400_000;
const result = (score: number, seconds: number): ProbeResult => ({
  ...{ probe: "canary", case: "a", target: "http://a", entity: "replica:a", model: "m", at: 0, tokens: 1 },
  ...{ outcome: "passed", reason: "", says: "", score, seconds },
});

test("evidence is the mixture's: none without pairs, by hand for few", () => {
  expect(pairedEvidence({ worse: 0, better: 0 })).toBeCloseTo(0, 9);
  // 2^3 · B(4, 1) = 8 / 4.
  expect(pairedEvidence({ worse: 3, better: 0 })).toBeCloseTo(Math.log(2), 9);
  expect(pairedEvidence({ worse: 2, better: 1 })).toBeCloseTo(Math.log(8 / 12), 9);
  expect(alwaysValidP(0)).toBe(1);
});

test("looked at after every one of 500 pairs, equal sides are called different in at most alpha of the runs", () => {
  const random = seededRandom(11);
  const alpha = 0.05;
  let called = 0;
  for (let run = 0; run < 1000; run++) {
    const counts = { worse: 0, better: 0 };
    for (let pair = 0; pair < 500; pair++) {
      if (random() < 0.5) counts.worse++;
      else counts.better++;
      if (alwaysValidP(pairedEvidence(counts)) > alpha) continue;
      called++;
      break;
    }
  }
  expect(called / 1000).toBeLessThanOrEqual(alpha);
  // It is a test and no constant: some are called.
  expect(called).toBeGreaterThan(0);
});

test("a canary that is worse is told, one that is better or equal is not", () => {
  const worse = createCanaryTest(0.01);
  const better = createCanaryTest(0.01);
  const equal = createCanaryTest(0.01);
  for (let i = 0; i < 40; i++) {
    worse.add(result(i % 2, 1.5), result(1, 1), i);
    better.add(result(1, 0.5), result(0, 1), i);
    equal.add(result(1, 1.05), result(1, 1), i);
  }
  expect(worse.verdicts()).toMatchObject([
    { measure: "quality", isWorse: true, worse: 20, better: 0 },
    { measure: "latency", isWorse: true, worse: 40 },
  ]);
  expect(better.verdicts().map(({ isWorse }) => isWorse)).toEqual([false, false]);
  expect(better.verdicts()[0]?.pValue).toBeLessThan(0.001);
  expect(equal.verdicts()).toMatchObject([{ pValue: 1 }, { pValue: 1 }]);
});

test("silence is no pair, and a day later it begins anew", () => {
  const one = createCanaryTest(0.01);
  one.add(result(Number.NaN, 1), result(1, 1), 0);
  expect(one.verdicts()).toMatchObject([{ worse: 0, better: 0 }, {}]);
  for (let i = 0; i < 40; i++) one.add(result(0, 1), result(1, 1), i);
  expect(one.verdicts()[0]?.isWorse).toBe(true);
  one.add(result(1, 1), result(1, 1), day);
  expect(one.verdicts()[0]).toMatchObject({ isWorse: false, worse: 0, pValue: 1 });
});
