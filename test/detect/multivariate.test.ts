// The joint detector: under the kit, and on made-up entities whose trouble is known.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evaluate } from "../../src/detect/eval/evaluate.ts";
import { readFolder } from "../../src/detect/eval/folder.ts";
import { hitRates } from "../../src/detect/eval/joint.ts";
import { createCourse } from "../../src/detect/multivariate/course.ts";
import { type JointResidual, jointResidual, jointResidualOf } from "../../src/detect/multivariate/joint-residual.ts";
import { createSpread } from "../../src/detect/multivariate/spread.ts";
import { normal, seededRandom } from "../../src/math/random.ts";
import type { EntityBatch } from "../../src/model/detector.ts";
import { quality } from "../../src/model/series.ts";
import { coreSignals } from "../../src/model/signal.ts";
import { checkDetector } from "../conformance/detector.ts";

const stepMs = 300_000;
const dayPoints = 288;

const plain = jointResidualOf((column) => ({
  title: `Column ${column + 1}`,
  id: `column-${column + 1}`,
  scale: { to: (value) => value, from: (value) => value, floor: 0 },
}));

function rowsOf(rows: number, width: number, value: (column: number) => number): EntityBatch {
  return {
    rows,
    width,
    slots: Int32Array.from({ length: rows }, (_, row) => row),
    values: Float64Array.from({ length: rows * width }, (_, i) => value(i % width)),
    quality: new Uint8Array(rows * width),
  };
}

describe.each([
  ["any columns", plain, 4],
  ["core signals", jointResidual, coreSignals.length],
] as const)("joint-residual on %s", (_, kind, width) => {
  const base = (column: number) => (coreSignals[column] === "kv_usage" ? 0.4 : 5);
  const trouble = (rows: number, noise: () => number) =>
    rowsOf(rows, width, (column) => base(column) * 2 * Math.exp(0.1 * noise()));
  const subject = {
    create: kind.create,
    healthy: (rows: number, noise: () => number) =>
      rowsOf(rows, width, (column) => base(column) * Math.exp(0.1 * noise())),
    shifted: trouble,
    departed: trouble,
  };
  checkDetector(subject);
});

/** Load that follows the day, three signals that follow the load, and one that does as it likes. */
function createServer(seed: number) {
  const random = seededRandom(seed);
  let wander = 0;
  return (i: number, change: (values: number[]) => void = () => {}): EntityBatch => {
    wander = 0.9 * wander + 0.02 * normal(random);
    const load = 1 + 0.6 * Math.sin((2 * Math.PI * i) / dayPoints) + wander;
    const values = [load, 3 * load, 50 - 20 * load, 4].map(
      (value, c) => value + [0.02, 0.06, 0.4, 0.1][c]! * normal(random),
    );
    change(values);
    return rowsOf(1, 4, (column) => values[column]!);
  };
}

function step(detector: JointResidual, batch: EntityBatch, i: number): number {
  const out = new Float64Array(1);
  detector.score(batch, i * stepMs, out);
  detector.follow?.(batch, i * stepMs);
  detector.learn(batch, i * stepMs);
  return out[0]!;
}

function taught(days: number, seed: number) {
  const detector = plain.create();
  const server = createServer(seed);
  const scores: number[] = [];
  for (let i = 0; i < days * dayPoints; i++) scores.push(step(detector, server(i), i));
  const usual = scores.slice(-dayPoints).toSorted((a, b) => a - b);
  return { detector, server, next: days * dayPoints, highest: usual.at(-3)! };
}

describe("an entity with a daily course", () => {
  test("a load that falls to its nightly value by day is odd although every value is usual", () => {
    const { detector, server, next, highest } = taught(9, 1);
    const noon = next + dayPoints / 4;
    for (let i = next; i < noon; i++) step(detector, server(i), i);
    const fallen = server(noon, (values) => {
      for (const [c, low] of [0.4, 1.2, 42].entries()) values[c] = low;
    });
    const parts = detector.partsOf(fallen, 0, noon * stepMs);
    expect(step(detector, fallen, noon)).toBeGreaterThan(2 * highest);
    expect(
      parts
        .slice(0, 3)
        .map((part) => part.column)
        .toSorted(),
    ).toEqual([0, 1, 2]);
    expect(parts.reduce((sum, part) => sum + part.share, 0)).toBeCloseTo(1, 9);
    expect(parts.find((part) => part.column === 0)?.expected.low).toBeGreaterThan(1.2);
  });

  test("its explanation names the odd signal, its value and its band", () => {
    const { detector, server, next } = taught(3, 2);
    const batch = server(next, (values) => {
      values[3] = 9;
    });
    const { evidence } = detector.explain(batch, 0);
    expect(evidence[0]).toMatchObject({ subject: "column-4", observed: 9 });
    expect(evidence[0]?.says).toMatch(/^Column 4 is 9 where 3\.\d+ to 4\.\d+ was expected \(\d+ % of the oddness\)\.$/);
  });

  test("a level somebody accepts is its usual course at once", () => {
    const { detector, server } = taught(6, 5);
    const moved = (values: number[]) => {
      values[3]! += 6;
    };
    const at = 6 * dayPoints;
    const scoreAt = (i: number) => {
      const out = new Float64Array(1);
      const batch = server(i, moved);
      detector.score(batch, i * stepMs, out);
      detector.follow?.(batch, i * stepMs);
      return out[0]!;
    };
    let before = 0;
    for (let i = 0; i < 20; i++) before = scoreAt(at + i);
    expect(before).toBeGreaterThan(3);
    detector.accept?.(0);
    expect(scoreAt(at + 20)).toBeLessThan(1.5);
  });

  test("a missing signal is no oddness, and the others are judged without it", () => {
    const { detector, server, next, highest } = taught(3, 3);
    const gap = server(next);
    gap.quality[1] = quality.MISSING;
    gap.values[1] = Number.NaN;
    gap.values[2] = Number.POSITIVE_INFINITY;
    const out = new Float64Array(1);
    detector.score(gap, next * stepMs, out);
    expect(out[0]).toBeLessThan(2 * highest);
    expect(
      detector
        .partsOf(gap, 0, next * stepMs)
        .map((part) => part.column)
        .toSorted(),
    ).toEqual([0, 3]);
    gap.quality.fill(quality.STALE);
    detector.score(gap, next * stepMs, out);
    expect(out[0]).toBeNaN();
  });

  test("a signal that never moved is odd when it does", () => {
    const detector = plain.create();
    for (let i = 0; i < 300; i++)
      step(
        detector,
        rowsOf(1, 2, () => 5),
        i,
      );
    const out = new Float64Array(1);
    detector.score(
      rowsOf(1, 2, () => 5),
      300 * stepMs,
      out,
    );
    expect(out[0]).toBe(0);
    detector.score(
      rowsOf(1, 2, (column) => (column === 0 ? 6 : 5)),
      300 * stepMs,
      out,
    );
    expect(out[0]).toBeGreaterThan(5);
  });
});

describe("course", () => {
  const wave = (i: number) => 10 + 5 * Math.sin((2 * Math.PI * i) / dayPoints);

  function learn(days: number, value: (i: number) => number, step = stepMs, from = 0) {
    const course = createCourse(1);
    const row = new Float64Array(1);
    for (let i = 0; i < (days * 86_400_000) / step; i++) {
      row[0] = value((i * step) / stepMs);
      if (!Number.isNaN(row[0]!)) course.learn(row, from + i * step);
    }
    return course;
  }

  test.each([
    ["five minutes", 300_000],
    ["a minute", 60_000],
  ])("knows the day after a week of points every %s, wherever it starts", (_, step) => {
    const course = learn(8, wave, step, 1_800_000_000_000);
    expect(Math.abs(course.periodMs - 86_400_000)).toBeLessThanOrEqual(0.02 * 86_400_000);
    for (let i = 0; i < dayPoints; i += 7)
      expect(Math.abs(course.expected(0, 1_800_000_000_000 + 8 * 86_400_000 + i * stepMs) - wave(i))).toBeLessThan(0.6);
  });

  test("a gap of six hours shifts nothing: time counts, not points", () => {
    const course = learn(8, (i) => (i > 1500 && i < 1572 ? Number.NaN : wave(i)));
    for (let i = 8 * dayPoints; i < 9 * dayPoints; i += 7)
      expect(Math.abs(course.expected(0, i * stepMs) - wave(i))).toBeLessThan(1);
  });

  test("an outage on one day of five moves nothing", () => {
    const course = learn(8, (i) => (i > 6 * dayPoints + 50 && i < 6 * dayPoints + 122 ? 0 : wave(i)));
    for (let i = 8 * dayPoints + 50; i < 8 * dayPoints + 122; i += 7)
      expect(Math.abs(course.expected(0, i * stepMs) - wave(i))).toBeLessThan(1);
  });

  test("without a period it expects the median; late and odd times do no harm", () => {
    const random = seededRandom(5);
    const course = learn(2, () => 7 + normal(random));
    expect(course.periodMs).toBe(0);
    expect(Math.abs(course.expected(0, 3 * 86_400_000) - 7)).toBeLessThan(0.3);
    for (const at of [0, -5, 86_400_000, 1e15, 86_400_000]) course.learn(Float64Array.of(7), at);
    expect(Number.isFinite(course.expected(0, 1e15 + 1))).toBe(true);
  });
});

describe("spread", () => {
  test("quantiles are within 13 % of the truth, whatever the unit, also after a restart", () => {
    const random = seededRandom(6);
    for (const unit of [1e-12, 1, 1e9]) {
      const spread = createSpread();
      const distances = Array.from({ length: 4000 }, () => unit * Math.abs(normal(random)));
      for (const distance of distances) spread.learn(distance);
      distances.sort((a, b) => a - b);
      for (const q of [0.1, 0.5, 0.9, 0.99]) {
        const ratio = spread.quantile(q) / distances[Math.floor(q * 4000)]!;
        expect(ratio).toBeGreaterThan(0.87);
        expect(ratio).toBeLessThan(1.13);
        expect(createSpread(spread.state()).quantile(q)).toBe(spread.quantile(q));
      }
    }
  });

  test("it never falls with q, and is nothing where nothing moved", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }), (distances) => {
        const spread = createSpread();
        for (const distance of distances) spread.learn(distance);
        let last = 0;
        for (let q = 0; q <= 1; q += 0.05) {
          expect(spread.quantile(q)).toBeGreaterThanOrEqual(last);
          last = spread.quantile(q);
        }
      }),
    );
    const still = createSpread();
    for (let i = 0; i < 50; i++) still.learn(0);
    expect(still.quantile(0.99)).toBe(0);
    expect(createSpread().quantile(0.5)).toBeNaN();
  });
});

describe("evaluation of several columns", () => {
  test("names causes by their parts: one and a half times as many as there are may be named", () => {
    const parts = Float64Array.of(0, 0, 0, 0, 5, 1, 4, 3, 0, 0, 0, 0);
    expect(hitRates(parts, 4, 1, [{ start: 0, end: 0, columns: [0, 1] }])).toEqual([0.5]);
    expect(hitRates(parts, 4, 0, [{ start: 1, end: 2, columns: [0, 2] }])).toEqual([1]);
  });

  test("a folder with several columns and their causes gives its figures", () => {
    const dir = mkdtempSync(join(tmpdir(), "homeostat-"));
    try {
      const server = createServer(7);
      const lines: string[] = [];
      const trouble = (i: number) => i >= 9 * dayPoints + 40 && i < 9 * dayPoints + 70;
      for (let i = 0; i < 10 * dayPoints; i++) {
        const { values } = server(i, (row) => {
          if (trouble(i)) row[3] = 8;
        });
        lines.push([...values, trouble(i) ? 1 : 0].join(","));
      }
      const head = "a,b,c,d,label";
      writeFileSync(join(dir, "one.train.csv"), [head, ...lines.slice(0, 9 * dayPoints)].join("\n"));
      writeFileSync(join(dir, "one.test.csv"), [head, ...lines.slice(9 * dayPoints)].join("\n"));
      mkdirSync(join(dir, "interpretation_label"));
      writeFileSync(join(dir, "interpretation_label", "one.txt"), "40-69:4\nno line\n");
      const figures = evaluate(readFolder(dir)!);
      expect(figures).toMatchObject({ event_f1: 1, hit_rate_150: 1 });
      expect(figures["vus_pr_raw"]).toBeGreaterThan(0.8);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
