// How far the last few points lie together from the level before them: what no single one of them is odd enough to tell.
import { addDistance, usualDistance, usualDistanceNumbers } from "./usual-distance.ts";

/** Points taken together, the least and the greatest of them left out. */
export const sustainedSpans = [5, 12] as const;
const longest = 12;

// Numbers of a state: points seen, a usual distance for each span, the last values, the last levels.
const SEEN = 0;
const USUAL = 1;
const VALUES = USUAL + sustainedSpans.length * usualDistanceNumbers;
const LEVELS = VALUES + longest;

export const sustainedNumbers = LEVELS + longest;

/** Signed distance of the last points, the newest `value`, from the level before them; NaN before there are enough. Folds nothing in. */
export function sustainedDistance(state: Float64Array, at: number, which: number, value: number): number {
  const span = sustainedSpans[which]!;
  const seen = state[at + SEEN]!;
  if (seen < longest) return Number.NaN;
  const level = state[at + LEVELS + ((seen - span) % longest)]!;
  let sum = value;
  let least = value;
  let most = value;
  for (let back = 1; back < span; back++) {
    const one = state[at + VALUES + ((seen - back) % longest)]!;
    sum += one;
    if (one < least) least = one;
    if (one > most) most = one;
  }
  return (sum - least - most) / (span - 2) - level;
}

/** Usual distance of so many points together. */
export function usualSustained(state: Float64Array, at: number, which: number): number {
  return usualDistance(state, at + USUAL + which * usualDistanceNumbers);
}

export function addSustained(
  state: Float64Array,
  at: number,
  which: number,
  distance: number,
  grain: number,
  fade: number,
): void {
  addDistance(state, at + USUAL + which * usualDistanceNumbers, distance, grain, fade);
}

/** Folds a point in: its value, and the level after it. */
export function followSustained(state: Float64Array, at: number, value: number, level: number): void {
  const seen = state[at + SEEN]!;
  state[at + VALUES + (seen % longest)] = value;
  state[at + LEVELS + (seen % longest)] = level;
  state[at + SEEN] = seen + 1;
}

/** What comes next does not follow on what was there. */
export function interruptSustained(state: Float64Array, at: number): void {
  state[at + SEEN] = 0;
}
