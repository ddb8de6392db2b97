// How far a value lies from what the points just before it said, in the usual distances of its series; columnar.
import { medianOf3, medianOf5 } from "./few.ts";
import { createSlotBlocks } from "./slot-blocks.ts";
import { addDistance, fadeOf, grainOf, sigmasPerMean, usualDistance } from "./usual-distance.ts";

export interface ForecastDistance {
  /** Distance of a value that is to come, in deviations; NaN before there is enough. Changes nothing. */
  score(slot: number, value: number): number;
  /** Takes a value in as the last one seen, normal or not: forecasts go on from it. False on a straight line. */
  follow(slot: number, value: number): boolean;
  /** Folds a value into what is usual. Its distance from what was learned just before; NaN before there is enough and on a straight line. */
  fold(slot: number, value: number): number;
  /** What was learned last is not what comes before the next one: starts to remember anew. */
  interrupt(slot: number): void;
  /** Centre and half width of what is expected; false before there is enough. */
  band(slot: number, out: Band): boolean;
  /** Robust level of the last 15 points that were learned, and that were seen; NaN before there are. One usual distance from it. */
  level(slot: number): number;
  levelSeen(slot: number): number;
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

const ringPoints = 16;
const mask = ringPoints - 1;

// Numbers of a slot's row. A scale is a mean distance and how many distances it rests on; of the rings, points since the last gap.
const COUNT = 0;
const LINE = 1;
const TREND = 2;
const SHORT = 4;
const LONG = 6;
const LINE_SEEN = 8;
const LEARNED = 9;
const SEEN = LEARNED + 1 + ringPoints;
const NUMBERS = SEEN + 1 + ringPoints;

/**
 * Three forecasts: medians of the last 5 and (of fives) of the last 15 points, and the former carried on by the median
 * slope. Each is judged by the winsorised mean of its own past distances, over distances that are not zero, so that a
 * series that mostly rests keeps the scale of its activity. The oddest of the three counts.
 * What is usual is learned from points in their own order; forecasts go on from the last points seen, which may be far ahead.
 * `floorOf`: the least distance that may be usual. Source: Hampel's identifier (1974). State: 43 numbers a slot.
 * Blind to time of day, to slow drift, and to what stays shifted for longer than 15 points.
 */
export function createForecastDistance(
  kind: string,
  snapshot?: Uint8Array,
  floorOf: (slot: number) => number = () => 0,
): ForecastDistance {
  const rows = createSlotBlocks(kind, new Float64Array(NUMBERS), snapshot);
  const slopes = new Float64Array(3);
  let trend = 0;
  let short = 0;
  let long = 0;

  return {
    score(slot, value) {
      const block = rows.peek(slot);
      const at = rows.offset(slot);
      return known(block, at) ? distance(block, at, value, floorOf(slot)) : Number.NaN;
    },
    follow(slot, value) {
      // What was never learned is not judged either.
      const block = rows.peek(slot);
      if (block === undefined) return true;
      const at = rows.offset(slot);
      const counts = block[at + SEEN]! < longPoints || offLine(block, at + LINE_SEEN, at + SEEN, value);
      push(block, at + SEEN, value);
      return counts;
    },
    fold,
    interrupt(slot) {
      const block = rows.peek(slot);
      if (block !== undefined) block[rows.offset(slot) + LEARNED] = 0;
    },
    band(slot, out) {
      const block = rows.peek(slot);
      const at = rows.offset(slot);
      if (!known(block, at)) return false;
      out.center = long;
      out.half = bandSigmas * sigmasPerMean * Math.max(usualDistance(block, at + LONG), floorOf(slot));
      return true;
    },
    level: (slot) => levelOf(slot, LEARNED),
    levelSeen: (slot) => levelOf(slot, ringOf(slot)),
    spread(slot) {
      const block = rows.peek(slot);
      return block === undefined ? 0 : Math.max(usualDistance(block, rows.offset(slot) + LONG), floorOf(slot));
    },
    snapshot: rows.snapshot,
  };

  function fold(slot: number, value: number): number {
    const block = rows.block(slot);
    const at = rows.offset(slot);
    const ring = at + LEARNED;
    let score = Number.NaN;
    if (block[ring]! >= longPoints && offLine(block, at + LINE, ring, value)) {
      forecast(block, ring);
      if (block[at + COUNT]! >= pointsMin) score = distance(block, at, value, floorOf(slot));
      const grain = grainOf(value);
      addDistance(block, at + TREND, Math.abs(value - trend), grain, fade);
      addDistance(block, at + SHORT, Math.abs(value - short), grain, fade);
      addDistance(block, at + LONG, Math.abs(value - long), grain, fade);
    }
    push(block, ring, value);
    block[at + COUNT]!++;
    return score;
  }

  /** Sets the forecast of the next point to be judged; false before there is enough. */
  function known(block: Float64Array | undefined, at: number): block is Float64Array {
    if (block === undefined || block[at + COUNT]! < pointsMin) return false;
    const ring = at + ringIn(block, at);
    if (block[ring]! < longPoints) return false;
    forecast(block, ring);
    return true;
  }

  function levelOf(slot: number, ring: number): number {
    const block = rows.peek(slot);
    const at = rows.offset(slot) + ring;
    if (block === undefined || block[at]! < longPoints) return Number.NaN;
    forecast(block, at);
    return long;
  }

  function ringOf(slot: number): number {
    const block = rows.peek(slot);
    return block === undefined ? LEARNED : ringIn(block, rows.offset(slot));
  }

  function distance(block: Float64Array, at: number, value: number, floor: number): number {
    const grain = grainOf(value);
    const fromTrend = Math.abs(value - trend) / (Math.max(floor, usualDistance(block, at + TREND)) * unitTrend + grain);
    const fromShort = Math.abs(value - short) / (Math.max(floor, usualDistance(block, at + SHORT)) * unitShort + grain);
    const fromLong = Math.abs(value - long) / (Math.max(floor, usualDistance(block, at + LONG)) * unitLong + grain);
    const most = Math.max(fromTrend, fromShort, fromLong) / sigmasPerMean;
    // Overflow on both sides of a ratio is no number: as odd as it gets.
    return Number.isNaN(most) ? scoreMax : Math.min(most, scoreMax);
  }

  /** Sets what the points of a ring say of the next one. */
  function forecast(block: Float64Array, ring: number): void {
    short = recent(block, ring, 0, 0);
    long = medianOf3(short, recent(block, ring, 5, 1), recent(block, ring, 10, 2));
    trend = short + medianOf3(slopes[0]!, slopes[1]!, slopes[2]!) * 3;
  }

  /** Median of the five points that end `skip` before the last; leaves the median of their last three steps in `slopes`. */
  function recent(block: Float64Array, ring: number, skip: number, group: number): number {
    const a = back(block, ring, skip);
    const b = back(block, ring, skip + 1);
    const c = back(block, ring, skip + 2);
    const d = back(block, ring, skip + 3);
    const e = back(block, ring, skip + 4);
    slopes[group] = medianOf3(a - b, b - c, c - d);
    return medianOf5(a, b, c, d, e);
  }
}

/** Counts points on a straight line at `line`; false from so many on that somebody filled a gap. */
function offLine(block: Float64Array, line: number, ring: number, value: number): boolean {
  const last = back(block, ring, 0);
  const before = back(block, ring, 1);
  const bend = Math.abs(value - 2 * last + before);
  const onLine = value !== last && bend <= 1e-6 * (Math.abs(value) + Math.abs(last - before));
  block[line] = onLine ? block[line]! + 1 : 0;
  return block[line]! < lineMin;
}

/** Who is never told what was seen last goes on from what was learned. */
function ringIn(block: Float64Array, at: number): number {
  return block[at + SEEN] === 0 ? LEARNED : SEEN;
}

function push(block: Float64Array, ring: number, value: number): void {
  const count = block[ring]!;
  block[ring + 1 + (count & mask)] = value;
  block[ring] = count + 1;
}

/** The point `by` before the last. */
function back(block: Float64Array, ring: number, by: number): number {
  return block[ring + 1 + ((block[ring]! - 1 - by) & mask)]!;
}
