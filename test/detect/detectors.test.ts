// The conformance kit over every detector there is.
import { describe, expect, test } from "vitest";
import { autoencoderKind } from "../../src/detect/learned/autoencoder.ts";
import { loadModel } from "../../src/detect/learned/model-files.ts";
import { loadTensorFlow } from "../../src/detect/learned/tensorflow.ts";
import { heldBack, onRequest, watches } from "../../src/detect/registry.ts";
import { robustLevel } from "../../src/detect/statistical/robust-level.ts";
import { seriesLevel } from "../../src/detect/statistical/series-level.ts";
import { seriesPattern } from "../../src/detect/statistical/series-pattern.ts";
import type { PointBatch } from "../../src/model/detector.ts";
import { coreSignals, signals } from "../../src/model/signal.ts";
import { checkDetector } from "../conformance/detector.ts";

function points(rows: number, slotOf: (row: number) => number, value: (row: number) => number): PointBatch {
  return {
    rows,
    slots: Int32Array.from({ length: rows }, (_, row) => slotOf(row)),
    values: Float64Array.from({ length: rows }, (_, row) => value(row)),
    quality: new Uint8Array(rows),
  };
}

const slotOn = (column: number) => (row: number) => row * signals.length + column;
/** Healthy values of a signal: about this, and what is far from it in the direction that harms. */
const usualOf = (id: string) => (id === "kv_usage" ? 0.4 : 50);
const farOf = (id: string, harm: string) => (id === "kv_usage" ? 0.95 : harm === "fall" ? 50 / 6 : 300);

/** What each detector of single signals is for, as a course of values. `near` is where healthy values lie. */
type Trouble = (near: number, far: number, noise: () => number, step: number) => number;
const troubles: Readonly<Record<string, { readonly of: Trouble; readonly within: number; readonly lessons?: number }>> =
  {
    "robust-level": { of: (_near, far) => far, within: 1 },
    // Half of what a single point would have to be off to be odd by itself.
    "level-shift": {
      of: (near, far, noise) => near * Math.exp(0.16 * Math.sign(far - near) + 0.1 * noise()),
      within: 40,
    },
    "variance-change": { of: (near, _far, noise) => near * Math.exp(0.5 * noise()), within: 20 },
    spike: { of: (_near, far) => far, within: 1 },
    saturation: { of: (near, far, _noise, step) => near + (far - near) * Math.min(1, step / 40), within: 40 },
    "signal-pattern": { of: (_near, far) => far, within: 1 },
    drift: {
      of: (near, far, noise, step) => near * Math.exp(0.002 * step * Math.sign(far - near) + 0.1 * noise()),
      within: 400,
      lessons: 900,
    },
  };

for (const watch of [...watches, ...heldBack]) {
  // Those of several rows at once have their own batches: see peers.test.ts and multivariate.test.ts.
  if (watch.feature === "peers" || watch.feature === "core") continue;
  const { kind, feature } = watch;
  if (feature === "levels" || feature === "relative") {
    for (const [column, signal] of signals.entries()) {
      // Without a limit there is nothing to fill up.
      if (kind.kind === "saturation" && !(signal.kind === "ratio" && signal.harm === "rise")) continue;
      const trouble = troubles[kind.kind];
      const near = usualOf(signal.id);
      const far = farOf(signal.id, signal.harm);
      const scale = feature === "relative" ? (value: number) => Math.log(value / near) : (value: number) => value;
      describe(`${kind.kind} on ${signal.id}`, () => {
        test("has its trouble named", () => expect(trouble).toBeDefined());
        if (trouble === undefined) return;
        checkDetector({
          create: kind.create,
          within: trouble.within,
          ...(trouble.lessons === undefined ? {} : { lessons: trouble.lessons }),
          healthy: (rows, noise) => points(rows, slotOn(column), () => scale(near * Math.exp(0.1 * noise()))),
          departed: (rows, noise, step) =>
            points(rows, slotOn(column), () => scale(trouble.of(near, far, noise, step))),
        });
      });
    }
  } else {
    describe(kind.kind, () => {
      const slotOf = (row: number) => row;
      checkDetector({
        create: kind.create,
        healthy: (rows, noise) => points(rows, slotOf, () => (noise() > 1.3 ? 1 : 0)),
        departed: (rows) => points(rows, slotOf, () => 12),
      });
    });
  }
}

for (const [name, create] of [
  [seriesLevel.kind, seriesLevel.create],
  [seriesPattern.kind, seriesPattern.create],
] as const) {
  describe(name, () => {
    checkDetector({
      create,
      healthy: (rows, noise) =>
        points(
          rows,
          (row) => row,
          () => 50 + 5 * noise(),
        ),
      departed: (rows) =>
        points(
          rows,
          (row) => row,
          () => 300,
        ),
    });
  });
}

for (const kind of onRequest) {
  describe(kind.kind, () => {
    if (kind.input === "counts") {
      const counts = (rows: number, events: () => number) => ({
        ...points(rows, (row) => row, events),
        of: new Float64Array(rows).fill(100),
      });
      checkDetector({
        create: kind.create,
        healthy: (rows, noise) => counts(rows, () => Math.max(0, Math.round(2 + 1.4 * noise()))),
        departed: (rows) => counts(rows, () => 14),
      });
    } else if (kind.input === "histogram") {
      const bounds = Float64Array.of(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4);
      const usual = [4, 12, 20, 10, 3, 1, 0, 0];
      const slow = [4, 12, 14, 8, 4, 4, 3, 1];
      const histogram = (rows: number, shape: readonly number[], noise: () => number) => ({
        rows,
        width: shape.length,
        bounds,
        slots: Int32Array.from({ length: rows }, (_, row) => row),
        values: Float64Array.from({ length: rows * shape.length }, (_, i) => {
          const mean = shape[i % shape.length]!;
          return Math.max(0, Math.round(mean + Math.sqrt(mean) * noise()));
        }),
        quality: new Uint8Array(rows),
      });
      checkDetector({
        create: kind.create,
        healthy: (rows, noise) => histogram(rows, usual, noise),
        departed: (rows, noise) => histogram(rows, slow, noise),
        within: 8,
        zerosAreNothing: true,
      });
    } else if (kind.input === "point") {
      // Every value is one the series often takes: only their order is new.
      const wave = (phase: number) => 50 * Math.exp(0.4 * Math.sin((2 * Math.PI * phase) / 24));
      checkDetector({
        create: kind.create,
        healthy: ((phase) => (rows, noise) => {
          phase++;
          return points(rows, slotOn(0), () => wave(phase) * Math.exp(0.03 * noise()));
        })(0),
        departed: (rows, noise, step) => points(rows, slotOn(0), () => wave(2.6 * step) * Math.exp(0.03 * noise())),
        within: 24,
      });
    }
  });
}

describe("robust-level", () => {
  test("takes a constant series for constant, and does not cry over a flicker of it", () => {
    const detector = robustLevel.create();
    const waiting = signals.findIndex((signal) => signal.id === "waiting");
    for (let i = 0; i < 200; i++)
      detector.learn(
        points(
          1,
          () => waiting,
          () => 0,
        ),
      );
    const out = new Float64Array(1);
    const scoreOf = (value: number) => {
      detector.score(
        points(
          1,
          () => waiting,
          () => value,
        ),
        0,
        out,
      );
      return out[0]!;
    };
    expect(scoreOf(1)).toBeLessThan(2.5);
    expect(scoreOf(40)).toBeGreaterThan(8);
  });
});

const saved = await loadModel("models/fleet-autoencoder");
const autoencoder = await autoencoderKind(saved, await loadTensorFlow());

describe(autoencoder.kind, () => {
  const normal = [0.2, 0.06, 30, 2, 0.4, 900];
  const batch = (rows: number, factor: (column: number) => number) => ({
    rows,
    width: coreSignals.length,
    slots: Int32Array.from({ length: rows }, (_, row) => row),
    values: Float64Array.from(
      { length: rows * coreSignals.length },
      (_, i) => normal[i % coreSignals.length]! * factor(i % coreSignals.length),
    ),
    quality: new Uint8Array(rows * coreSignals.length),
  });
  checkDetector({
    create: autoencoder.create,
    healthy: (rows, noise) => batch(rows, () => Math.exp(0.1 * noise())),
    // Latency up while load is as it was: odd for all signals together.
    departed: (rows) => batch(rows, (column) => (coreSignals[column] === "itl" ? 6 : 1)),
  });

  test("says which signal made a row odd", () => {
    const detector = autoencoder.create();
    for (let i = 0; i < 100; i++) detector.learn(batch(1, () => 1 + 0.1 * Math.sin(i)));
    const { shares, low, high } = detector.examine(
      batch(1, (column) => (coreSignals[column] === "generated_tokens" ? 0 : 1)),
      new Float64Array(1),
    );
    const tokens = coreSignals.indexOf("generated_tokens");
    expect(shares[tokens]).toBeGreaterThan(0.5);
    expect(low[tokens]).toBeLessThan(high[tokens]!);
    expect(low[tokens]).toBeGreaterThan(0);
  });
});
