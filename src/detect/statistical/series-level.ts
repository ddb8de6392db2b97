// Detector, the cheap tier: how far a value lies from where its series just was, for many series of which nothing is known.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { medianOf3, medianOf5 } from "./few.ts";
import { createSlotBlocks } from "./slot-blocks.ts";

export interface SeriesLevelOptions {
  /** Points by which learning runs behind scoring: distances are learned as far ahead as they are judged. */
  readonly behindPoints: number;
}

/** Points before it says anything. */
const pointsMin = 30;
/** A value beyond the score's meaning: the series never varied, or not by a millionth of this. */
const scoreMax = 1e6;
/** Distances count at most so many times the usual one: an incident moves the spread by a few per cent. */
const winsor = 4;
const fade = 1 - 0.5 ** (1 / 720);
/** Mean distance to standard deviation of a normal distribution. */
const sigmasPerMean = 1.25;
/** Distances at which a scale counts half: a series that hardly ever moved has no usual distance yet. */
const doubtDistances = 5;
/** Straight lines of so many points are a gap that somebody filled, and teach nothing. */
const lineMin = 3;
const bandSigmas = 3;

const longPoints = 15;

/** Score of each forecast's distance, in its standard deviations, that is one unit of the detector's score. */
const unitTrend = 0.8;
const unitShort = 1.1;
const unitLong = 1.25;

// Numbers of a slot's row. A scale is a mean distance and how many distances it rests on.
const COUNT = 0;
const LINE = 1;
const TREND = 2;
const SHORT = 4;
const LONG = 6;
const RING = 8;

/** Learning 10 minutes behind at a point every 10 s. */
export const seriesLevel: DetectorKind<"point"> = {
  kind: "series-level",
  summary: "Distance from where the series just was, in its own usual distances; knows nothing of what it measures.",
  input: "point",
  create: (snapshot) => createSeriesLevel({ behindPoints: 60 }, snapshot),
};

interface Forecasts {
  trend: number;
  short: number;
  long: number;
}

/**
 * Slots are series. Three forecasts (medians of the last 5 and 15 points, and the former carried on by the median slope),
 * each judged by the winsorised mean of its own past distances, taken over distances that are not zero so that a series
 * that mostly rests keeps the scale of its activity. The score is the oddest of the three.
 * Source: Hampel's identifier (1974). State: about (23 + `behindPoints`) x 8 bytes a slot.
 * Blind to time of day, to slow drift, and to what stays shifted for longer than 15 points.
 */
export function createSeriesLevel(options: SeriesLevelOptions, snapshot?: Uint8Array): Detector<"point"> {
  const behind = options.behindPoints;
  let ringPoints = 16;
  while (ringPoints < longPoints + behind) ringPoints *= 2;
  const mask = ringPoints - 1;
  const rows = createSlotBlocks(`series-level ${behind}`, new Float64Array(RING + ringPoints), snapshot);
  const slopes = new Float64Array(3);
  const forecasts: Forecasts = { trend: 0, short: 0, long: 0 };

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = usable(batch, row) ? scoreOf(batch, row) : Number.NaN;
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++)
        if (usable(batch, row)) fold(batch.slots[row] as number, batch.values[row] as number);
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const block = rows.peek(slot);
      const at = rows.offset(slot);
      if (block === undefined || block[at + COUNT]! < pointsMin)
        return { expected: { low: Number.NaN, high: Number.NaN }, evidence: [] };
      forecast(block, at, 0);
      const half = bandSigmas * sigmasPerMean * scaleOf(block, at + LONG);
      return { expected: { low: forecasts.long - half, high: forecasts.long + half }, evidence: [] };
    },
    snapshot: rows.snapshot,
  };

  function scoreOf(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    const value = batch.values[row] as number;
    const block = rows.peek(slot);
    const at = rows.offset(slot);
    if (block === undefined || block[at + COUNT]! < pointsMin + behind) return Number.NaN;
    forecast(block, at, 0);
    // Below what floating point can tell, nothing changed.
    const grain = 1e-9 * Math.abs(value) + 1e-300;
    const trend = Math.abs(value - forecasts.trend) / (scaleOf(block, at + TREND) * unitTrend + grain);
    const short = Math.abs(value - forecasts.short) / (scaleOf(block, at + SHORT) * unitShort + grain);
    const long = Math.abs(value - forecasts.long) / (scaleOf(block, at + LONG) * unitLong + grain);
    return Math.min(scoreMax, Math.max(trend, short, long) / sigmasPerMean);
  }

  function fold(slot: number, value: number): void {
    const block = rows.block(slot);
    const at = rows.offset(slot);
    const count = block[at + COUNT]!;
    const ring = at + RING;
    if (count >= longPoints + behind) {
      const last = block[ring + ((count - 1) & mask)]!;
      const before = block[ring + ((count - 2) & mask)]!;
      const onLine =
        value !== last && Math.abs(value - 2 * last + before) <= 1e-6 * (Math.abs(value) + Math.abs(last - before));
      const line = onLine ? block[at + LINE]! + 1 : 0;
      block[at + LINE] = line;
      if (line < lineMin) {
        forecast(block, at, behind);
        const grain = 1e-9 * Math.abs(value) + 1e-300;
        widen(block, at + TREND, Math.abs(value - forecasts.trend), grain);
        widen(block, at + SHORT, Math.abs(value - forecasts.short), grain);
        widen(block, at + LONG, Math.abs(value - forecasts.long), grain);
      }
    }
    block[ring + (count & mask)] = value;
    block[at + COUNT] = count + 1;
  }

  /** Writes what the points up to `skip` before the last one say of the next point to be judged. */
  function forecast(block: Float64Array, at: number, skip: number): void {
    const end = block[at + COUNT]! - 1 - skip;
    const a = recent(block, at, end, 0);
    const b = recent(block, at, end - 5, 1);
    const c = recent(block, at, end - 10, 2);
    forecasts.short = a;
    forecasts.long = medianOf3(a, b, c);
    forecasts.trend = a + medianOf3(slopes[0]!, slopes[1]!, slopes[2]!) * (3 + behind);
  }

  /** Median of the five points up to `end`; leaves the median of their last three steps in `slopes`. */
  function recent(block: Float64Array, at: number, end: number, group: number): number {
    const ring = at + RING;
    const a = block[ring + (end & mask)]!;
    const b = block[ring + ((end - 1) & mask)]!;
    const c = block[ring + ((end - 2) & mask)]!;
    const d = block[ring + ((end - 3) & mask)]!;
    const e = block[ring + ((end - 4) & mask)]!;
    slopes[group] = medianOf3(a - b, b - c, c - d);
    return medianOf5(a, b, c, d, e);
  }
}

function scaleOf(block: Float64Array, scale: number): number {
  const distances = block[scale + 1]!;
  return (block[scale]! * distances) / (distances + doubtDistances);
}

function widen(block: Float64Array, scale: number, distance: number, grain: number): void {
  if (distance <= grain) return;
  const distances = block[scale + 1]! + 1;
  const mean = block[scale]!;
  const counted = distances > 20 ? Math.min(distance, winsor * mean) : distance;
  block[scale] = mean + (counted - mean) * Math.max(fade, 1 / distances);
  block[scale + 1] = distances;
}

function usable(batch: PointBatch, row: number): boolean {
  return ((batch.quality[row] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[row] as number);
}
