// Detector: a series about as high as ever, but wilder (or, where either harms, calmer) from point to point.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { bandOf, type NatureOf, signalNature, unknownBand, usable } from "./natures.ts";
import { centerOf, countOf, learnRunning, runningWidth, spreadOf } from "./running.ts";
import { createSlotTable } from "./slot-table.ts";

/** Points the present swing is averaged over. */
const swingPoints = 12;
/** Strides count four usual ones at most: a single jump is no swing. */
const clip = 4;
const pointsMin = 40;
const windowPoints = 720;
/** Keeps the logarithm finite for a series that rests. */
const restShare = 0.05;
/** Spread of the logarithm for independent normal strides. */
const logFloor = 0.25;

/** A row: usual stride, usual logarithm of the swing, then last value and swing of learned points, and of all points. */
const LOG_SWING = runningWidth;
const LEARNED = LOG_SWING + runningWidth;
const SEEN = LEARNED + 3;
/** 16 numbers: 128 bytes a slot. */
const width = SEEN + 3;
/** Of a course: whether there is a last value, that value, the swing. */
const LAST = 1;
const SWING = 2;

/**
 * Slots as for `robust-level`. Logarithm of the mean square of the last strides between points, as a robust z of its own past;
 * strides rather than distances from a level, so that a ramp or a shift is none. Own construction after von Neumann's
 * mean square successive difference (1941). Blind to swings slower than a few points.
 */
export const varianceChange: DetectorKind<"point"> = {
  kind: "variance-change",
  summary: "Strides from point to point are wider, or calmer, than they ever are.",
  input: "point",
  create: (snapshot) => createVarianceChange(signalNature, snapshot),
};

export function createVarianceChange(natureOf: NatureOf, snapshot?: Uint8Array): Detector<"point"> {
  const table = createSlotTable("variance-change", width, snapshot);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        const slot = batch.slots[row] as number;
        const at = table.find(slot);
        if (at < 0) continue;
        if (usable(batch, row)) advance(at, SEEN, slot, batch.values[row] as number);
        // Over a gap no stride can be told.
        else table.data[at + SEEN] = 0;
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) learnRow(batch, row);
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const at = table.find(slot);
      if (at < 0 || table.data[at + SEEN] === 0) return { expected: unknownBand, evidence: [], shape: "variance" };
      const nature = natureOf(slot);
      const factor = Math.sqrt(
        swingWith(at, slot, batch.values[row] as number) / Math.exp(centerOf(table.data, at + LOG_SWING)),
      );
      const half = clip * spreadOf(table.data, at, nature.scale.floor);
      return {
        expected: bandOf(nature, table.data[at + SEEN + LAST]!, half),
        evidence: [],
        shape: "variance",
        note: `it swings ${factor.toPrecision(2)} times as wide as usual from point to point`,
      };
    },
    snapshot: table.snapshot,
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    const at = table.find(slot);
    if (at < 0 || !usable(batch, row) || countOf(table.data, at + LOG_SWING) < pointsMin) return Number.NaN;
    if (table.data[at + SEEN] === 0) return Number.NaN;
    const log = Math.log(swingWith(at, slot, batch.values[row] as number) + restShare);
    const z = (log - centerOf(table.data, at + LOG_SWING)) / spreadOf(table.data, at + LOG_SWING, logFloor);
    return z < 0 && natureOf(slot).harm !== "either" ? 0 : Math.abs(z);
  }

  /** The swing with one more point. */
  function swingWith(at: number, slot: number, value: number): number {
    const { data } = table;
    return data[at + SEEN + SWING]! + (square(at, SEEN, slot, value) - data[at + SEEN + SWING]!) / swingPoints;
  }

  function learnRow(batch: PointBatch, row: number): void {
    const slot = batch.slots[row] as number;
    if (!usable(batch, row)) {
      const known = table.find(slot);
      if (known >= 0) table.data[known + LEARNED] = 0;
      return;
    }
    const at = table.claim(slot);
    if (at < 0) return;
    const { scale } = natureOf(slot);
    const x = scale.to(batch.values[row] as number);
    if (table.data[at + LEARNED] === 1) {
      learnRunning(table.data, at, x - table.data[at + LEARNED + LAST]!, scale.floor, windowPoints);
    }
    advance(at, LEARNED, slot, batch.values[row] as number);
    if (countOf(table.data, at) < pointsMin) return;
    learnRunning(
      table.data,
      at + LOG_SWING,
      Math.log(table.data[at + LEARNED + SWING]! + restShare),
      logFloor,
      windowPoints,
    );
  }

  function advance(at: number, course: number, slot: number, value: number): void {
    const { data } = table;
    if (data[at + course] === 1) {
      data[at + course + SWING]! += (square(at, course, slot, value) - data[at + course + SWING]!) / swingPoints;
    }
    data[at + course] = 1;
    data[at + course + LAST] = natureOf(slot).scale.to(value);
  }

  function square(at: number, course: number, slot: number, value: number): number {
    const { scale } = natureOf(slot);
    const usual = Math.max(table.data[at + 2]!, scale.floor);
    return Math.min(clip, Math.abs(scale.to(value) - table.data[at + course + LAST]!) / usual) ** 2;
  }
}
