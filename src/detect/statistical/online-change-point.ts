// Bayesian online change point detection: where the present regime began, after every point.

export interface OnlineChangePoint {
  /** Folds a finite value in and says how many points ago the present run most likely began. */
  push(value: number): number;
}

const runsMax = 512;
const hazard = 1 / 250;
/** Points whose spread sets the prior scale. */
const pointsForScale = 10;

/**
 * Normal noise with unknown mean and variance (normal-inverse-gamma prior), runs cut off at 512 points.
 * Source: Adams and MacKay, "Bayesian Online Changepoint Detection" (2007). State: 5 x 512 numbers.
 * Blind to changes of slope or period, and to more than one change within a few points.
 */
export function createOnlineChangePoint(): OnlineChangePoint {
  const weights = new Float64Array(runsMax + 1);
  const means = new Float64Array(runsMax + 1);
  const strengths = new Float64Array(runsMax + 1);
  const shapes = new Float64Array(runsMax + 1);
  const scales = new Float64Array(runsMax + 1);
  let runs = 0;
  let count = 0;
  let overallMean = 0;
  let squares = 0;

  return {
    push(value) {
      count++;
      const priorMean = count === 1 ? value : overallMean;
      const before = value - overallMean;
      overallMean += before / count;
      squares += before * (value - overallMean);
      const variance = Math.max(squares / count, 1e-12 * (1 + value * value));
      let total = 0;
      for (let r = Math.min(runs, runsMax) - 1; r >= 0; r--) {
        const joint = weights[r]! * predictive(r, value) * (1 - hazard);
        weights[r + 1] = joint;
        fold(r, r + 1, value);
        total += joint;
      }
      begin(priorMean, variance);
      weights[0] = (runs === 0 ? 1 : hazard) * predictive(0, value);
      fold(0, 0, value);
      total += weights[0]!;
      runs = Math.min(runsMax, runs + 1);
      let best = 0;
      for (let r = 0; r < runs; r++) {
        weights[r]! /= total;
        if (weights[r]! > weights[best]!) best = r;
      }
      return count < pointsForScale ? count - 1 : best;
    },
  };

  /** Student t density of the next value after `r` points. */
  function predictive(r: number, value: number): number {
    const shape = shapes[r]!;
    const spread = (scales[r]! * (strengths[r]! + 1)) / (shape * strengths[r]!);
    const degrees = 2 * shape;
    const distance = (value - means[r]!) ** 2 / (degrees * spread);
    const height = Math.exp(logGammaHalfStep(shape)) / Math.sqrt(Math.PI * degrees * spread);
    return height * (1 + distance) ** (-(degrees + 1) / 2);
  }

  function fold(from: number, to: number, value: number): void {
    const strength = strengths[from]!;
    const distance = value - means[from]!;
    scales[to] = scales[from]! + (strength * distance ** 2) / (2 * (strength + 1));
    means[to] = means[from]! + distance / (strength + 1);
    strengths[to] = strength + 1;
    shapes[to] = shapes[from]! + 0.5;
  }

  /** The prior of a new run: anywhere the series has been, about as wide as it. */
  function begin(mean: number, variance: number): void {
    means[0] = mean;
    strengths[0] = 0.1;
    shapes[0] = 1;
    scales[0] = 0.1 * variance;
  }
}

/** ln Γ(a + 1/2) - ln Γ(a), by its asymptotic series (error below 1e-4 for a >= 1). */
function logGammaHalfStep(a: number): number {
  return 0.5 * Math.log(a) - 1 / (8 * a) + 1 / (192 * a ** 3);
}
