// Distance of a value from the median of the points just before it, in units of how far points of the series usually lie.
import { quantileOf } from "../../math/quantile.ts";

export interface RollingLevel {
  /** Score >= 0 of a value, before it is learned; NaN while it cannot tell. Does not change anything. */
  score(value: number): number;
  /** `distance` in the units of the score. NaN while nothing is known. */
  scaled(distance: number): number;
  readonly center: number;
  learn(value: number): void;
}

const windowPoints = 30;
const pointsMin = 30;
/** Distances count at most so many times the usual one: an incident moves the spread by a few per cent. */
const winsor = 4;
const halfLifePoints = 720;
/** Mean distance to standard deviation of a normal distribution. */
const sigmasPerMean = 1.2533;
/** Score of any change of a series that never changed. */
const scoreMax = 100;

/**
 * Source: Hampel's identifier (1974) with a winsorised mean of past distances as the spread, exact for a series that
 * never varied: it scores 0 at its value and the maximum elsewhere. State: about 60 numbers.
 * Blind to slow drift and to what follows a level shift after half a window.
 */
export function createRollingLevel(): RollingLevel {
  const values = new Float64Array(windowPoints);
  const scratch = new Float64Array(windowPoints);
  let count = 0;
  let next = 0;
  let center = Number.NaN;
  let meanDistance = 0;
  let scale = 0;
  const fade = 1 - 0.5 ** (1 / halfLifePoints);

  return {
    get center() {
      return center;
    },
    score: (value) => scaled(Math.abs(value - center)),
    scaled,
    learn(value) {
      const distance = Math.abs(value - center);
      if (count >= 5) {
        const cap = meanDistance > 0 ? Math.min(distance, winsor * meanDistance) : distance * fade;
        meanDistance += (cap - meanDistance) * Math.max(fade, 1 / (count - 3));
      }
      values[next] = value;
      next = (next + 1) % windowPoints;
      count++;
      scale = Math.max(scale, Math.abs(value));
      const filled = Math.min(count, windowPoints);
      scratch.set(values);
      center = quantileOf(scratch, filled, 0.5);
    },
  };

  function scaled(distance: number): number {
    if (count < pointsMin) return Number.NaN;
    // Below what floating point can tell, nothing changed.
    if (distance <= scale * 1e-12) return 0;
    return Math.min(scoreMax, distance / (meanDistance * sigmasPerMean));
  }
}
