// The numbers the full tier keeps of a series, and how each of them follows what is learned.
import type { unpack } from "../packing.ts";
import { addToUsualHigh, tailOfHighs, usualHigh, usualHighNumbers } from "./block-high.ts";
import { addToExceedance, exceedanceNumbers, shiftExceedance } from "./exceedance.ts";
import { interruptSustained, sustainedNumbers } from "./sustained.ts";
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
/** Highs of each score over an hour of points that are believed to be usual before there is data. */
export const highExpected = [4, 2, 3, 1, 4, 4] as const;
/** How far a heavier tail of the value's highs than expected raises its limit, as a factor. */
export const TAIL = HIGH + highExpected.length;
const HIGHS = TAIL + 1;
/** The last points learned, with what is usual of them, and the last points seen. */
export const SUSTAINED = HIGHS + highExpected.length * usualHighNumbers;
export const SUSTAINED_SEEN = SUSTAINED + sustainedNumbers;
export const ABOVE = SUSTAINED_SEEN + sustainedNumbers;
export const BELOW = ABOVE + exceedanceNumbers;
export const NUMBERS = BELOW + exceedanceNumbers;

const tailTrust = 0.3;
const tailExpected = 1.7;
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
export function countHigh(state: Float64Array, which: 0 | 1 | 2 | 3 | 4 | 5, score: number): void {
  const at = HIGHS + which * usualHighNumbers;
  if (!addToUsualHigh(state, at, score)) return;
  state[HIGH + which] = usualHigh(state, at, highExpected[which]);
  if (which === 0) state[TAIL] = (tailOfHighs(state, at, highExpected[0]) / tailExpected) ** tailTrust;
}

/** Learns how high and how low the series reaches. */
export function followReach(state: Float64Array, value: number): void {
  addToExceedance(state, ABOVE, value);
  addToExceedance(state, BELOW, -value);
}

/** A level as much higher as `moved` is normal from now on. */
export function moveReach(state: Float64Array, moved: number): void {
  shiftExceedance(state, ABOVE, moved);
  shiftExceedance(state, BELOW, -moved);
}

/** What comes next does not follow on what was there. */
export function interrupt(state: Float64Array): void {
  interruptSustained(state, SUSTAINED);
  interruptSustained(state, SUSTAINED_SEEN);
}

/** The bytes a snapshot holds of the distances. */
export function innerOf(known: ReturnType<typeof unpack>): Uint8Array | undefined {
  const [length, column] = known?.columns ?? [];
  const bytes = length?.[0];
  if (column === undefined || bytes === undefined || !(bytes >= 0 && bytes <= 8 * column.length)) return undefined;
  return new Uint8Array(column.buffer, column.byteOffset, bytes);
}
