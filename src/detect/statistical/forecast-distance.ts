// How far a value lies from what the points just before it said, in the usual distances of its series; columnar.
import { medianOf3, medianOf5 } from "./few.ts";
import { createSlotBlocks } from "./slot-blocks.ts";
import { addDistance, fadeOf, grainOf, sigmasPerMean, usualDistance } from "./usual-distance.ts";

export interface ForecastDistance {
  /** Distance of a value that is to come, in deviations; NaN before there is enough. Changes nothing. */
  score(slot: number, value: number): number;
  /** Folds a value in. Its distance as it was judged; NaN before there is enough and on a straight line. */
  fold(slot: number, value: number): number;
  /** Centre and half width of what is expected; false before there is enough. */
  band(slot: number, out: Band): boolean;
  /** Robust level of the last 15 points, and one usual distance from it. */
  level(slot: number): number;
  spread(slot: number): number;
  snapshot(): Uint8Array;
}

export interface Band {
  center: number;
  half: number;
}

/** Points before it says anything. */
const pointsMin = 30;
const fade = fadeOf(720);
/** Straight lines of so many points are a gap that somebody filled, and teach nothing. */
const lineMin = 3;
const scoreMax = 1e6;
const bandSigmas = 3;
const longPoints = 15;

/** Distance from each forecast that is as odd as one of the others; from the spread of their errors' tails. */
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

/**
 * Three forecasts: medians of the last 5 and (of fives) of the last 15 points, and the former carried on by the median
 * slope. Each is judged by the winsorised mean of its own past distances, over distances that are not zero, so that a
 * series that mostly rests keeps the scale of its activity. The oddest of the three counts.
 * `behindPoints`: learning runs so far behind scoring, so distances are learned that far ahead.
 * Source: Hampel's identifier (1974). State: 8 numbers a slot and the last 15 + `behindPoints` values.
 * Blind to time of day, to slow drift, and to what stays shifted for longer than 15 points.
 */
export function createForecastDistance(kind: string, behindPoints: number, snapshot?: Uint8Array): ForecastDistance {
  let ringPoints = 16;
  while (ringPoints < longPoints + behindPoints) ringPoints *= 2;
  const mask = ringPoints - 1;
  const rows = createSlotBlocks(`${kind} ${behindPoints}`, new Float64Array(RING + ringPoints), snapshot);
  const slopes = new Float64Array(3);
  let trend = 0;
  let short = 0;
  let long = 0;

  return {
    score(slot, value) {
      const block = rows.peek(slot);
      const at = rows.offset(slot);
      if (block === undefined || block[at + COUNT]! < pointsMin + behindPoints) return Number.NaN;
      forecast(block, at, 0);
      return distance(block, at, value);
    },
    fold,
    band(slot, out) {
      const block = rows.peek(slot);
      const at = rows.offset(slot);
      if (block === undefined || block[at + COUNT]! < pointsMin + behindPoints) return false;
      forecast(block, at, 0);
      out.center = long;
      out.half = bandSigmas * sigmasPerMean * usualDistance(block, at + LONG);
      return true;
    },
    level(slot) {
      const block = rows.peek(slot);
      const at = rows.offset(slot);
      if (block === undefined || block[at + COUNT]! < longPoints) return Number.NaN;
      forecast(block, at, 0);
      return long;
    },
    spread(slot) {
      const block = rows.peek(slot);
      return block === undefined ? 0 : usualDistance(block, rows.offset(slot) + LONG);
    },
    snapshot: rows.snapshot,
  };

  function fold(slot: number, value: number): number {
    const block = rows.block(slot);
    const at = rows.offset(slot);
    const count = block[at + COUNT]!;
    const ring = at + RING;
    let score = Number.NaN;
    if (count >= longPoints + behindPoints) {
      const last = block[ring + ((count - 1) & mask)]!;
      const before = block[ring + ((count - 2) & mask)]!;
      const bend = Math.abs(value - 2 * last + before);
      const onLine = value !== last && bend <= 1e-6 * (Math.abs(value) + Math.abs(last - before));
      const line = onLine ? block[at + LINE]! + 1 : 0;
      block[at + LINE] = line;
      if (line < lineMin) {
        forecast(block, at, behindPoints);
        if (count >= pointsMin + behindPoints) score = distance(block, at, value);
        const grain = grainOf(value);
        addDistance(block, at + TREND, Math.abs(value - trend), grain, fade);
        addDistance(block, at + SHORT, Math.abs(value - short), grain, fade);
        addDistance(block, at + LONG, Math.abs(value - long), grain, fade);
      }
    }
    block[ring + (count & mask)] = value;
    block[at + COUNT] = count + 1;
    return score;
  }

  function distance(block: Float64Array, at: number, value: number): number {
    const grain = grainOf(value);
    const fromTrend = Math.abs(value - trend) / (usualDistance(block, at + TREND) * unitTrend + grain);
    const fromShort = Math.abs(value - short) / (usualDistance(block, at + SHORT) * unitShort + grain);
    const fromLong = Math.abs(value - long) / (usualDistance(block, at + LONG) * unitLong + grain);
    const most = Math.max(fromTrend, fromShort, fromLong) / sigmasPerMean;
    // Overflow on both sides of a ratio is no number: as odd as it gets.
    return Number.isNaN(most) ? scoreMax : Math.min(most, scoreMax);
  }

  /** Sets what the points up to `skip` before the last one say of the next point to be judged. */
  function forecast(block: Float64Array, at: number, skip: number): void {
    const end = block[at + COUNT]! - 1 - skip;
    short = recent(block, at, end, 0);
    long = medianOf3(short, recent(block, at, end - 5, 1), recent(block, at, end - 10, 2));
    trend = short + medianOf3(slopes[0]!, slopes[1]!, slopes[2]!) * (3 + behindPoints);
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
