// How sure figures are that rest on few events.
import { poissonLower } from "./tails.ts";

/** Upper bound with 95 % confidence (one-sided, exact) of a Poisson mean of which `seen` events were counted, by bisection. */
export function poissonUpper95(seen: number): number {
  let low = seen;
  let high = 3 * seen + 10;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (poissonLower(seen, middle) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}

/** Lower end of the 95 % interval of a share; NaN for none. Source: Wilson (1927). */
export function wilsonLower95(hits: number, n: number): number {
  if (n === 0) return Number.NaN;
  const z = 1.96;
  const p = hits / n;
  const centre = p + (z * z) / (2 * n);
  const margin = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return (centre - margin) / (1 + (z * z) / n);
}
