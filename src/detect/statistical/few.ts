// Medians of three and of five numbers, without a loop or an array.

/** No argument may be NaN. */
export function medianOf3(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}

/** No argument may be NaN. Drops the least of the two lower and the greatest of the two upper of two pairs. */
export function medianOf5(a: number, b: number, c: number, d: number, e: number): number {
  return medianOf3(Math.max(Math.min(a, b), Math.min(c, d)), Math.min(Math.max(a, b), Math.max(c, d)), e);
}
