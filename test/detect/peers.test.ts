// The peer outlier: under the kit, and in groups of 3 to 200 siblings of which one goes astray.
import { describe, expect, test } from "vitest";
import { createFeatures } from "../../src/detect/features.ts";
import { peerOutlier } from "../../src/detect/multivariate/peer-outlier.ts";
import { peersOf } from "../../src/detect/peer-groups.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { PeerBatch } from "../../src/model/detector.ts";
import { quality } from "../../src/model/series.ts";
import { signals } from "../../src/model/signal.ts";
import { checkDetector } from "../conformance/detector.ts";
import { createFleet } from "./fleet.ts";

const columnOf = (id: string) => signals.findIndex((signal) => signal.id === id);
const itl = columnOf("itl");

/** One signal of a group of siblings, every one of which is judged. */
function groupOf(values: readonly number[], column = itl): PeerBatch {
  const rows = values.length;
  return {
    rows,
    slots: Int32Array.from({ length: rows }, (_, row) => row * signals.length + column),
    groups: new Int32Array(rows),
    values: Float64Array.from(values),
    quality: new Uint8Array(rows),
    siblings: Float64Array.from(values),
    starts: Int32Array.of(0, rows),
  };
}

describe("peer-outlier under the kit", () => {
  // Every row has seven healthy siblings of its own.
  const batch = (rows: number, noise: () => number, factor: number): PeerBatch => {
    const draw = () => 0.05 * Math.exp(0.1 * noise());
    const values = Float64Array.from({ length: rows }, () => factor * draw());
    return {
      ...groupOf([...values]),
      groups: Int32Array.from({ length: rows }, (_, row) => row),
      siblings: Float64Array.from({ length: rows * 8 }, (_, i) => (i % 8 === 0 ? values[i / 8]! : draw())),
      starts: Int32Array.from({ length: rows + 1 }, (_, row) => row * 8),
    };
  };
  const shifted = (rows: number, noise: () => number) => batch(rows, noise, 3);
  const subject = {
    create: peerOutlier.create,
    healthy: (rows: number, noise: () => number) => batch(rows, noise, 1),
    shifted,
    departed: shifted,
  };
  checkDetector(subject);
});

describe("siblings of a frame", () => {
  test("are the replicas of one parent, signal by signal, without what cannot be used", () => {
    const frame = createFleet({
      seed: 1,
      replicas: 3,
      fault: (values, _step, replica) => {
        if (replica === 1) values.itl = Number.NaN;
      },
    })();
    const lonely = { ...frame.entities[2]!, id: "replica:other", parent: "deployment:other" };
    const entities = [...frame.entities.slice(0, 2), lonely];
    const { levels } = createFeatures().of({ ...frame, entities }, frame.slots);
    const batch = peersOf({ ...frame, entities }, levels);
    const width = signals.length;
    const membersOf = (row: number) => {
      const group = batch.groups[row]!;
      return [...batch.siblings.subarray(batch.starts[group]!, batch.starts[group + 1]!)];
    };
    const [first, second, third] = [0, width, 2 * width];
    expect(membersOf(first)).toEqual([levels.values[first], levels.values[second]]);
    expect(membersOf(second)).toEqual(membersOf(first));
    expect(membersOf(third)).toEqual([levels.values[third]]);
    expect(membersOf(itl)).toEqual([levels.values[itl]]);
    expect(batch.rows).toBe(3 * width);
  });

  test("are of one version: a canary is nobody's sibling", () => {
    const frame = createFleet({ seed: 1, replicas: 3 })();
    const canary = { ...frame.entities[2]!, labels: { ...frame.entities[2]!.labels, version: "2" } };
    const mixed = { ...frame, entities: [...frame.entities.slice(0, 2), canary] };
    const batch = peersOf(mixed, createFeatures().of(mixed, frame.slots).levels);
    const width = signals.length;
    expect(batch.groups[0]).toBe(batch.groups[width]);
    expect(batch.groups[2 * width]).not.toBe(batch.groups[0]);
  });
});

describe("a group of siblings", () => {
  /** Siblings that share a load which rises and falls, each with its own noise; the last is 20 % slower by nature. */
  function createGroup(size: number, seed: number) {
    const random = seededRandom(seed);
    let load = 0;
    return (change: (values: number[]) => void = () => {}): PeerBatch => {
      load = 0.98 * load + 0.1 * normal(random);
      const values = Array.from({ length: size }, (_, i) => {
        const nature = i === size - 1 ? 1.2 : 1;
        return 0.05 * nature * Math.exp(load + 0.06 * normal(random));
      });
      change(values);
      return groupOf(values);
    };
  }

  function taught(size: number, seed: number) {
    const detector = peerOutlier.create();
    const group = createGroup(size, seed);
    for (let i = 0; i < 600; i++) step(detector, group(), i);
    return { detector, group };
  }

  function step(detector: ReturnType<typeof peerOutlier.create>, batch: PeerBatch, i: number, learn = true) {
    const out = new Float64Array(batch.rows);
    detector.score(batch, i * 5000, out);
    detector.follow?.(batch, i * 5000);
    if (learn) detector.learn(batch);
    return out;
  }

  test.each([3, 4, 5, 8, 20, 200])("of %i: the one that turns twice as slow stands out, the others do not", (size) => {
    const { detector, group } = taught(size, size);
    let highest = 0;
    for (let i = 0; i < 100; i++) highest = Math.max(highest, ...step(detector, group(), 600 + i));
    expect(highest).toBeLessThan(7);
    const struck = step(
      detector,
      group((values) => {
        values[1]! *= 2;
      }),
      700,
    );
    expect(struck[1]).toBeGreaterThan(highest);
    expect([...struck.keys()].toSorted((a, b) => struck[b]! - struck[a]!)[0]).toBe(1);
  });

  test("a load all share is no oddness of anyone", () => {
    const { detector, group } = taught(6, 1);
    const out = step(
      detector,
      group((values) => {
        for (const i of values.keys()) values[i]! *= 8;
      }),
      600,
    );
    expect(Math.max(...out)).toBeLessThan(7);
  });

  test("a small distance that lasts becomes as odd as a large one that does not", () => {
    const { detector, group } = taught(6, 2);
    let highest = 0;
    for (let i = 0; i < 300; i++) highest = Math.max(highest, ...step(detector, group(), 300 + i));
    const course: number[] = [];
    for (let i = 0; i < 40; i++) {
      const out = step(
        detector,
        group((values) => {
          values[2]! *= 1.2;
        }),
        600 + i,
        false,
      );
      course.push(out[2]!);
    }
    expect(course[0]).toBeLessThan(highest);
    expect(Math.min(...course.slice(25))).toBeGreaterThan(1.3 * highest);
  });

  test("a distance somebody accepts is the row's usual place at once", () => {
    const { detector, group } = taught(6, 4);
    const slower = (by: number) =>
      group((values) => {
        values[2]! *= by;
      });
    let before = 0;
    for (let i = 0; i < 10; i++) before = step(detector, slower(3), 600 + i, false)[2]!;
    expect(before).toBeGreaterThan(8);
    detector.accept?.(slower(3).slots[2]!);
    expect(step(detector, slower(3), 611, false)[2]).toBeLessThan(4);
    expect(step(detector, slower(9), 612, false)[2]).toBeGreaterThan(8);
  });

  test("of two nobody knows which is odd; a gap makes no outlier", () => {
    const detector = peerOutlier.create();
    for (let i = 0; i < 100; i++) detector.learn(groupOf([0.05, 0.05]));
    const out = new Float64Array(3);
    detector.score(groupOf([0.05, 0.5]), 0, out);
    expect([...out.subarray(0, 2)]).toEqual([Number.NaN, Number.NaN]);
    for (let i = 0; i < 100; i++) detector.learn(groupOf([0.05, 0.051, 0.049]));
    const gap = groupOf([0.05, 0.051, Number.NaN]);
    gap.quality[2] = quality.MISSING;
    detector.score(gap, 0, out);
    expect([...out]).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  test("siblings that never differ are exact: the floor of the signal says what is as good as nothing", () => {
    const detector = peerOutlier.create();
    for (let i = 0; i < 1000; i++) detector.learn(groupOf([0.05, 0.05, 0.05, 0.05]));
    const out = new Float64Array(4);
    detector.score(groupOf([0.05, 0.0501, 0.05, 0.08]), 0, out);
    expect(out[0]).toBe(0);
    expect(out[1]).toBeLessThan(1);
    expect(out[3]).toBeGreaterThan(4);
  });

  test("faster than its siblings is no harm, and the band is what it showed beside them", () => {
    const { detector, group } = taught(8, 3);
    const batch = group((values) => {
      values[0]! /= 3;
    });
    const out = step(detector, batch, 600);
    expect(out[0]).toBe(0);
    const median = [...batch.values].toSorted((a, b) => a - b)[4]!;
    const { low, high } = detector.explain(batch, 4).expected;
    expect(low).toBeLessThan(median);
    expect(high).toBeGreaterThan(median);
    expect(high).toBeLessThan(2 * median);
  });
});
