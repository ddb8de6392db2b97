// Detector: a slow climb or fall that a level learned from the last half hour follows without noticing.
import type { Detector, DetectorKind } from "../../model/detector.ts";
import { formatDuration, type Instant } from "../../model/time.ts";
import { bandOf, harmsDown, harmsUp, type NatureOf, relativeNature, unknownBand, usable } from "./natures.ts";
import { centerOf, countOf, learnRunning, runningWidth, spreadOf } from "./running.ts";
import { createSlotTable } from "./slot-table.ts";

/** Points in a block of the finest scale; each further scale's blocks hold four of the scale before. */
const blockPoints = 16;
const blocksPerBlock = 4;
const scaleCount = 4;
/** Blocks a slope is drawn through: at 5 s, courses of 11 min, 43 min, 2.8 h and 11 h. */
const blocks = 8;
/** Blocks learned before a scale is judged: three courses. Slopes of fewer say nothing of what slopes are usual. */
const blocksMin = 3 * blocks;
const windowBlocks = 30 * blocks;
/** A line must stand out of its own scatter by so much, as t, to count in full. */
const straight = 4;

/** Of a scale: blocks so far, sum and count of the block being filled, then the last blocks' means. */
const SUM = 1;
const FILLED = 2;
const MEANS = 3;
const courseWidth = MEANS + blocks;
const LEARNED = scaleCount * runningWidth;
const SEEN = LEARNED + scaleCount * courseWidth;
const STEP = SEEN + scaleCount * courseWidth;
const LAST = STEP + 1;
/** 110 numbers: 880 bytes a slot. */
const width = LAST + 1;

/**
 * Slopes through the means of the last eight blocks, at four scales; each in units of the slopes that scale had before, and
 * discounted when the line is no better than its scatter. The caller feeds what has no tide of its own: an entity's
 * distance from its siblings, or a residual; of a raw series it takes three days until the daily rise is a usual slope.
 * Source: least squares on block means, as in multi-scale change tests (Frick, Munk, Sieling 2014), slopes in place of means.
 * Blind to climbs no steeper than past ones, to what all siblings do together, and within the first three courses of a scale.
 */
export const drift: DetectorKind<"point"> = {
  kind: "drift",
  summary: "Slow climb or fall, away from the siblings, too slow for a recent level to notice.",
  input: "point",
  create: (snapshot) => createDrift(relativeNature, snapshot),
};

export function createDrift(natureOf: NatureOf, snapshot?: Uint8Array): Detector<"point"> {
  const table = createSlotTable("drift", width, snapshot);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) {
        const slot = batch.slots[row] as number;
        const at = table.find(slot);
        out[row] = at < 0 || !usable(batch, row) ? Number.NaN : scoreOf(at, slot);
      }
    },
    follow(batch, now) {
      for (let row = 0; row < batch.rows; row++) {
        const slot = batch.slots[row] as number;
        const at = usable(batch, row) ? table.claim(slot) : -1;
        if (at < 0) continue;
        push(at, SEEN, natureOf(slot).scale.to(batch.values[row] as number), undefined);
        keepStep(at, now);
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        const slot = batch.slots[row] as number;
        const at = usable(batch, row) ? table.claim(slot) : -1;
        if (at >= 0) push(at, LEARNED, natureOf(slot).scale.to(batch.values[row] as number), slot);
      }
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const at = table.find(slot);
      const scale = at < 0 ? -1 : oddestScale(at, slot);
      if (scale < 0) return { expected: unknownBand, evidence: [], shape: "ramp" };
      const nature = natureOf(slot);
      const course = at + SEEN + scale * courseWidth;
      const lastedMs = blocks * blockPoints * blocksPerBlock ** scale * table.data[at + STEP]!;
      const half = straight * spreadOf(table.data, at + scale * runningWidth, nature.scale.floor);
      return {
        expected: bandOf(nature, meanAt(course, 0), half),
        evidence: [],
        shape: "ramp",
        since: table.data[at + LAST]! - lastedMs,
        note: `it has been ${riseOf(course) > 0 ? "rising" : "falling"} away from its siblings for ${formatDuration(lastedMs)}`,
      };
    },
    accept(slot) {
      const at = table.find(slot);
      if (at >= 0) table.data.fill(0, at + LEARNED, at + STEP);
    },
    snapshot: table.snapshot,
  };

  function scoreOf(at: number, slot: number): number {
    let most = Number.NaN;
    for (let scale = 0; scale < scaleCount; scale++) {
      const z = scoreAt(at, slot, scale);
      if (!(z <= most)) most = Number.isNaN(z) ? most : z;
    }
    return most;
  }

  function oddestScale(at: number, slot: number): number {
    let oddest = -1;
    let most = 0;
    for (let scale = 0; scale < scaleCount; scale++) {
      const z = scoreAt(at, slot, scale);
      if (z > most) [oddest, most] = [scale, z];
    }
    return oddest;
  }

  function scoreAt(at: number, slot: number, scale: number): number {
    const { data } = table;
    const course = at + SEEN + scale * courseWidth;
    const usual = at + scale * runningWidth;
    if (data[course]! < blocks || countOf(data, usual) < blocksMin - blocks) return Number.NaN;
    const nature = natureOf(slot);
    const rise = riseOf(course);
    if (rise > 0 ? !harmsUp(nature) : !harmsDown(nature)) return 0;
    const z = Math.abs(rise - centerOf(data, usual)) / spreadOf(data, usual, nature.scale.floor);
    return z * Math.min(1, straightness(course, rise) / straight);
  }

  /** What the line through a course's blocks rises by, from first to last. */
  function riseOf(course: number): number {
    let product = 0;
    let squares = 0;
    for (let i = 0; i < blocks; i++) {
      const time = i - (blocks - 1) / 2;
      product += time * meanAt(course, i);
      squares += time * time;
    }
    return (product / squares) * (blocks - 1);
  }

  /** |t| of the line's slope. */
  function straightness(course: number, rise: number): number {
    const slope = rise / (blocks - 1);
    let mean = 0;
    for (let i = 0; i < blocks; i++) mean += meanAt(course, i) / blocks;
    let scatter = 0;
    let squares = 0;
    for (let i = 0; i < blocks; i++) {
      const time = i - (blocks - 1) / 2;
      scatter += (meanAt(course, i) - mean - slope * time) ** 2;
      squares += time * time;
    }
    if (scatter === 0) return slope === 0 ? 0 : Number.MAX_VALUE;
    return Math.abs(slope) / Math.sqrt(scatter / (blocks - 2) / squares);
  }

  /** Mean of a course's block `i`, oldest first. */
  function meanAt(course: number, i: number): number {
    return table.data[course + MEANS + ((table.data[course]! + i) % blocks)]!;
  }

  /** Puts a point into the finest scale and full blocks into the next. With a slot, the slope of each full course is learned. */
  function push(at: number, courses: number, point: number, learnSlot: number | undefined): void {
    const { data } = table;
    let x = point;
    for (let scale = 0; scale < scaleCount; scale++) {
      const course = at + courses + scale * courseWidth;
      data[course + SUM]! += x;
      data[course + FILLED]!++;
      const full = scale === 0 ? blockPoints : blocksPerBlock;
      if (data[course + FILLED]! < full) return;
      x = data[course + SUM]! / full;
      data[course + SUM] = 0;
      data[course + FILLED] = 0;
      data[course + MEANS + (data[course]! % blocks)] = x;
      data[course]!++;
      if (learnSlot === undefined || data[course]! < blocks) continue;
      learnRunning(data, at + scale * runningWidth, riseOf(course), natureOf(learnSlot).scale.floor, windowBlocks);
    }
  }

  function keepStep(at: number, now: Instant): void {
    const before = table.data[at + LAST]!;
    if (before > 0 && now > before) {
      const step = table.data[at + STEP]!;
      table.data[at + STEP] = step === 0 ? now - before : Math.min(step, now - before);
    }
    table.data[at + LAST] = now;
  }
}
