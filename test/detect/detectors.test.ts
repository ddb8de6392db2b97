// The conformance kit over every detector there is.
import { describe, expect, test } from "vitest";
import { autoencoderKind } from "../../src/detect/learned/autoencoder.ts";
import { loadModel } from "../../src/detect/learned/model-files.ts";
import { loadTensorFlow } from "../../src/detect/learned/tensorflow.ts";
import { watches } from "../../src/detect/registry.ts";
import { createSeriesLevel, seriesLevel } from "../../src/detect/statistical/series-level.ts";
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

for (const { kind, feature } of watches) {
  if (feature === "levels") {
    for (const [column, signal] of signals.entries()) {
      describe(`${kind.kind} on ${signal.id}`, () => {
        const slotOf = (row: number) => row * signals.length + column;
        const normal = signal.id === "kv_usage" ? 0.4 : 50;
        const shift = signal.id === "kv_usage" ? 2.4 : 6;
        checkDetector({
          create: kind.create,
          healthy: (rows, noise) => points(rows, slotOf, () => normal * Math.exp(0.1 * noise())),
          shifted: (rows) => points(rows, slotOf, () => (signal.harm === "fall" ? normal / shift : normal * shift)),
        });
      });
    }
  } else {
    describe(kind.kind, () => {
      checkDetector({
        create: kind.create,
        healthy: (rows, noise) =>
          points(
            rows,
            (row) => row,
            () => (noise() > 1.3 ? 1 : 0),
          ),
        shifted: (rows) =>
          points(
            rows,
            (row) => row,
            () => 12,
          ),
      });
    });
  }
}

for (const [name, create] of [
  [seriesLevel.kind, seriesLevel.create],
  [seriesPattern.kind, seriesPattern.create],
  [
    `${seriesLevel.kind}, learning at once`,
    (snapshot?: Uint8Array) => createSeriesLevel({ behindPoints: 0 }, snapshot),
  ],
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
      shifted: (rows) =>
        points(
          rows,
          (row) => row,
          () => 300,
        ),
    });
  });
}

describe("robust-level", () => {
  const kind = watches.find((watch) => watch.feature === "levels")?.kind;

  test("takes a constant series for constant, and does not cry over a flicker of it", () => {
    const detector = kind!.create();
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
    shifted: (rows) => batch(rows, (column) => (coreSignals[column] === "itl" ? 6 : 1)),
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
