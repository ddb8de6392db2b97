// Small exact tests over counts: is this count more or less than the reference leads to expect, is this mix another one.

import { chiSquaredUpper } from "../../math/tails.ts";

/**
 * G-test of homogeneity (Sokal & Rohlf) of two rows of counts. Categories of which fewer than five are expected in
 * either row are put together first, without which its chi-squared law does not hold.
 */
export function mixTail(
  now: readonly number[],
  reference: readonly number[],
): { readonly g: number; readonly tail: number } {
  const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);
  const [n, m] = [total(now), total(reference)];
  if (n === 0 || m === 0) return { g: 0, tail: 1 };
  const smaller = Math.min(n, m) / (n + m);
  const kept: [number, number][] = [];
  const rest: [number, number] = [0, 0];
  for (let i = 0; i < now.length; i++) {
    const both = now[i]! + reference[i]!;
    if (both * smaller >= 5) kept.push([now[i]!, reference[i]!]);
    else {
      rest[0] += now[i]!;
      rest[1] += reference[i]!;
    }
  }
  if ((rest[0] + rest[1]) * smaller >= 5) kept.push(rest);
  if (kept.length < 2) return { g: 0, tail: 1 };
  const [a, b] = [total(kept.map(([x]) => x)), total(kept.map(([, y]) => y))];
  const part = (seen: number, expected: number): number => (seen === 0 ? 0 : seen * Math.log(seen / expected));
  const g =
    2 * kept.reduce((sum, [x, y]) => sum + part(x, ((x + y) * a) / (a + b)) + part(y, ((x + y) * b) / (a + b)), 0);
  return { g, tail: chiSquaredUpper(g, kept.length - 1) };
}
