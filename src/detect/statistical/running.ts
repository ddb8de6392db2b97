// What is usual for one number of a slot: centre and spread that outliers hardly move, in five fields of a row.

/** Fields a running level takes in a row. */
export const runningWidth = 5;
const COUNT = 0;
const CENTER = 1;
const SPREAD = 2;
/** Points in a row beyond the clip, signed by their side, and their mean. */
const RUN = 3;
const RUN_MEAN = 4;

const clipSpreads = 3;
/** Before so many points nothing is clipped: there is nothing to clip by. */
const clipFrom = 10;
/** So many learned points in a row on one side are no outliers but where the series is now. */
const runMax = 30;
/** Mean absolute distance of a normal distribution, as standard deviations. */
const perMean = 1.2533;
/** Points at which the spread counts double, for what so few cannot have shown. */
const doubtPoints = 40;

/**
 * Folds `x` in, at a rate of 1/count down to 1/`window`. Distances count three spreads at most; `floor` is the least spread.
 * Source: Huber's location estimate (1964), solved by stochastic approximation. Blind to what changes within `window`.
 */
export function learnRunning(data: Float64Array, at: number, x: number, floor: number, window: number): void {
  const count = data[at + COUNT]! + 1;
  data[at + COUNT] = count;
  if (count === 1) {
    data[at + CENTER] = x;
    return;
  }
  const distance = x - data[at + CENTER]!;
  const limit = count <= clipFrom ? Number.POSITIVE_INFINITY : clipSpreads * Math.max(data[at + SPREAD]!, floor);
  const clipped = Math.max(-limit, Math.min(limit, distance));
  if (clipped === distance) data[at + RUN] = 0;
  else if (countRun(data, at, x, Math.sign(distance))) return;
  const rate = Math.max(1 / count, 1 / window);
  data[at + CENTER]! += rate * clipped;
  data[at + SPREAD]! += rate * (Math.abs(clipped) * perMean - data[at + SPREAD]!);
}

export function countOf(data: Float64Array, at: number): number {
  return data[at + COUNT]!;
}

export function centerOf(data: Float64Array, at: number): number {
  return data[at + CENTER]!;
}

/** Spread, widened for what few points leave open. */
export function spreadOf(data: Float64Array, at: number, floor: number): number {
  return Math.max(data[at + SPREAD]!, floor) * (1 + doubtPoints / Math.max(1, data[at + COUNT]!));
}

/** Takes `center` for the usual from now on; the spread stays. */
export function recenter(data: Float64Array, at: number, center: number): void {
  data[at + CENTER] = center;
  data[at + RUN] = 0;
}

/** True when the run was long enough to become the centre. */
function countRun(data: Float64Array, at: number, x: number, side: number): boolean {
  const run = data[at + RUN]!;
  const length = run * side > 0 ? Math.abs(run) + 1 : 1;
  data[at + RUN_MEAN] = length === 1 ? x : data[at + RUN_MEAN]! + (x - data[at + RUN_MEAN]!) / length;
  data[at + RUN] = side * length;
  if (length < runMax) return false;
  recenter(data, at, data[at + RUN_MEAN]!);
  return true;
}
