// Student's t distribution: its tail.
import { betaLower } from "./gamma.ts";

/** P(T > t) of Student's t with `df` > 0 degrees of freedom. */
export function studentUpper(t: number, df: number): number {
  if (Number.isNaN(t)) return Number.NaN;
  if (t === Number.POSITIVE_INFINITY) return 0;
  if (t === Number.NEGATIVE_INFINITY) return 1;
  const half = betaLower(df / 2, 0.5, df / (df + t * t)) / 2;
  return t >= 0 ? half : 1 - half;
}
