// Sequential test of paired outcomes: may be looked at after every pair, and stopped whenever it says enough.
import { logGamma } from "./gamma.ts";

/** What pairs of trials, one of each side, came to. */
export interface PairedCounts {
  /** Pairs in which only the first side did worse. */
  readonly worse: number;
  /** Pairs in which only the second side did worse. Pairs alike on both sides say nothing and are not counted. */
  readonly better: number;
}

/**
 * ln of the mixture likelihood ratio of `worse` among the unlike pairs against a fair coin, the coin's true bias having a
 * uniform prior: ln(2^n B(w + 1, b + 1)). If both sides are alike it exceeds ln(1 / alpha) at any time with probability of
 * at most alpha (Ville 1939), however often it is looked at. Two-sided: compare the counts for the direction.
 * Sources: Robbins 1970; Johari, Koomen, Pekelis and Walsh 2022, "Always Valid Inference" (mSPRT). Blind to whatever
 * changes both sides alike, and takes pairs for independent.
 */
export function pairedEvidence({ worse, better }: PairedCounts): number {
  const n = worse + better;
  return n * Math.LN2 + logGamma(worse + 1) + logGamma(better + 1) - logGamma(n + 2);
}

/** A p-value that holds at every look: 1 over the highest evidence so far. `evidenceMax` >= 0 as {@link pairedEvidence} gives it. */
export function alwaysValidP(evidenceMax: number): number {
  return Math.min(1, Math.exp(-evidenceMax));
}
