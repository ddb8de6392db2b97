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
  /** The same with every row plainly in the trouble this detector is for, `step` steps after it began. */
  departed(rows: number, noise: () => number, step: number): Inputs[K];
  /** Steps of trouble within which every row must have stood out. Default 1: its first. */
  readonly within?: number;
  /** Healthy batches it needs before. Default 400. */
  readonly lessons?: number;
  /** A batch of zeros holds nothing to judge. */
  readonly zerosAreNothing?: boolean;
}

const rows = 3;
const lessonsByDefault = 400;
const start = 1_800_000_000_000;
const stepMs = 5000;

export function checkDetector<K extends InputKind>(subject: Subject<K>): void {
  test("is silent before it has learned", () => {
    const detector = subject.create();
    expect(scores(detector, subject.healthy(rows, noiseOf(1)))).toEqual(silence);
    for (let i = 0; i < 100; i++) detector.follow?.(subject.healthy(rows, noiseOf(1)), start + i * stepMs);
    expect(scores(detector, subject.healthy(rows, noiseOf(1)))).toEqual(silence);
  });

  test("scores finite input with finite numbers that are not negative", () => {
    const noise = noiseOf(2);
    const run = learned(subject, noise);
    for (let i = 0; i < 50; i++) {
      const batch = subject.healthy(rows, noise);
      for (const huge of [1, 1e-9, 1e9, 0]) {
        const scaled = withValues(batch, (value) => value * huge);
        if (huge === 0 && subject.zerosAreNothing) expect(scores(run.detector, scaled)).toEqual(silence);
        else
          for (const score of scores(run.detector, scaled))
            expect(score).toSatisfy((one: number) => Number.isFinite(one) && one >= 0);
      }
      run.step(batch);
    }
  });

  test("is not changed by scoring", () => {
    const noise = noiseOf(3);
    const { detector } = learned(subject, noise);
    const batch = subject.healthy(rows, noise);
    const before = scores(detector, batch);
    for (let i = 0; i < 100; i++) scores(detector, subject.departed(rows, noise, i));
    expect(scores(detector, batch)).toEqual(before);
  });

  test("says the same after a restart from its snapshot, then and later", () => {
    const noise = noiseOf(4);
    const run = learned(subject, noise);
    const restarted = { ...run, detector: subject.create(run.detector.snapshot()) };
    for (let i = 0; i < 50; i++) {
      const batch = i % 2 === 0 ? subject.healthy(rows, noise) : subject.departed(rows, noise, i);
      const at = run.now();
      expect(scores(restarted.detector, batch)).toEqual(scores(run.detector, batch));
      expect(restarted.detector.explain(batch, 1)).toEqual(run.detector.explain(batch, 1));
      for (const { detector } of [run, restarted]) {
        detector.follow?.(batch, at);
        detector.learn(batch);
        if (i === 25) detector.accept?.(batch.slots[0] as number);
      }
    }
    // Compared as bytes: a matcher that walks them takes a minute for the larger ones.
    expect(Buffer.compare(restarted.detector.snapshot(), run.detector.snapshot())).toBe(0);
  });

  test("starts anew from bytes that are no snapshot", () => {
    const detector = subject.create(Uint8Array.of(9, 9, 9, 9, 9));
    expect(scores(detector, subject.healthy(rows, noiseOf(5)))).toEqual(silence);
  });

  test("finds the trouble it is for: it comes to score higher than 99 of 100 healthy points", () => {
    const noise = noiseOf(6);
    const run = learned(subject, noise);
    const limit = quantile(healthyScores(run, subject, noise), 0.99);
    const open = new Set(Array.from({ length: rows }, (_, row) => row));
    for (let step = 0; step < (subject.within ?? 1) && open.size > 0; step++) {
      const batch = subject.departed(rows, noise, step);
      for (const [row, score] of scores(run.detector, batch).entries()) if (score > limit) open.delete(row);
      run.detector.follow?.(batch, run.now());
    }
    expect([...open]).toEqual([]);
  });

  test("neither scores nor learns points that are unusable, and a gap of them is no trouble", () => {
    const noise = noiseOf(7);
    const run = learned(subject, noise);
    const probe = subject.healthy(rows, noise);
    const before = scores(run.detector, probe);
    for (const flag of [quality.STALE, quality.MISSING, quality.OUT_OF_RANGE, quality.FROZEN]) {
      expect(flag & UNUSABLE).toBe(flag);
      const bad = subject.departed(rows, noise, 10);
      bad.quality.fill(flag);
      expect(scores(run.detector, bad)).toEqual(silence);
      for (let i = 0; i < lessonsByDefault; i++) run.detector.learn(bad);
    }
    expect(scores(run.detector, probe)).toEqual(before);
    const usual = Math.max(...healthyScores(run, subject, noise));
    const gap = subject.departed(rows, noise, 10);
    gap.quality.fill(quality.MISSING);
    for (let i = 0; i < 30; i++) run.detector.follow?.(gap, run.now());
    const after = healthyScores(run, subject, noise);
    expect(Math.max(...after)).toBeLessThan(Math.max(4, 2 * usual));
  });

  test("takes infinities, denormals and absurd values, and goes on", () => {
    const noise = noiseOf(9);
    const run = learned(subject, noise);
    const usual = Math.max(...healthyScores(run, subject, noise));
    for (const hostile of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e308, -1e308, 5e-324]) {
      const batch = withValues(subject.healthy(rows, noise), () => hostile);
      for (const score of scores(run.detector, batch)) expect(score).not.toBeLessThan(0);
      run.detector.explain(batch, 0);
      run.step(batch);
    }
    for (let i = 0; i < lessonsByDefault; i++) run.step(subject.healthy(rows, noise));
    const after = healthyScores(run, subject, noise);
    expect(after.length).toBeGreaterThan(0);
    expect(Math.max(...after)).toBeLessThan(Math.max(4, 2 * usual));
  });

  test("its state does not grow with time", () => {
    const noise = noiseOf(10);
    const run = learned(subject, noise);
    for (let i = 0; i < 300; i++) run.step(subject.healthy(rows, noise));
    const before = run.detector.snapshot().length;
    for (let i = 0; i < 600; i++) run.step(subject.healthy(rows, noise));
    expect(run.detector.snapshot().length).toBeLessThan(before * 1.02 + 64);
  });

  test("keeps slots apart: what one learns says nothing of another", () => {
    const noise = noiseOf(8);
    const { detector } = learned(subject, noise);
    const stranger = subject.healthy(rows, noise);
    stranger.slots.set(stranger.slots.map((slot) => slot + 900));
    expect(scores(detector, stranger)).toEqual(silence);
  });
}

const silence = Array.from({ length: rows }, () => Number.NaN);

interface Run<K extends InputKind> {
  readonly detector: Detector<K>;
  now(): number;
  /** What detection does with a batch after scoring it, the learning at once. */
  step(batch: Inputs[K]): void;
}

function learned<K extends InputKind>(subject: Subject<K>, noise: () => number): Run<K> {
  const detector = subject.create();
  let steps = 0;
  const run: Run<K> = {
    detector,
    now: () => start + steps++ * stepMs,
    step(batch) {
      detector.follow?.(batch, run.now());
      detector.learn(batch);
    },
  };
  for (let i = 0; i < (subject.lessons ?? lessonsByDefault); i++) run.step(subject.healthy(rows, noise));
  return run;
}

function healthyScores<K extends InputKind>(run: Run<K>, subject: Subject<K>, noise: () => number): number[] {
  const all: number[] = [];
  for (let i = 0; i < 200; i++) {
    const batch = subject.healthy(rows, noise);
    // Right after a gap some have nothing to say yet.
    for (const score of scores(run.detector, batch)) if (!Number.isNaN(score)) all.push(score);
    run.detector.follow?.(batch, run.now());
  }
  return all;
}

function quantile(values: readonly number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? 0;
}

function scores<K extends InputKind>(detector: Detector<K>, batch: Inputs[K]): number[] {
  const out = new Float64Array(batch.rows).fill(-1);
  detector.score(batch, start, out);
  return [...out];
}

function withValues<K extends InputKind>(batch: Inputs[K], change: (value: number) => number): Inputs[K] {
  return { ...batch, values: batch.values.map(change) };
}

function noiseOf(seed: number): () => number {
  const random = seededRandom(seed);
  return () => normal(random);
}
