// Choices drawn from seeded random numbers, so that every body of a run can be made again.
import { seededRandom } from "../../src/math/random.ts";

export interface Choose {
  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number;
  of<T>(list: readonly T[]): T;
}

export function createChoose(seed: number): Choose {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  return { below, of: (list) => list[below(list.length)]! };
}
