// The univariate tiers on streams with a known answer.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { tryEnsemble } from "../../src/detect/eval/evaluate.ts";
import { addToExceedance, exceedance, exceedanceNumbers } from "../../src/detect/statistical/exceedance.ts";
import { createSeriesPattern, seriesPattern } from "../../src/detect/statistical/series-pattern.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { PointBatch } from "../../src/model/detector.ts";
import { quality } from "../../src/model/series.ts";

const minute = 60;
const perDay = 1440;

function noise(count: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  return Float64Array.from({ length: count }, () => normal(random));
}

function oddsOf(values: ArrayLike<number>): readonly number[] {
  const { odd } = tryEnsemble([Float64Array.from(values)], minute);
  return [...odd.keys()].filter((i) => odd[i] === 1);
}

/** Alerts of a stream, learned 10 minutes behind. */
function alertsBehind(values: Float64Array): readonly number[] {
  const { alerts } = tryEnsemble([values], minute, 600);
  return [...alerts.keys()].filter((i) => alerts[i] === 1);
}

function row(value: number): PointBatch {
  return { rows: 1, slots: new Int32Array(1), values: Float64Array.of(value), quality: new Uint8Array(1) };
}

describe("what the full tier catches", () => {
  test("a spike and a dip, at the point", () => {
    const values = noise(2000, 1);
    values[1200] = 30;
    values[1600] = -30;
    expect(oddsOf(values)).toEqual(expect.arrayContaining([1200, 1600]));
  });

  test("a level shift, at its first point, and it is over within half an hour", () => {
    const values = noise(2000, 2);
    for (let i = 1200; i < 2000; i++) values[i]! += 20;
    const odds = oddsOf(values);
    expect(odds[0]).toBe(1200);
    const { scores } = tryEnsemble([values], minute);
    expect(Math.max(...scores.subarray(1700))).toBeLessThan(scores[1200]!);
  });

  test("a series that grows far more restless", () => {
    const values = noise(3000, 3);
    for (let i = 2000; i < 2060; i++) values[i]! *= 12;
    const first = oddsOf(values)[0]!;
    expect(first).toBeGreaterThanOrEqual(2000);
    expect(first).toBeLessThan(2060);
  });

  test("a constant that changes fires at the change, and nowhere before", () => {
    const values = new Float64Array(400).fill(5);
    values.fill(5.001, 250);
    expect(oddsOf(values)[0]).toBe(250);
    expect(alertsBehind(values)[0]).toBe(250);
  });

  test("a daily peak that does not come", () => {
    const values = noise(8 * perDay, 4).map((value, i) => value + (i % perDay >= 600 && i % perDay < 900 ? 60 : 0));
    for (let i = 7 * perDay + 600; i < 7 * perDay + 900; i++) values[i]! -= 60;
    const odds = oddsOf(values).filter((i) => i >= 3 * perDay);
    expect(odds[0]).toBeGreaterThanOrEqual(7 * perDay + 600);
    expect(odds[0]).toBeLessThan(7 * perDay + 660);
  });

  test("a second spike 25 points after the first is as odd as the first", () => {
    const values = noise(900, 5);
    values[700] = 40;
    values[725] = 40;
    expect(oddsOf(values)).toEqual(expect.arrayContaining([700, 725]));
  });
});

describe("what no single point tells", () => {
  const fiveMinutes = 300;
  const firstOdd = (values: Float64Array, from: number): number =>
    tryEnsemble([values], fiveMinutes).odd.findIndex((odd, i) => odd === 1 && i >= from);

  const bursts = (from: number, to: number): Float64Array => {
    const random = seededRandom(22);
    const values = noise(4000, 23).map((value) => 10 + value);
    for (let i = 20; i < 4000; i += 15 + Math.floor(40 * random())) values[i] = from + (to - from) * random();
    return values;
  };

  test("a level a few deviations higher for an hour, within half of it, where single points are often odd", () => {
    const values = bursts(30, 60);
    for (let i = 264; i < 276; i++) values[i] = 19 + (i % 2);
    const first = firstOdd(values, 200);
    expect(first).toBeGreaterThanOrEqual(264);
    expect(first).toBeLessThan(271);
  });

  test("a burst somewhat higher than any before it", () => {
    const values = bursts(800, 1000);
    expect(firstOdd(values, 1000)).toBe(-1);
    values[3000] = 1100;
    expect(firstOdd(values, 1000)).toBe(3000);
    const upsideDown = values.map((value) => -value);
    expect(firstOdd(upsideDown, 1000)).toBe(3000);
  });

  test("bursts of any height up to a limit are left alone", () => {
    expect(firstOdd(bursts(500, 1000), 1000)).toBe(-1);
  });

  test("how rarely a height is reached: known from the highs of blocks, forgotten after long", () => {
    const random = seededRandom(24);
    const exponential = () => -Math.log(1 - random());
    const blocksPerDay = 4.8;
    const states = Array.from({ length: 41 }, () => {
      const state = new Float64Array(exceedanceNumbers);
      for (let i = 0; i < 12_000; i++) addToExceedance(state, 0, exponential());
      return state;
    });
    // Height h is reached once in exp(h) points, of which a day has 288. Of ten highs that is known but roughly.
    for (const height of [10, 12]) {
      const rarity = height / Math.LN10 - Math.log10(288);
      const told = states.map((state) => exceedance(state, 0, height, blocksPerDay)).toSorted((a, b) => a - b);
      expect(Math.abs(told[20]! - rarity)).toBeLessThan(0.3);
    }
    const state = states[0]!;
    addToExceedance(state, 0, 40);
    for (let i = 0; i < 60; i++) addToExceedance(state, 0, exponential());
    const soon = exceedance(state, 0, 39, blocksPerDay);
    for (let i = 0; i < 121_000; i++) addToExceedance(state, 0, exponential());
    expect(exceedance(state, 0, 39, blocksPerDay)).toBeGreaterThan(soon + 2);
  });

  test("an alert fires on over a flicker, ends after 20 quiet points, and is told once", () => {
    const values = noise(900, 25);
    for (const i of [700, 712, 724]) values[i] = 60;
    const { firing, alerts, odd } = tryEnsemble([values], minute);
    expect(odd[706]).toBe(0);
    for (let i = 700; i <= 724; i++) expect(firing?.[i]).toBe(1);
    expect(firing?.[699]).toBe(0);
    expect(firing?.[760]).toBe(0);
    expect([...alerts.keys()].filter((i) => alerts[i] === 1)).toEqual([700]);
  });
});

describe("what the full tier leaves alone", () => {
  test("noise, zero traffic, a ramp, a straight line across a gap", () => {
    expect(oddsOf(noise(5000, 6))).toEqual([]);
    expect(oddsOf(new Float64Array(3000))).toEqual([]);
    expect(oddsOf(Float64Array.from({ length: 3000 }, (_, i) => i * 7))).toEqual([]);
    const values = noise(1500, 7);
    for (let i = 800; i < 900; i++) values[i] = values[799]! + ((values[900]! - values[799]!) * (i - 799)) / 101;
    expect(oddsOf(values)).toEqual([]);
  });

  test("a spike that comes every day at about the same time", () => {
    const values = noise(8 * perDay, 8);
    for (let day = 0; day < 8; day++) values[day * perDay + 500 + ((day * 7) % 11)] = 40;
    expect(oddsOf(values).filter((i) => i >= 3 * perDay)).toEqual([]);
  });

  test("values that are no number, infinite, denormal or absurdly large break nothing", () => {
    const values = noise(900, 9);
    for (let i = 500; i < 560; i++) values[i] = i % 2 === 0 ? Number.NaN : Number.POSITIVE_INFINITY;
    expect(oddsOf(values)).toEqual([]);
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: false }), { minLength: 80, maxLength: 200 }), (stream) => {
        const { scores, held } = tryEnsemble([Float64Array.from(stream)], minute);
        for (let i = 0; i < stream.length; i++) {
          expect(scores[i]).toSatisfy((score: number) => Number.isFinite(score) && score >= 0);
          expect(held[i]).toSatisfy((score: number) => Number.isFinite(score) && score >= scores[i]!);
        }
      }),
      { numRuns: 60 },
    );
    const tiny = noise(900, 10).map((value) => value * 1e-310);
    tiny[700] = 1e-308;
    expect(() => oddsOf(tiny)).not.toThrow();
  });
});

describe("learning 10 minutes behind", () => {
  /** A level that wanders, as traffic does, with noise on it. */
  const wandering = (seed: number): Float64Array => {
    const steps = noise(4000, seed);
    let level = 0;
    return noise(4000, seed + 1).map((value, i) => {
      level = 0.995 * level + steps[i]!;
      return 100 + level + 0.2 * value;
    });
  };

  test("finds what learning at once finds, and cries no more", () => {
    for (const seed of [21, 23, 25]) {
      const values = wandering(seed);
      for (const at of [1500, 2200, 3100]) values[at]! += 60;
      const atOnce = tryEnsemble([values], minute);
      const behind = tryEnsemble([values], minute, 600);
      for (const at of [1500, 2200, 3100]) expect(behind.odd[at]).toBe(1);
      // Where every score is ten minutes late the mean difference is .35 or more.
      let sum = 0;
      for (let i = 200; i < values.length; i++) sum += Math.abs(behind.scores[i]! - atOnce.scores[i]!);
      expect(sum / (values.length - 200)).toBeLessThan(0.05);
    }
  });

  test("six hours that are not learned change neither band nor score once they are over", () => {
    const detector = seriesPattern.create();
    const values = noise(1500, 27);
    const at = (i: number) => 1_800_000_000_000 + i * 60_000;
    const out = new Float64Array(1);
    const play = (from: number, to: number, pointAt: (i: number) => number, learn: boolean): void => {
      for (let i = from; i < to; i++) {
        detector.follow?.(row(pointAt(i)), at(i));
        const batch = row(pointAt(i));
        if (!learn) batch.quality[0] = quality.MISSING;
        detector.learn(batch, at(i));
      }
    };
    const look = (i: number) => {
      detector.score(row(9), at(i), out);
      const { low, high } = detector.explain(row(9), 0).expected;
      return { score: out[0]!, width: high - low };
    };
    play(0, 1000, (i) => values[i]!, true);
    const before = look(1000);
    play(1000, 1360, (i) => 60 + 20 * values[i]!, false);
    play(1360, 1400, (i) => values[i]!, false);
    const after = look(1400);
    expect(after.width / before.width).toBeCloseTo(1, 6);
    expect(Math.abs(after.score / before.score - 1)).toBeLessThan(0.25);
  });

  test("more slots than there is room for are not judged", () => {
    const detector = createSeriesPattern({ stepSeconds: minute, behindPoints: 0, slotsMax: 1 });
    const pair = (value: number): PointBatch => ({
      rows: 2,
      slots: Int32Array.of(5, 9),
      values: Float64Array.of(value, value),
      quality: new Uint8Array(2),
    });
    for (const value of noise(200, 28)) detector.learn(pair(value));
    const out = new Float64Array(2);
    detector.score(pair(0), 0, out);
    expect(out[0]).toBeGreaterThanOrEqual(0);
    expect(out[1]).toBeNaN();
  });
});
