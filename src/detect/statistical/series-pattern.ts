// Detector, the full tier: the cheap tier's distance, excused by what is usual at this time of day, and slower oddities.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import type { Instant } from "../../model/time.ts";
import { doublesOf, pack, unpack } from "../packing.ts";
import { createDayMemory, type DayMemory } from "./day-memory.ts";
import { exceedanceBlockPoints } from "./exceedance.ts";
import { excused } from "./excuse.ts";
import { type Band, createForecastDistance } from "./forecast-distance.ts";
import { bandOf, harmful, type Nature, type NatureOf, plainNature, unknownBand, usable } from "./natures.ts";
import {
  countHigh,
  createNumbers,
  FOLLOWED,
  followReach,
  followSlow,
  followUnrest,
  GAP,
  HIGH,
  innerOf,
  interrupt,
  LAST_AT,
  moveReach,
  NUMBERS,
  POINTS,
  SEASON,
  SHIFT,
  SLOW,
  SLOW_SCORE,
  SUSTAINED,
  SUSTAINED_SEEN,
  shiftPointsMin,
  UNREST,
  UNREST_SEEN,
} from "./pattern-state.ts";
import { oddReach, quietMin, valueLimit } from "./point-limits.ts";
import { followSustained } from "./sustained.ts";
import { oddTogether } from "./together.ts";
import { addDistance, fadeOf, grainOf, sigmasPerMean, usualDistance } from "./usual-distance.ts";

export interface SeriesPatternOptions {
  /** Time between points: what is odd once a day is odder at a point a minute than at one every five. */
  readonly stepSeconds: number;
  /** Points by which learning runs behind scoring, where nobody tells the time of what is learned. */
  readonly behindPoints: number;
  /** Absent: values as they are, and both directions harm. */
  readonly natureOf?: NatureOf;
  /** What a time of day is told by: 38 kB a slot at bins of a minute, 9 kB at five. Default a minute. */
  readonly memoryBinSeconds?: number;
  /** More are not judged. */
  readonly slotsMax?: number;
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
const oddSeason = 12.6;
const oddShift = 10.5;
/** Mean oddness of the last dozen points that is odd. */
const oddUnrest = 4;
/** Scores have tails that fall with about the third power: five times fewer points a day may score 1.7 times lower. */
const stepPower = 1 / 3;
const stepReferenceSeconds = 60;
const secondsPerDay = 86_400;

/** Five days at a second a point are too many to pass one by one. */
const missedMax = 500_000;
const seasonFade = fadeOf(720);

/** Unusable points in a row after which what was learned before them is not what came just before. */
const gapPoints = 15;

interface Slot {
  readonly state: Float64Array;
  readonly memory: DayMemory;
}

/**
 * Own combination. Every score is measured against its own usual high in this series, so that one threshold serves all.
 * What is usual is learned from what `learn` is given, in its order; what was just before, and how restless it is now, is
 * taken from what `follow` is given, so that learning late costs little. State: 38 kB a slot at most (`memoryBinSeconds`). Blind to periods other
 * than the day, to drift slower than two hours, and in a series that often bursts to all but the greatest burst.
 */
export function createSeriesPattern(options: SeriesPatternOptions, snapshot?: Uint8Array): Detector<"point"> {
  const { stepSeconds, behindPoints, natureOf = plainNature, memoryBinSeconds = 60 } = options;
  const slotsMax = options.slotsMax ?? Number.POSITIVE_INFINITY;
  const kind = `series-pattern ${stepSeconds} ${memoryBinSeconds}`;
  const packed = snapshot === undefined ? undefined : unpack(snapshot);
  const known = packed?.header["kind"] === kind ? packed : undefined;
  const distances = createForecastDistance(kind, innerOf(known), (slot) => natureOf(slot).scale.floor / sigmasPerMean);
  const slots: (Slot | undefined)[] = [];
  let slotsKnown = 0;
  const band: Band = { center: 0, half: 0 };
  const strictness = (stepReferenceSeconds / stepSeconds) ** stepPower;
  const stepMs = 1000 * stepSeconds;
  /** Of the point at hand: how far off its time of day, shifted, and restless. */
  const slow = { offDay: 0, season: 0, shift: 0, unrest: 0, together: 0 };
  const blocksPerDay = secondsPerDay / (stepSeconds * exceedanceBlockPoints);
  if (known !== undefined) restore(known.header["slots"], known.columns);

  return {
    score(batch, now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = usable(batch, row) ? scoreOf(batch, row, now) : Number.NaN;
    },
    follow(batch, now) {
      for (let row = 0; row < batch.rows; row++) if (usable(batch, row)) followOne(batch, row, now);
    },
    learn(batch, at) {
      for (let row = 0; row < batch.rows; row++) learnOne(batch, row, at);
    },
    accept(slot) {
      const one = slots[slot];
      const level = distances.levelSeen(slot);
      const moved = level - distances.level(slot);
      if (one === undefined || !Number.isFinite(moved)) return;
      one.memory.shift(moved);
      one.state[SLOW] = level;
      moveReach(one.state, moved);
      interrupt(one.state);
      distances.interrupt(slot);
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      if (!distances.band(slot, band)) return { expected: unknownBand, evidence: [] };
      return { expected: bandOf(natureOf(slot), band.center, band.half), evidence: [] };
    },
    snapshot() {
      const numbers: number[] = [];
      const inner = distances.snapshot();
      const columns: Float64Array[] = [Float64Array.of(inner.length), doublesOf(inner)];
      for (const [slot, one] of slots.entries()) {
        if (one === undefined) continue;
        numbers.push(slot);
        columns.push(one.state, ...one.memory.columns());
      }
      return pack({ kind, slots: numbers }, columns);
    },
  };

  function scoreOf(batch: PointBatch, row: number, now: Instant): number {
    const slot = batch.slots[row] as number;
    const nature = natureOf(slot);
    const value = nature.scale.to(batch.values[row] as number);
    const raw = distances.score(slot, value);
    const one = slots[slot];
    if (one === undefined || Number.isNaN(raw)) return Number.NaN;
    const { state, memory } = one;
    const odd = excused(harmful(nature, raw, value - distances.levelSeen(slot)), memory, aheadOf(state, now));
    const reach = oddReach(state, nature, value, blocksPerDay);
    return oddScore * Math.max(odd / valueLimit(state, strictness), reach, state[SLOW_SCORE]!);
  }

  function followOne(batch: PointBatch, row: number, now: Instant): void {
    const slot = batch.slots[row] as number;
    const nature = natureOf(slot);
    const value = nature.scale.to(batch.values[row] as number);
    const one = slots[slot];
    const raw = distances.score(slot, value);
    const side = value - distances.levelSeen(slot);
    const counts = distances.follow(slot, value);
    if (one === undefined) return;
    const { state, memory } = one;
    const ahead = aheadOf(state, now);
    const point = { value, grain: grainOf(value), spread: distances.spread(slot), ahead };
    slow.together = oddTogether(one, nature, SUSTAINED_SEEN, point, false);
    const level = distances.levelSeen(slot);
    followSustained(state, SUSTAINED_SEEN, value, level);
    if (Number.isNaN(raw) || !counts) return;
    state[FOLLOWED] = 1;
    measure(one, nature, slot, level, point.grain, ahead);
    slow.unrest = followUnrest(state, UNREST_SEEN, excused(harmful(nature, raw, side), memory, ahead));
    state[SLOW_SCORE] = slowScore(one);
  }

  function learnOne(batch: PointBatch, row: number, at: Instant | undefined): void {
    const slot = batch.slots[row] as number;
    const before = slots[slot];
    if (before !== undefined && at !== undefined) passTime(before, at);
    if (usable(batch, row)) {
      if (before === undefined && slotsKnown >= slotsMax) return;
      const one = before ?? create(slot);
      if (one.state[GAP]! >= gapPoints) {
        distances.interrupt(slot);
        interrupt(one.state);
      }
      one.state[GAP] = 0;
      if (at !== undefined) one.state[LAST_AT] = at;
      fold(one, slot, batch.values[row] as number);
    } else if (before !== undefined) {
      before.state[GAP]!++;
      if (at !== undefined) before.state[LAST_AT] = at;
      before.memory.pass();
    }
  }

  /** The time of day goes on where a service that was down learned nothing. */
  function passTime({ state, memory }: Slot, at: Instant): void {
    if (state[LAST_AT] === 0) return;
    const missed = Math.min(missedMax, Math.round((at - state[LAST_AT]!) / stepMs) - 1);
    for (let i = 0; i < missed; i++) memory.pass();
    if (missed > 0) state[GAP] = state[GAP]! + missed;
  }

  function fold(one: Slot, slot: number, given: number): void {
    const { state, memory } = one;
    const nature = natureOf(slot);
    const value = nature.scale.to(given);
    const levelBefore = distances.level(slot);
    const raw = distances.fold(slot, value);
    const level = distances.level(slot);
    state[POINTS]!++;
    followReach(state, value);
    if (Number.isNaN(level)) return;
    const point = { value, grain: grainOf(value), spread: distances.spread(slot), ahead: 0 };
    const together = oddTogether(one, nature, SUSTAINED, point, !Number.isNaN(raw));
    followSustained(state, SUSTAINED, value, level);
    if (Number.isNaN(raw)) {
      memory.learn(level, 0);
      return;
    }
    const { grain } = point;
    if (state[FOLLOWED] === 0) slow.together = together;
    const odd = excused(harmful(nature, raw, value - levelBefore), memory, 0);
    measure(one, nature, slot, level, grain, 0);
    addDistance(state, SEASON, slow.offDay, grain, seasonFade);
    followSlow(state, level, grain);
    slow.unrest = followUnrest(state, UNREST, odd);
    countHigh(state, 0, odd);
    countHigh(state, 1, slow.season);
    countHigh(state, 2, slow.shift);
    countHigh(state, 3, state[UNREST]!);
    if (state[FOLLOWED] === 0) state[SLOW_SCORE] = slowScore(one);
    memory.learn(level, raw);
  }

  /** To `slow`: what a level is by its time of day and beside the mean of hours. */
  function measure(
    { state, memory }: Slot,
    nature: Nature,
    slot: number,
    level: number,
    grain: number,
    ahead: number,
  ): void {
    const spread = distances.spread(slot) / 2;
    const off = memory.levelDistance(level, ahead);
    slow.offDay = Math.abs(off);
    slow.season = Number.isNaN(off)
      ? 0
      : harmful(nature, slow.offDay / (Math.max(usualDistance(state, SEASON), spread) * sigmasPerMean + grain), off);
    const distance = Number.isNaN(state[SLOW]!) ? 0 : level - state[SLOW]!;
    const shift = Math.abs(distance) / (Math.max(usualDistance(state, SHIFT), spread) * sigmasPerMean + grain);
    slow.shift = harmful(nature, Math.min(1e6, shift), distance);
  }

  function slowScore({ state, memory }: Slot): number {
    const most = Math.max(
      memory.days < 2 ? 0 : slow.season / oddSeason / Math.max(quietMin, state[HIGH + 1]!),
      state[POINTS]! < shiftPointsMin ? 0 : slow.shift / oddShift / Math.max(quietMin, state[HIGH + 2]!),
      slow.unrest / oddUnrest / Math.max(quietMin, state[HIGH + 3]!),
      slow.together / strictness,
    );
    return most / strictness;
  }

  /** Points between the next one to be learned and the one at hand. */
  function aheadOf(state: Float64Array, now: Instant): number {
    if (state[LAST_AT] === 0) return behindPoints;
    return Math.max(0, Math.min(missedMax, Math.round((now - state[LAST_AT]!) / stepMs) - 1));
  }

  function restore(numbers: unknown, columns: readonly Float64Array[]): void {
    if (!Array.isArray(numbers)) return;
    for (const [i, slot] of numbers.entries()) {
      const state = columns[2 + 4 * i];
      if (!Number.isSafeInteger(slot) || slot < 0 || state?.length !== NUMBERS) continue;
      const memory = createDayMemory(stepSeconds, memoryBinSeconds, columns.slice(3 + 4 * i, 6 + 4 * i));
      if (slots[Number(slot)] === undefined) slotsKnown++;
      slots[Number(slot)] = { state, memory };
    }
  }

  function create(slot: number): Slot {
    const one = { state: createNumbers(), memory: createDayMemory(stepSeconds, memoryBinSeconds) };
    slots[slot] = one;
    slotsKnown++;
    return one;
  }
}
