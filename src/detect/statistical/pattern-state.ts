// The numbers the full tier keeps of a series, and how each of them follows what is learned.
import { addToUsualHigh, usualHigh, usualHighNumbers } from "./block-high.ts";
import { addDistance, fadeOf, usualDistance, usualDistanceNumbers } from "./usual-distance.ts";

// Numbers of a slot's state. Unrest and slow score are kept of what was learned and of what was seen.
export const POINTS = 0;
export const SLOW = 1;
export const UNREST = 2;
export const SLOW_SCORE = 3;
export const UNREST_SEEN = 4;
export const FOLLOWED = 5;
export const GAP = 6;
export const LAST_AT = 7;
export const SEASON = 8;
export const SHIFT = SEASON + usualDistanceNumbers;
export const HIGH = SHIFT + usualDistanceNumbers;
const HIGHS = HIGH + 4;
export const NUMBERS = HIGHS + 4 * usualHighNumbers;

/** Highs of each score over an hour of points that are believed to be usual before there is data. */
const highExpected = [4, 2, 3, 1] as const;
/** Points before a shift can be told. */
export const shiftPointsMin = 100;
const shiftFade = fadeOf(120);
const unrestFade = 0.08;
const unrestCap = 6;
const shiftSpreadFade = fadeOf(1440);

export function createNumbers(): Float64Array {
  const state = new Float64Array(NUMBERS);
  state[SLOW] = Number.NaN;
  state.fill(1, HIGH, HIGHS);
  return state;
}

/** The slow mean follows the level by bounded steps, and the usual distance between the two with it. */
export function followSlow(state: Float64Array, level: number, grain: number): void {
  if (Number.isNaN(state[SLOW]!)) state[SLOW] = level;
  const distance = level - state[SLOW]!;
  const usual = usualDistance(state, SHIFT);
  addDistance(state, SHIFT, Math.abs(distance), grain, shiftSpreadFade);
  const few = state[POINTS]! < shiftPointsMin;
  const step = few || usual === 0 ? distance : Math.max(-4 * usual, Math.min(4 * usual, distance));
  if (Math.abs(step) <= Number.MAX_VALUE) state[SLOW] = state[SLOW]! + step * shiftFade;
}

/** The mean oddness of the last dozen points, of those learned or of those seen. */
export function followUnrest(state: Float64Array, which: typeof UNREST | typeof UNREST_SEEN, odd: number): number {
  const unrest = state[which]! + unrestFade * (Math.min(odd, unrestCap) - state[which]!);
  state[which] = unrest;
  return unrest;
}

/** Counts a score towards its usual high in this series. */
export function countHigh(state: Float64Array, which: 0 | 1 | 2 | 3, score: number): void {
  const at = HIGHS + which * usualHighNumbers;
  if (addToUsualHigh(state, at, score)) state[HIGH + which] = usualHigh(state, at, highExpected[which]);
}
