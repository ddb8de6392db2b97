// Levels that know load, the warm-up of what was away, and the declustering of high scores.
import { describe, expect, test } from "vitest";
import { createFeatures } from "../../src/detect/features.ts";
import { createLearning } from "../../src/detect/learning.ts";
import { createLoadLevels } from "../../src/detect/statistical/load-levels.ts";
import { createRecords } from "../../src/detect/statistical/records.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { Entity } from "../../src/model/entity.ts";
import { quality } from "../../src/model/series.ts";
import { signals } from "../../src/model/signal.ts";

const level = { center: 0, low: 0, high: 0 };
const entity: Entity = { id: "replica:a", kind: "replica", name: "a", labels: {} };

describe("levels by load", () => {
  test("follow a curve: day and night of traffic are both normal, and neither is normal for the other", () => {
    const random = seededRandom(3);
    const levels = createLoadLevels();
    for (let i = 0; i < 4000; i++) {
      const load = 10 + 8 * Math.sin(i / 200);
      levels.learn(7, load, load + 0.1 * normal(random), 0.01);
    }
    for (const load of [3, 8, 12, 17]) {
      expect(levels.read(7, load, 1, level)).toBe(true);
      expect(level.center).toBeGreaterThan(load - 0.15);
      expect(level.center).toBeLessThan(load + 0.15);
      expect(level.high).toBeLessThan(0.3);
    }
  });

  test("say nothing of loads beyond those known, and bound those below by the next one known", () => {
    const levels = createLoadLevels();
    for (let i = 0; i < 200; i++) levels.learn(0, 12, 5, 0.1);
    expect(levels.read(0, 20, 1, level)).toBe(false);
    expect(levels.read(0, 3, 1, level)).toBe(true);
    expect(level.center).toBeCloseTo(5, 5);
    expect(levels.read(0, 3, -1, level)).toBe(false);
    expect(levels.read(1, 12, 1, level)).toBe(false);
  });

  test("an hour of trouble moves the level by less than a tenth of it", () => {
    const random = seededRandom(4);
    const levels = createLoadLevels();
    for (let i = 0; i < 2000; i++) levels.learn(0, 5, 10 + normal(random), 0.1);
    for (let i = 0; i < 6; i++) levels.learn(0, 5, 100, 0.1);
    levels.read(0, 5, 1, level);
    expect(level.center).toBeLessThan(11);
  });

  test("are the same after a snapshot, and new from one of another make", () => {
    const levels = createLoadLevels();
    for (let i = 0; i < 500; i++) levels.learn(i % 70, (i % 11) + 0.4, i % 13, 0.1);
    const again = createLoadLevels(levels.snapshot());
    expect(again.snapshot()).toEqual(levels.snapshot());
    expect(createLoadLevels(createRecords("other", 97).snapshot()).read(0, 5, 1, level)).toBe(false);
  });
});

describe("what comes back from silence", () => {
  test("is not judged for twice as long as it was away, five minutes at most", () => {
    const features = createFeatures();
    const judged = (silent: boolean): boolean => {
      const frame = {
        at: 0,
        stepMs: 60_000,
        entities: [entity],
        slots: Int32Array.of(0),
        signals: signals.map(({ id }) => id),
        values: new Float64Array(signals.length).fill(silent ? Number.NaN : 1),
        quality: new Uint8Array(signals.length).fill(silent ? quality.MISSING : 0),
      };
      return (features.of(frame, frame.slots).levels.quality[0]! & quality.MISSING) === 0;
    };
    const hiddenAfter = (steps: number): number => {
      for (let i = 0; i < steps; i++) judged(true);
      let hidden = 0;
      while (!judged(false)) hidden++;
      return hidden;
    };
    expect(judged(false)).toBe(true);
    expect(hiddenAfter(1)).toBe(2);
    expect(hiddenAfter(2)).toBe(4);
    expect(hiddenAfter(60)).toBe(5);
  });
});

describe("calibration", () => {
  test("a long stretch of high scores counts as little more than one", () => {
    let high = 0;
    let low = 0;
    const learning = createLearning(
      () => "clear",
      (_pool, held, share) => {
        if (held > 3) high += share;
        else low += share;
      },
      1,
    );
    for (let step = 0; step < 120; step++) {
      const lesson = {
        rowsPerEntity: 1,
        quality: new Uint8Array(1),
        qualityPerRow: 1,
        held: Float64Array.of(step >= 60 ? 20 : 1),
        pools: ["p"],
        learn: () => {},
      };
      learning.add({ at: step, entities: [entity], lessons: [lesson] });
    }
    learning.drain(1000, [], () => {});
    expect(low).toBe(60);
    expect(high).toBeLessThan(5);
  });
});
