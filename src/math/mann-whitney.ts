// Two samples by ranks: whether one tends to lie above the other, and how far.
import { normalUpper } from "./tails.ts";

export interface RankComparison {
  /** Cliff's delta: P(b > a) - P(b < a), from -1 to 1; 0 where neither tends to lie above. */
  readonly delta: number;
  /** Probability of a delta at least so large if both are of one distribution, one-sided. */
  readonly pAbove: number;
}

/**
 * Mann and Whitney 1947, normal approximation with the variance corrected for ties and half a step of continuity; the effect size is
 * Cliff's (1993). Takes observations for independent: of a series that remembers itself the tail is too small, so judge by `delta` as well.
 * Undefined where a sample has fewer than four. O(n log n); neither array is changed.
 */
export function compareByRanks(a: Float64Array, b: Float64Array): RankComparison | undefined {
  if (a.length < 4 || b.length < 4) return undefined;
  const all = [...Array.from(a, (value) => ({ value, isB: 0 })), ...Array.from(b, (value) => ({ value, isB: 1 }))];
  all.sort((x, y) => x.value - y.value);
  let [rankSum, ties] = [0, 0];
  for (let i = 0; i < all.length; ) {
    let j = i;
    let ofB = 0;
    while (j < all.length && all[j]!.value === all[i]!.value) ofB += all[j++]!.isB;
    const count = j - i;
    rankSum += ofB * ((i + j + 1) / 2);
    ties += count ** 3 - count;
    i = j;
  }
  const [n, m, total] = [a.length, b.length, all.length];
  const u = rankSum - (m * (m + 1)) / 2;
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  const z = variance > 0 ? (u - (n * m) / 2 - 0.5) / Math.sqrt(variance) : 0;
  return { delta: (2 * u) / (n * m) - 1, pAbove: variance > 0 ? normalUpper(z) : 1 };
}
