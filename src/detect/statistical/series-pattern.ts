// Detector, the full tier: the cheap tier's distance, excused by what is usual at this time of day, and slower oddities.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { pack, unpack } from "../packing.ts";
import { addToUsualHigh, usualHigh, usualHighNumbers } from "./block-high.ts";
import { createDayMemory, type DayMemory } from "./day-memory.ts";
import { type Band, createForecastDistance } from "./forecast-distance.ts";
import { addDistance, fadeOf, grainOf, sigmasPerMean, usualDistance, usualDistanceNumbers } from "./usual-distance.ts";

export interface SeriesPatternOptions {
  /** Time between points: what is odd once a day is odder at a point a minute than at one every five. */
  readonly stepSeconds: number;
  /** Points by which learning runs behind scoring. */
  readonly behindPoints: number;
}

/** A score from which a point is odd, the same for every series and step. */
export const oddScore = 6;

/** A point a minute, learning 10 minutes behind. */
export const seriesPattern: DetectorKind<"point"> = {
  kind: "series-pattern",
  summary: "Oddness of a value, of a level for its time of day, of a shift, and of how often the series is odd.",
  input: "point",
  create: (snapshot) => createSeriesPattern({ stepSeconds: 60, behindPoints: 10 }, snapshot),
};

/** Deviations that are odd, at a point a minute in a series as quiet as expected. */
const oddValue = 10;
const oddSeason = 12;
const oddShift = 10;
/** Mean oddness of the last dozen points that is odd. */
const oddUnrest = 3.8;
/** Scores have tails that fall with about the third power: five times fewer points a day may score 1.7 times lower. */
const stepPower = 1 / 3;
const stepReferenceSeconds = 60;

/** Highs of each score over an hour of points that are believed to be usual before there is data. */
const highExpected = [4, 2, 3, 1] as const;
/** A series quieter than expected may be judged at this share of the limit, no lower. */
const quietMin = 0.6;
/** How far a restless series raises the limit of a single value: fully would be to never believe it. */
const valueTrust = 0.8;

/** Oddness that a time of day must usually have before it excuses any, and how much more than usual is excused. */
const excuseMin = 3.5;
const excuseFactor = 1.2;
const excusedShare = 0.02;

const shiftPointsMin = 100;
const shiftFade = fadeOf(120);
const unrestFade = 0.08;
const unrestCap = 6;
const seasonFade = fadeOf(720);
const shiftSpreadFade = fadeOf(1440);

// Numbers of a slot's state.
const POINTS = 0;
const SLOW = 1;
const UNREST = 2;
const SLOW_SCORE = 3;
const SEASON = 4;
const SHIFT = SEASON + usualDistanceNumbers;
const HIGH = SHIFT + usualDistanceNumbers;
const HIGHS = HIGH + 4;
const NUMBERS = HIGHS + 4 * usualHighNumbers;

interface Slot {
  readonly state: Float64Array;
  readonly memory: DayMemory;
}

/**
 * Own combination. Every score is measured against its own usual high in this series, so that one threshold serves all.
 * State: 38 kB a slot at most. Blind to periods other than the day, to drift slower than two hours, and in a series that
 * often bursts to all but the greatest burst.
 */
export function createSeriesPattern(options: SeriesPatternOptions, snapshot?: Uint8Array): Detector<"point"> {
  const { stepSeconds, behindPoints } = options;
  const kind = `series-pattern ${stepSeconds}`;
  const packed = snapshot === undefined ? undefined : unpack(snapshot);
  const known = packed?.header["kind"] === kind ? packed : undefined;
  const inner = known?.columns[0];
  const distances = createForecastDistance(kind, behindPoints, inner === undefined ? undefined : bytesOf(inner));
  const slots: (Slot | undefined)[] = [];
  const band: Band = { center: 0, half: 0 };
  const strictness = (stepReferenceSeconds / stepSeconds) ** stepPower;
  if (known !== undefined) restore(known.header["slots"], known.columns);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++)
        out[row] = usable(batch, row) ? scoreOf(batch.slots[row] as number, batch.values[row] as number) : Number.NaN;
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++)
        if (usable(batch, row)) fold(batch.slots[row] as number, batch.values[row] as number);
        else slots[batch.slots[row] as number]?.memory.pass();
    },
    explain(batch, row) {
      const is = distances.band(batch.slots[row] as number, band);
      const low = is ? band.center - band.half : Number.NaN;
      return { expected: { low, high: is ? band.center + band.half : Number.NaN }, evidence: [] };
    },
    snapshot() {
      const numbers: number[] = [];
      const columns: Float64Array[] = [numbersOf(distances.snapshot())];
      for (const [slot, one] of slots.entries()) {
        if (one === undefined) continue;
        numbers.push(slot);
        columns.push(one.state, ...one.memory.columns());
      }
      return pack({ kind, slots: numbers }, columns);
    },
  };

  function scoreOf(slot: number, value: number): number {
    const raw = distances.score(slot, value);
    const one = slots[slot];
    if (one === undefined || Number.isNaN(raw)) return Number.NaN;
    const { state, memory } = one;
    const limit = oddValue * strictness * Math.max(quietMin, state[HIGH]!) ** valueTrust;
    return oddScore * Math.max(excused(raw, memory) / limit, state[SLOW_SCORE]!);
  }

  function fold(slot: number, value: number): void {
    const { state, memory } = slots[slot] ?? create(slot);
    const raw = distances.fold(slot, value);
    const level = distances.level(slot);
    const points = state[POINTS]! + 1;
    state[POINTS] = points;
    if (Number.isNaN(level)) return;
    if (Number.isNaN(raw)) {
      memory.learn(level, 0);
      return;
    }
    const grain = grainOf(value);
    const odd = excused(raw, memory);
    const spread = distances.spread(slot);
    const offDay = memory.levelDistance(level);
    const season = Number.isNaN(offDay)
      ? 0
      : offDay / (Math.max(usualDistance(state, SEASON), spread / 2) * sigmasPerMean + grain);
    addDistance(state, SEASON, offDay, grain, seasonFade);
    const shift = shiftOf(state, level, spread, grain, points);
    state[UNREST] = state[UNREST]! + unrestFade * (Math.min(odd, unrestCap) - state[UNREST]!);
    count(state, 0, odd);
    count(state, 1, season);
    count(state, 2, shift);
    count(state, 3, state[UNREST]!);
    const slow = Math.max(
      memory.days < 2 ? 0 : season / oddSeason / Math.max(quietMin, state[HIGH + 1]!),
      points < shiftPointsMin ? 0 : shift / oddShift / Math.max(quietMin, state[HIGH + 2]!),
      state[UNREST]! / oddUnrest / Math.max(quietMin, state[HIGH + 3]!),
    );
    state[SLOW_SCORE] = slow / strictness;
    memory.learn(level, raw);
  }

  function restore(numbers: unknown, columns: readonly Float64Array[]): void {
    if (!Array.isArray(numbers)) return;
    for (const [i, slot] of numbers.entries()) {
      const state = columns[1 + 4 * i];
      if (!Number.isSafeInteger(slot) || slot < 0 || state?.length !== NUMBERS) continue;
      const memory = createDayMemory(stepSeconds, columns.slice(2 + 4 * i, 5 + 4 * i));
      slots[Number(slot)] = { state, memory };
    }
  }

  function create(slot: number): Slot {
    const state = new Float64Array(NUMBERS);
    state[SLOW] = Number.NaN;
    state.fill(1, HIGH, HIGHS);
    const one = { state, memory: createDayMemory(stepSeconds) };
    slots[slot] = one;
    return one;
  }
}

/** Distance of the level from a slow mean of itself, which follows it by bounded steps. */
function shiftOf(state: Float64Array, level: number, spread: number, grain: number, points: number): number {
  if (Number.isNaN(state[SLOW]!)) state[SLOW] = level;
  const distance = level - state[SLOW]!;
  const usual = usualDistance(state, SHIFT);
  const shift = Math.abs(distance) / (Math.max(usual, spread / 2) * sigmasPerMean + grain);
  addDistance(state, SHIFT, Math.abs(distance), grain, shiftSpreadFade);
  const step = points < shiftPointsMin || usual === 0 ? distance : Math.max(-4 * usual, Math.min(4 * usual, distance));
  if (Math.abs(step) <= Number.MAX_VALUE) state[SLOW] = state[SLOW]! + step * shiftFade;
  return Math.min(1e6, shift);
}

function count(state: Float64Array, which: 0 | 1 | 2 | 3, score: number): void {
  const at = HIGHS + which * usualHighNumbers;
  if (addToUsualHigh(state, at, score)) state[HIGH + which] = usualHigh(state, at, highExpected[which]);
}

/** What is left of an oddness that this time of day usually has, too. */
function excused(odd: number, memory: DayMemory): number {
  if (odd <= excuseMin) return odd;
  const usual = memory.usualOddness();
  return usual <= excuseMin ? odd : Math.max(excusedShare * odd, odd - excuseFactor * usual);
}

function numbersOf(bytes: Uint8Array): Float64Array {
  return Float64Array.from(bytes);
}

function bytesOf(numbers: Float64Array): Uint8Array {
  return Uint8Array.from(numbers);
}

function usable(batch: PointBatch, row: number): boolean {
  return ((batch.quality[row] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[row] as number);
}
