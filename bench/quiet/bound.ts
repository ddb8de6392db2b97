// How many events a week there may be, given how many were seen.

/** Upper bound with 95 % confidence (one-sided, exact) of a Poisson mean after `seen` events. */
export function poissonUpper95(seen: number): number {
  let low = seen;
  let high = 3 * seen + 10;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (atMost(seen, middle) > 0.05) low = middle;
    else high = middle;
  }
  return high;
}

/** Probability of at most so many events with this mean. */
function atMost(events: number, mean: number): number {
  let term = Math.exp(-mean);
  let sum = term;
  for (let i = 1; i <= events; i++) {
    term *= mean / i;
    sum += term;
  }
  return sum;
}
