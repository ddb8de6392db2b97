// Detector: something that fills up steadily, and when it will be full.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { formatDuration, type Instant } from "../../model/time.ts";
import { bandOf, type NatureOf, signalNature, unknownBand, usable } from "./natures.ts";
import { centerOf, countOf, learnRunning, runningWidth, spreadOf } from "./running.ts";
import { createSlotTable } from "./slot-table.ts";
import { followHigh, scoreOfRatio } from "./usual-high.ts";

/** Points a line is drawn through, as the time constant of a fading memory: at 5 s, 2 and 20 minutes. */
const memories = [24, 240] as const;
/** A line is believed so many times its memory ahead. */
const reach = 10;
/** Standard errors the slope is taken lower by; noise that remembers makes them too small. */
const cautious = 3;
/** Full within the line's reach: what may happen now and then to a series that never filled up. */
const highMin = 1;
const urgencyMax = 1000;
const pointsMin = 40;
const windowPoints = 720;
const bandSpreads = 3;

/** A row: usual level; for each memory its high, then the sums of learned points, then of all points; step and last instant. */
const HIGHS = runningWidth;
const sumWidth = 6;
const LEARNED = HIGHS + memories.length;
const SEEN = LEARNED + memories.length * sumWidth;
const STEP = SEEN + memories.length * sumWidth;
const LAST = STEP + 1;
/** 33 numbers: 264 bytes a slot. */
const width = LAST + 1;

/**
 * Slots as for `robust-level`; series without a limit are not judged. A fading least-squares line through the last minutes
 * says when the limit is reached, with its slope taken three standard errors lower; urgency is the line's reach over that
 * time, in units of the urgency the series usually comes to, for caches fill and drain all day. Own construction.
 * Blind to series that fill in one stride (others see that), to filling slower than ten times 20 minutes at 5 s can foresee,
 * and to whatever empties it before it is full.
 */
export const saturation: DetectorKind<"point"> = {
  kind: "saturation",
  summary: "Fills up steadily and will be full soon, which it never would before; says when.",
  input: "point",
  create: (snapshot) => createSaturation(signalNature, snapshot),
};

export function createSaturation(natureOf: NatureOf, snapshot?: Uint8Array): Detector<"point"> {
  const table = createSlotTable("saturation", width, snapshot);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch, now) {
      for (let row = 0; row < batch.rows; row++) {
        const slot = batch.slots[row] as number;
        if (natureOf(slot).limit === undefined) continue;
        const at = table.claim(slot);
        if (at < 0) continue;
        pushAll(at + SEEN, usable(batch, row) ? within(slot, batch.values[row] as number) : Number.NaN);
        keepStep(at, now);
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) learnRow(batch, row);
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const nature = natureOf(slot);
      const at = table.find(slot);
      if (at < 0 || nature.limit === undefined) return { expected: unknownBand, evidence: [], shape: "ramp" };
      const half = bandSpreads * spreadOf(table.data, at, nature.scale.floor);
      const points = pointsToLimit(at, nature.limit, batch.values[row] as number);
      const step = table.data[at + STEP]!;
      const known = Number.isFinite(points) && step > 0;
      return {
        expected: bandOf(nature, centerOf(table.data, at), half),
        evidence: [],
        shape: "ramp",
        ...(known ? { note: `full in ${formatDuration(Math.max(step, points * step))} at this pace` } : {}),
      };
    },
    snapshot: table.snapshot,
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    const { limit } = natureOf(slot);
    const at = limit === undefined ? -1 : table.find(slot);
    if (at < 0 || limit === undefined || !usable(batch, row)) return Number.NaN;
    const count = countOf(table.data, at);
    let most = Number.NaN;
    for (let i = 0; i < memories.length; i++) {
      const memory = memories[i]!;
      if (count < Math.max(pointsMin, memory)) continue;
      const urgency = urgencyOf(at + SEEN + i * sumWidth, memory, limit, batch.values[row] as number);
      const score = scoreOfRatio(table.data, at + HIGHS + i, urgency, highMin) / (1 + memory / count);
      if (!(score <= most)) most = score;
    }
    return most;
  }

  function learnRow(batch: PointBatch, row: number): void {
    const slot = batch.slots[row] as number;
    const { limit, scale } = natureOf(slot);
    const at = limit === undefined ? -1 : table.claim(slot);
    if (at < 0 || limit === undefined) return;
    const good = usable(batch, row);
    const value = within(slot, batch.values[row] as number);
    if (good) {
      for (let i = 0; i < memories.length; i++) {
        const memory = memories[i]!;
        if (countOf(table.data, at) < memory) continue;
        followHigh(table.data, at + HIGHS + i, urgencyOf(at + LEARNED + i * sumWidth, memory, limit, value), highMin);
      }
      learnRunning(table.data, at, scale.to(value), scale.floor, windowPoints);
    }
    pushAll(at + LEARNED, good ? value : Number.NaN);
  }

  /** One absurd value must not outweigh all others for an hour. */
  function within(slot: number, value: number): number {
    const { range, limit = 0 } = natureOf(slot);
    return Math.max(range.min, Math.min(2 * limit, value));
  }

  /** Reach of the line over the points until the limit; 0 for a line that does not rise for certain. */
  function urgencyOf(at: number, memory: number, limit: number, value: number): number {
    const slope = cautiousSlope(at, memory);
    if (!(slope > 0)) return 0;
    return Math.min(urgencyMax, (reach * memory * slope) / Math.max(limit - value, limit * 1e-3));
  }

  /** Until the limit by the line that says it comes soonest. */
  function pointsToLimit(at: number, limit: number, value: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < memories.length; i++) {
      const memory = memories[i]!;
      const slope = cautiousSlope(at + SEEN + i * sumWidth, memory);
      if (slope > 0) least = Math.min(least, Math.max(0, limit - value) / slope);
    }
    return least;
  }

  /** Rise a point, lowered by what the scatter leaves open; NaN for too few points. */
  function cautiousSlope(at: number, memory: number): number {
    const { data } = table;
    const n = data[at]!;
    if (n < memory / 3) return Number.NaN;
    const timeSpread = data[at + 2]! - data[at + 1]! ** 2 / n;
    const slope = (data[at + 4]! - (data[at + 1]! * data[at + 3]!) / n) / timeSpread;
    const scatter = Math.max(0, data[at + 5]! - data[at + 3]! ** 2 / n - slope * slope * timeSpread);
    return slope - cautious * Math.sqrt(scatter / n / timeSpread);
  }

  /**
   * Sums of 1, t, t², x, t x, x² with the newest point at t = 0, fading. A missing point (NaN) lets time pass.
   */
  function pushAll(sums: number, x: number): void {
    for (let i = 0; i < memories.length; i++) {
      const memory = memories[i]!;
      const at = sums + i * sumWidth;
      const { data } = table;
      const fade = 1 - 1 / memory;
      data[at + 4] = fade * (data[at + 4]! - data[at + 3]!);
      data[at + 2] = fade * (data[at + 2]! - 2 * data[at + 1]! + data[at]!);
      data[at + 1] = fade * (data[at + 1]! - data[at]!);
      data[at] = fade * data[at]!;
      data[at + 3] = fade * data[at + 3]!;
      data[at + 5] = fade * data[at + 5]!;
      if (Number.isNaN(x)) continue;
      data[at]! += 1;
      data[at + 3]! += x;
      data[at + 5]! += x * x;
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
