// Calibration and episodes: tails mean what they say, and certainty is earned.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createCalibrator } from "../../src/detect/calibrator.ts";
import { createHolds, createTrack, heldScore, raisedSince, turn } from "../../src/detect/episodes.ts";
import { createShadows } from "../../src/detect/shadows.ts";
import { createRecentValues, pushValue, shapeOf } from "../../src/detect/shape.ts";
import { packParts, unpackParts } from "../../src/detect/snapshot.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { Anomaly } from "../../src/model/anomaly.ts";

describe("calibrator", () => {
  function trained(count: number, draw: () => number) {
    const calibrator = createCalibrator();
    for (let i = 0; i < count; i++) calibrator.learn("p", draw(), 1);
    return calibrator;
  }

  test("the tail of scores that were seen is about their share, and never less", () => {
    const random = seededRandom(5);
    const scores = Array.from({ length: 5000 }, () => Math.abs(normal(random)));
    let i = 0;
    const calibrator = trained(5000, () => scores[i++]!);
    for (const score of [2, 2.5, 3, 3.3]) {
      const share = scores.filter((one) => one >= score).length / scores.length;
      expect(calibrator.tail("p", score)).toBeGreaterThan(share * 0.95);
      expect(calibrator.tail("p", score)).toBeLessThan(share * 6 + 1e-3);
    }
  });

  test("a score that did happen in health stays as likely as it was, however calm the rest", () => {
    const random = seededRandom(6);
    let i = 0;
    const calibrator = trained(5000, () => (i++ % 500 === 0 ? 15 : Math.abs(normal(random))));
    expect(calibrator.tail("p", 14)).toBeGreaterThan(0.9 / 500);
  });

  test("it falls with the score, never rises", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 300 }), (scores) => {
        let i = 0;
        const calibrator = trained(scores.length, () => scores[i++]!);
        let last = 1;
        for (let score = 0; score < 60; score += 0.5) {
          const tail = calibrator.tail("p", score);
          expect(tail).toBeGreaterThan(0);
          expect(tail).toBeLessThanOrEqual(last * (1 + 1e-9));
          last = tail;
        }
      }),
    );
  });

  test("few scores make it less certain than many, and wild ones less than calm ones", () => {
    const calm = (seed: number) => {
      const random = seededRandom(seed);
      return () => Math.abs(normal(random));
    };
    const wild = () => {
      const draw = calm(3);
      return () => draw() ** 3;
    };
    const few = trained(30, calm(1)).tail("p", 8);
    const many = trained(5000, calm(1)).tail("p", 8);
    expect(few).toBeGreaterThan(many);
    expect(trained(5000, wild()).tail("p", 8)).toBeGreaterThan(many * 100);
    expect(createCalibrator().tail("never seen", Number.NaN)).toBe(1);
  });
});

describe("episodes", () => {
  const options = { calmMs: 60_000, mergeMs: 120_000, forgetMs: 300_000 };
  const limits = { openTail: 1e-6, calmTail: 1e-3 };

  function play(scores: readonly number[]) {
    const track = createTrack();
    const holds = createHolds(1);
    return scores.map((score, i) => {
      const held = heldScore(holds, 0, 3, score, i * 5000);
      if (!Number.isNaN(score)) track.lastScored = i * 5000;
      track.raisedSince = raisedSince(holds, 0);
      return turn(track, { held: 10 ** -(held || 0), now: 10 ** -(score || 0) }, limits, i * 5000, options);
    });
  }

  test("one wild score opens nothing; three in a row do", () => {
    expect(play([0, 0, 0, 99, 0, 99, 99, 0, 0])).not.toContain("opened");
    expect(play([0, 0, 0, 9, 9, 9])).toEqual(["none", "none", "none", "none", "none", "opened"]);
  });

  test("it ends after a minute of calm, and a relapse soon after is the same episode", () => {
    const calm = Array.from({ length: 12 }, () => 0);
    const turns = play([9, 9, 9, ...calm, 9, 9, 9, ...calm]).filter((one) => one !== "none");
    expect(turns).toEqual(["opened", "ended", "resumed", "ended"]);
  });

  test("without any score it ends after a while, for nothing more is known", () => {
    const turns = play([9, 9, 9, ...Array.from({ length: 70 }, () => Number.NaN)]);
    expect(turns.indexOf("ended")).toBe(62);
  });

  test("whatever the scores, openings and endings alternate", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 0, max: 12, noNaN: true }), fc.constant(Number.NaN)), { maxLength: 400 }),
        (scores) => {
          const turns = play(scores).filter((one) => one !== "none");
          for (const [i, one] of turns.entries()) expect(one === "ended").toBe(i % 2 === 1);
        },
      ),
    );
  });
});

describe("shapes and shadows", () => {
  test("a climb of several steps is a ramp, one stride a level shift, a fall to nothing a dropout", () => {
    const shapeAfter = (values: readonly number[], rising = true, endedAfterMs?: number) => {
      const recent = createRecentValues();
      for (const value of values) pushValue(recent, value);
      return shapeOf(recent, values.at(-1)!, rising, endedAfterMs);
    };
    expect(shapeAfter([5, 5, 5, 6, 7, 8, 9])).toBe("ramp");
    expect(shapeAfter([5, 4, 5, 9, 9, 9])).toBe("level-shift");
    expect(shapeAfter([5, 4, 5, 0, 0], false)).toBe("dropout");
    expect(shapeAfter([5, 5, 5, 9, 5], true, 10_000)).toBe("spike");
  });

  test("points in an episode are inside, in a brief one that ended brief, and after acceptance clear", () => {
    const shadows = createShadows(1_800_000);
    const anomaly = { id: "a", onset: 1e6, lastSeen: 1e6 } as Anomaly;
    shadows.put("e", anomaly);
    expect(shadows.at("e", 1e6 + 1000)).toBe("inside");
    expect(shadows.at("e", 1e6 - 120_000)).toBe("clear");
    expect(shadows.at("e", 1e6 + 1_900_000)).toBe("clear");
    shadows.put("e", { ...anomaly, lastSeen: 1e6 + 20_000, endedAt: 1e6 + 80_000 });
    expect(shadows.at("e", 1e6 + 1000)).toBe("brief");
    expect(shadows.at("other", 1e6)).toBe("clear");
  });

  test("snapshots that were cut or changed are refused, whole ones come back", () => {
    const parts = {
      facts: { a: [1, { b: "c" }] },
      bytes: new Map([
        ["x", Uint8Array.of(1, 2, 3)],
        ["y", Uint8Array.of()],
      ]),
    };
    const bytes = packParts(parts);
    expect(unpackParts(bytes)).toEqual(parts);
    for (let cut = 0; cut < bytes.length; cut++) expect(unpackParts(bytes.subarray(0, cut))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        unpackParts(noise);
      }),
    );
  });
});
