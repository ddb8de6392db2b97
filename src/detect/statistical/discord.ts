// Detector: a course of points unlike any the series went through before, though every point by itself is as usual.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { bandOf, type NatureOf, signalNature, unknownBand, usable } from "./natures.ts";
import { centerOf, countOf, learnRunning, runningWidth, spreadOf } from "./running.ts";
import { createSlotTable } from "./slot-table.ts";

/** Points of a course, and of the past it is looked for in. */
const coursePoints = 24;
const pastPoints = 512;
/** Learned distances before it says anything. */
const distancesMin = 100;
const windowPoints = 720;
/** Distances differ by less than this for courses of pure noise. */
const distanceFloor = 0.25;
/** Courses closer than this to the present overlap it, and are no precedent. */
const apartPoints = coursePoints;

/** A row: usual level, usual distance, points learned and the past, points seen and the last course, its distance. */
const DISTANCE = runningWidth;
const LEARNED = DISTANCE + runningWidth;
const PAST = LEARNED + 1;
const SEEN = PAST + pastPoints;
const COURSE = SEEN + 1;
const NEAREST = COURSE + coursePoints;
/** 549 numbers: 4.3 KiB a slot, and some 12,000 multiplications a point: for series it was asked for only. */
const width = NEAREST + 1;

/**
 * Slots as for `robust-level`. Left matrix profile over a bounded past: distance of the last 24 points, each course brought to
 * mean 0 and spread 1, from the nearest of the last 512 learned ones, as a robust z of such distances.
 * Source: Yeh et al. (2016), left-sided as in Lu et al., DAMP (2022), by plain search. Blind to height and width of a course
 * (others see those), to forms longer than it, and to any form that came once within the past kept.
 */
export const discord: DetectorKind<"point"> = {
  kind: "discord",
  summary: "The course of the last points is unlike any in the recent past. Costly: on request.",
  input: "point",
  create: (snapshot) => createDiscord(signalNature, snapshot),
};

export function createDiscord(natureOf: NatureOf, snapshot?: Uint8Array): Detector<"point"> {
  const table = createSlotTable("discord", width, snapshot);
  const course = new Float64Array(coursePoints);
  const own = { mean: 0, spread: 0 };

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        const slot = batch.slots[row] as number;
        const at = table.find(slot);
        if (at < 0) continue;
        const { data } = table;
        // A course with a gap in it is none.
        if (!usable(batch, row)) data[at + SEEN] = 0;
        else {
          data[at + COURSE + (data[at + SEEN]! % coursePoints)] = natureOf(slot).scale.to(batch.values[row] as number);
          data[at + SEEN]!++;
        }
        data[at + NEAREST] = data[at + SEEN]! < coursePoints ? -1 : nearest(at, 0, lastSeen(at));
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) learnRow(batch, row);
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const at = table.find(slot);
      if (at < 0) return { expected: unknownBand, evidence: [], shape: "pattern" };
      const nature = natureOf(slot);
      const expected = bandOf(nature, centerOf(table.data, at), 3 * spreadOf(table.data, at, nature.scale.floor));
      return {
        expected,
        evidence: [],
        shape: "pattern",
        note: `its last ${coursePoints} points run unlike any before`,
      };
    },
    snapshot: table.snapshot,
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const at = table.find(batch.slots[row] as number);
    if (at < 0 || !usable(batch, row) || countOf(table.data, at + DISTANCE) < distancesMin) return Number.NaN;
    const distance = table.data[at + NEAREST]!;
    if (distance < 0 || table.data[at + SEEN]! < coursePoints) return Number.NaN;
    const z = (distance - centerOf(table.data, at + DISTANCE)) / spreadOf(table.data, at + DISTANCE, distanceFloor);
    return Math.max(0, z);
  }

  function learnRow(batch: PointBatch, row: number): void {
    const slot = batch.slots[row] as number;
    if (!usable(batch, row)) return;
    const at = table.claim(slot);
    if (at < 0) return;
    const { data } = table;
    const { scale } = natureOf(slot);
    const x = scale.to(batch.values[row] as number);
    learnRunning(data, at, x, scale.floor, windowPoints);
    data[at + PAST + (data[at + LEARNED]! % pastPoints)] = x;
    data[at + LEARNED]!++;
    if (data[at + LEARNED]! < 4 * coursePoints) return;
    for (let i = 0; i < coursePoints; i++) course[i] = pastAt(at, coursePoints - 1 - i);
    const distance = nearest(at, apartPoints, course);
    if (distance >= 0) learnRunning(data, at + DISTANCE, distance, distanceFloor, windowPoints);
  }

  /** The last course seen, oldest first, in `course`. */
  function lastSeen(at: number): Float64Array {
    const seen = table.data[at + SEEN]!;
    for (let i = 0; i < coursePoints; i++) course[i] = table.data[at + COURSE + ((seen + i) % coursePoints)]!;
    return course;
  }

  /** The learned point `back` before the last. */
  function pastAt(at: number, back: number): number {
    const { data } = table;
    return data[at + PAST + ((data[at + LEARNED]! - 1 - back + 2 * pastPoints) % pastPoints)]!;
  }

  /** Distance to the nearest past course that ended at least `apart` points ago; -1 when there is none. */
  function nearest(at: number, apart: number, of: Float64Array): number {
    const known = Math.min(table.data[at + LEARNED]!, pastPoints);
    const least = table.data[at + 2]! * 0.5 + 1e-12;
    measure(of);
    const ownSpread = Math.max(least, own.spread);
    let best = -1;
    let sum = 0;
    let squares = 0;
    for (let back = apart; back + coursePoints <= known; back++) {
      if (back === apart) {
        for (let i = 0; i < coursePoints; i++) {
          const x = pastAt(at, back + i);
          sum += x;
          squares += x * x;
        }
      } else {
        const leaves = pastAt(at, back - 1);
        const enters = pastAt(at, back + coursePoints - 1);
        sum += enters - leaves;
        squares += enters * enters - leaves * leaves;
      }
      const mean = sum / coursePoints;
      const spread = Math.max(least, Math.sqrt(Math.max(0, squares / coursePoints - mean * mean)));
      let product = 0;
      for (let i = 0; i < coursePoints; i++) product += of[i]! * pastAt(at, back + coursePoints - 1 - i);
      // Cosine of the two, as both have mean 0; a course flatter than `least` stays short.
      const alike = (product / coursePoints - own.mean * mean) / (ownSpread * spread);
      const lengths = (own.spread / ownSpread) ** 2 + Math.max(0, squares / coursePoints - mean * mean) / spread ** 2;
      const distance = Math.sqrt(Math.max(0, coursePoints * (lengths - 2 * alike)));
      if (best < 0 || distance < best) best = distance;
    }
    return best;
  }

  function measure(of: Float64Array): void {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < coursePoints; i++) {
      sum += of[i]!;
      squares += of[i]! ** 2;
    }
    own.mean = sum / coursePoints;
    own.spread = Math.sqrt(Math.max(0, squares / coursePoints - own.mean ** 2));
  }
}
