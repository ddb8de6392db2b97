// From when on a single point is odd: by its distance from what was just before, and by how rarely its height is reached.
import { exceedance } from "./exceedance.ts";
import { harmful, type Nature } from "./natures.ts";
import { ABOVE, BELOW, HIGH, highExpected, TAIL } from "./pattern-state.ts";

/** Deviations that are odd, at a point a minute in a series as quiet as expected. */
const oddValue = 10.8;
/** Odd is a height that the series is to reach less than once in 80 days, as a decimal logarithm. */
const oddRarity = 1.9;
/** A series quieter than expected may be judged at this share of the limit, no lower. */
export const quietMin = 0.6;
/** How far a restless series raises the limit of a single value: fully would be to never believe it. */
const valueTrust = 0.8;
/** Nothing is odd below so many times what the series usually reaches within blocks of points. */
const overHigh = 1.5;

/** Deviations from which a point is odd in this series; `strictness` is 1 at a point a minute, less where points are fewer. */
export function valueLimit(state: Float64Array, strictness: number): number {
  const high = state[HIGH]!;
  const least = overHigh * highExpected[0] * high;
  return Math.max(least, oddValue * strictness * Math.max(quietMin, high) ** valueTrust * state[TAIL]!);
}

/** How rarely so high or low a value is reached, as a share of what is odd. */
export function oddReach(state: Float64Array, nature: Nature, value: number, blocksPerDay: number): number {
  const above = harmful(nature, exceedance(state, ABOVE, value, blocksPerDay), 1);
  const below = harmful(nature, exceedance(state, BELOW, -value, blocksPerDay), -1);
  return Math.max(above, below) / oddRarity;
}
