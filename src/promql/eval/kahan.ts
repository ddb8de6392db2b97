// Sums that keep what rounding drops. Source: Neumaier 1974, as Prometheus uses it.

/** Adds to the sum at `at`; the compensation is kept beside it, at `at + 1`. The exact total is near their sum. */
export function kahanAdd(acc: Float64Array, at: number, value: number): void {
  const sum = acc[at]!;
  const next = sum + value;
  if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) acc[at + 1] = 0;
  else if (Math.abs(sum) >= Math.abs(value)) acc[at + 1]! += sum - next + value;
  else acc[at + 1]! += value - next + sum;
  acc[at] = next;
}

/** Room for one running sum after another, so that hot loops allocate nothing. Not for use across calls. */
export const scratch = new Float64Array(8);

/**
 * Folds one more value into a mean: acc[at] sum (or mean, once the sum would overflow), acc[at+1] its compensation.
 * `count` includes the new value; the result is whether the accumulator holds a mean by now.
 */
export function meanAdd(acc: Float64Array, at: number, value: number, count: number, incremental: boolean): boolean {
  if (count === 1) {
    acc[at] = value;
    acc[at + 1] = 0;
    return false;
  }
  if (!incremental) {
    const sum = acc[at]!;
    const compensation = acc[at + 1]!;
    kahanAdd(acc, at, value);
    if (Number.isFinite(acc[at]!) || Number.isNaN(acc[at]!)) return false;
    // The sum overflowed: go on from the mean so far.
    acc[at] = sum / (count - 1);
    acc[at + 1] = compensation / (count - 1);
  }
  const share = (count - 1) / count;
  acc[at]! *= share;
  acc[at + 1]! *= share;
  kahanAdd(acc, at, value / count);
  return true;
}

export function meanOf(acc: Float64Array, at: number, count: number, incremental: boolean): number {
  return incremental ? acc[at]! + acc[at + 1]! : acc[at]! / count + acc[at + 1]! / count;
}
