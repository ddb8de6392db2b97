// The scorers against answers worked out by hand.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { changePointCover, changePointF1 } from "../../src/detect/eval/change-points.ts";
import { countEvents, eventF1 } from "../../src/detect/eval/events.ts";
import { readFolder } from "../../src/detect/eval/folder.ts";
import { nabScore, nabStandard, probationOf } from "../../src/detect/eval/nab.ts";
import { segmentsOf } from "../../src/detect/eval/segments.ts";
import { vusPr } from "../../src/detect/eval/vus.ts";

function flagsAt(length: number, ...at: readonly number[]): Uint8Array {
  const flags = new Uint8Array(length);
  for (const i of at) flags[i] = 1;
  return flags;
}

describe("events", () => {
  test("a flag two points after a segment finds it, three points after is a false alarm", () => {
    const segment = [{ start: 10, end: 12 }];
    expect(countEvents(flagsAt(30, 14), segment)).toEqual({ segments: 1, found: 1, falseAlarms: 0, delays: [4] });
    expect(countEvents(flagsAt(30, 15), segment)).toEqual({ segments: 1, found: 0, falseAlarms: 1, delays: [] });
  });

  test("flags five points apart are one alert, six points apart two", () => {
    expect(countEvents(flagsAt(30, 3, 8), []).falseAlarms).toBe(1);
    expect(countEvents(flagsAt(30, 3, 9), []).falseAlarms).toBe(2);
  });

  test("one found, one missed and one false alarm are an F1 of a half", () => {
    const segments = [
      { start: 10, end: 12 },
      { start: 20, end: 22 },
    ];
    expect(eventF1([countEvents(flagsAt(30, 2, 11), segments)])).toBe(0.5);
  });
});

describe("the anomaly benchmark", () => {
  const windows = [{ start: 50, end: 59 }];

  test("silence is 0 and a flag at the start of the only window 100", () => {
    expect(nabScore([{ flags: flagsAt(100), windows }], nabStandard)).toBe(0);
    expect(nabScore([{ flags: flagsAt(100, 50), windows }], nabStandard)).toBeCloseTo(100, 9);
  });

  test("a false alarm before any window costs its whole weight, one in probation nothing", () => {
    expect(probationOf(100)).toBe(15);
    expect(nabScore([{ flags: flagsAt(100, 20, 50), windows }], nabStandard)).toBeCloseTo(100 - 5.5, 9);
    expect(nabScore([{ flags: flagsAt(100, 14, 50), windows }], nabStandard)).toBeCloseTo(100, 9);
  });
});

describe("change points", () => {
  test("one of two found within the margin: precision 1, recall 2 of 3 with index 0", () => {
    expect(changePointF1([[20, 60]], [24])).toBeCloseTo(0.8, 12);
  });

  test("saying nothing of a series with a change in the middle covers half", () => {
    expect(changePointCover([[50]], [], 100)).toBe(0.5);
    expect(changePointCover([[50]], [50], 100)).toBe(1);
  });
});

describe("volume under the surface", () => {
  test("perfect ranking loses only what the nearest of the 250 thresholds flags too much", () => {
    const labels = new Uint8Array(500);
    labels.fill(1, 200, 250);
    const scores = Float64Array.from(labels, (label, i) => label + i / 1000);
    // 49 of the 50 points at precision 1, the last with a threshold that flags 51.
    expect(vusPr(scores, segmentsOf(labels), 0)).toBeCloseTo(49 / 50 + (1 / 50) * (50 / 51), 12);
  });

  test("a score that says the same of every point is worth the share of labelled points", () => {
    const labels = flagsAt(400, 100, 101, 102, 103);
    expect(vusPr(new Float64Array(400), segmentsOf(labels), 0)).toBeCloseTo(0.01, 12);
  });
});

test("a file without a row, or without values, is named instead of being scored as perfect", () => {
  const folder = mkdtempSync(join(tmpdir(), "homeostat-eval-"));
  try {
    for (const text of ["timestamp,value,label\n", "timestamp,label\n1,0\n", ""]) {
      writeFileSync(join(folder, "a.csv"), text);
      expect(() => readFolder(folder)).toThrow(/a\.csv: has no rows of timestamp,value…,label/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
