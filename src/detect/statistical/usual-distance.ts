// The usual distance of a series from something: a winsorised mean over the distances that were not zero.

/** Distances count at most so many times the usual one: an incident moves it by a few per cent. */
const winsor = 5;
/** Distances that are taken whole, as long as nothing is usual yet. */
const wholeDistances = 20;
/** Distances at which it counts half: what hardly ever moved has no usual distance yet. */
const doubtDistances = 5;

export const usualDistanceNumbers = 2;

/** Mean distance to standard deviation of a normal distribution. */
export const sigmasPerMean = 1.25;

/** 0 while there is none. The state at `at` is the mean and how many distances it rests on. */
export function usualDistance(state: Float64Array, at: number): number {
  const distances = state[at + 1]!;
  return (state[at]! * distances) / (distances + doubtDistances);
}

/** `fade` is the weight of the newest distance once there are many; distances up to `grain` are none. */
export function addDistance(state: Float64Array, at: number, distance: number, grain: number, fade: number): void {
  // What overflowed, or is no number for it, teaches nothing.
  if (!(distance > grain && distance <= Number.MAX_VALUE)) return;
  const distances = state[at + 1]! + 1;
  const mean = state[at]!;
  const counted = distances > wholeDistances ? Math.min(distance, winsor * mean) : distance;
  state[at] = mean + (counted - mean) * Math.max(fade, 1 / distances);
  state[at + 1] = distances;
}

/** Weight that halves after so many points. */
export function fadeOf(halfLifePoints: number): number {
  return 1 - 0.5 ** (1 / halfLifePoints);
}

/** Below what floating point can tell of a value, nothing changed; never 0, so that ratios stay numbers. */
export function grainOf(value: number): number {
  return 1e-9 * Math.abs(value) + 1e-300;
}
