// What every detector must do, whatever it looks at. Run over the registry; a new detector is tested by being listed.
import { expect, test } from "vitest";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { Detector, InputKind, Inputs } from "../../src/model/detector.ts";
import { quality, UNUSABLE } from "../../src/model/series.ts";

/** A detector under test, and how to feed it. */
export interface Subject<K extends InputKind> {
  create(snapshot?: Uint8Array): Detector<K>;
  /** A batch of `rows` healthy rows of slots 0, 1, …; `noise` gives standard normal numbers. */
  healthy(rows: number, noise: () => number): Inputs[K];
  /** The same with every row plainly shifted in the harmful direction. */
  shifted(rows: number, noise: () => number): Inputs[K];
}

const rows = 3;
const lessons = 400;
const now = 1_800_000_000_000;

export function checkDetector<K extends InputKind>(subject: Subject<K>): void {
  test("is silent before it has learned", () => {
    expect(scores(subject.create(), subject.healthy(rows, noiseOf(1)))).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  test("scores finite input with finite numbers that are not negative", () => {
    const noise = noiseOf(2);
    const detector = learned(subject, noise);
    for (let i = 0; i < 50; i++) {
      const batch = subject.healthy(rows, noise);
      for (const huge of [1, 1e-9, 1e9, 0]) {
        const scaled = withValues(batch, (value) => value * huge);
        for (const score of scores(detector, scaled))
          expect(score).toSatisfy((one: number) => Number.isFinite(one) && one >= 0);
      }
    }
  });

  test("is not changed by scoring", () => {
    const noise = noiseOf(3);
    const detector = learned(subject, noise);
    const batch = subject.healthy(rows, noise);
    const before = scores(detector, batch);
    for (let i = 0; i < 100; i++) scores(detector, subject.shifted(rows, noise));
    expect(scores(detector, batch)).toEqual(before);
  });

  test("says the same after a restart from its snapshot, then and later", () => {
    const noise = noiseOf(4);
    const detector = learned(subject, noise);
    const restarted = subject.create(detector.snapshot());
    for (let i = 0; i < 50; i++) {
      const batch = i % 2 === 0 ? subject.healthy(rows, noise) : subject.shifted(rows, noise);
      expect(scores(restarted, batch)).toEqual(scores(detector, batch));
      expect(restarted.explain(batch, 1)).toEqual(detector.explain(batch, 1));
      detector.learn(batch);
      restarted.learn(batch);
    }
  });

  test("starts anew from bytes that are no snapshot", () => {
    const detector = subject.create(Uint8Array.of(9, 9, 9, 9, 9));
    expect(scores(detector, subject.healthy(rows, noiseOf(5)))).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  test("finds a plain level shift: it scores higher than 99 of 100 healthy points", () => {
    const noise = noiseOf(6);
    const detector = learned(subject, noise);
    const healthy = Array.from({ length: 200 }, () => scores(detector, subject.healthy(rows, noise))).flat();
    const limit = healthy.toSorted((a, b) => a - b)[Math.floor(healthy.length * 0.99)] ?? 0;
    for (const score of scores(detector, subject.shifted(rows, noise))) expect(score).toBeGreaterThan(limit);
  });

  test("neither scores nor learns points that are unusable", () => {
    const noise = noiseOf(7);
    const detector = learned(subject, noise);
    const probe = subject.healthy(rows, noise);
    const before = scores(detector, probe);
    for (const flag of [quality.STALE, quality.MISSING, quality.OUT_OF_RANGE, quality.FROZEN]) {
      expect(flag & UNUSABLE).toBe(flag);
      const bad = subject.shifted(rows, noise);
      bad.quality.fill(flag);
      expect(scores(detector, bad)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
      for (let i = 0; i < lessons; i++) detector.learn(bad);
    }
    expect(scores(detector, probe)).toEqual(before);
  });

  test("keeps slots apart: what one learns says nothing of another", () => {
    const noise = noiseOf(8);
    const detector = learned(subject, noise);
    const stranger = subject.healthy(rows, noise);
    stranger.slots.set(stranger.slots.map((slot) => slot + 900));
    expect(scores(detector, stranger)).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });
}

function learned<K extends InputKind>(subject: Subject<K>, noise: () => number): Detector<K> {
  const detector = subject.create();
  for (let i = 0; i < lessons; i++) detector.learn(subject.healthy(rows, noise));
  return detector;
}

function scores<K extends InputKind>(detector: Detector<K>, batch: Inputs[K]): number[] {
  const out = new Float64Array(batch.rows).fill(-1);
  detector.score(batch, now, out);
  return [...out];
}

function withValues<K extends InputKind>(batch: Inputs[K], change: (value: number) => number): Inputs[K] {
  return { ...batch, values: batch.values.map(change) };
}

function noiseOf(seed: number): () => number {
  const random = seededRandom(seed);
  return () => normal(random);
}
