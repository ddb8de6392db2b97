// Cuts a stretch of values into regimes: each a level or a line with its own noise, as few as the data insist on.
import { quantileOf } from "../../math/quantile.ts";
import { createPeriodFinder } from "./period.ts";

export interface Segmenter {
  /** First points of all regimes of `values[0..count)` but the first, rising. `values` must be finite; they are not changed. */
  cut(values: Float64Array, count: number): readonly number[];
}

/** Fewest points of a regime. */
const regimePointsMin = 5;
/** A season is a regime's own only once it has been there twice. */
const regimePeriodsMin = 2;
/** A level costs three numbers (where, how high, how noisy), a line four: each is paid 5/4 of the logarithm of the length. */
const levelPrice = 3.75;
const linePrice = 5;
/** Variance every regime is granted, as a share of that of the whole stretch: what is smaller matters to nobody who sees it. */
const grantedShare = 0.1;
/** Half width of the running median, and the distance from it, in robust deviations, beyond which a point is an outlier. */
const medianHalfWidth = 3;
const outlierDeviations = 4;
/** Prices are for noise whose neighbours correlate by 1/3; more than that makes them dearer, up to so many times. */
const correlationBase = 2;
const dearestPrice = 5;
/** Where two lines meet is the better place of a bend, if it costs no more than this in log likelihood. */
const bendTolerance = 3;
/** Places considered for a cut, at most; longer stretches are searched on a grid, then around what it gives. */
const placesMax = 256;
const deviationsPerMad = 1.4826;

/**
 * Minimises the sum over regimes of n ln(variance about its level or line + granted) plus its price: optimal partitioning
 * (Jackson et al. 2005) under a normal model with a price in the manner of Schwarz (1978). Before it, outliers are drawn
 * to the running median (Hampel 1974) and what repeats is removed; after it, the price is raised by the autocorrelation
 * left within regimes, (1 + r)/(1 - r), and all is cut once more, so that noise that remembers is not cut to pieces.
 * Work: at most 2 x 256² / 2 costs a call. Blind to changes smaller than a third of the stretch's own deviation, to regimes
 * shorter than 5 points or 2 periods, and to bends of curves, which it takes for lines that break.
 */
export function createSegmenter(capacity: number): Segmenter {
  const periods = createPeriodFinder(capacity);
  const calm = new Float64Array(capacity);
  const around = new Float64Array(2 * medianHalfWidth + 1);
  const medians = new Float64Array(capacity);
  const distances = new Float64Array(capacity);
  const sums = new Float64Array(capacity + 1);
  const tilts = new Float64Array(capacity + 1);
  const squares = new Float64Array(capacity + 1);
  const least = new Float64Array(placesMax + 2);
  const before = new Int32Array(placesMax + 2);
  const worthALine = new Float64Array(capacity + 1);

  return { cut };

  function cut(values: Float64Array, count: number): readonly number[] {
    if (count < 2 * regimePointsMin || !standardise(values, calm, count)) return [];
    const period = periods.find(calm, count);
    if (period > 0) periods.remove(calm, count, period);
    drawOutliersIn(count);
    if (!standardise(calm, calm, count)) return [];
    accumulate(count);
    const shortest = Math.max(regimePointsMin, regimePeriodsMin * period);
    const first = partition(count, shortest, dearestPrice);
    const price = priceOf(first, count);
    const cuts = price === dearestPrice ? first : partition(count, shortest, price);
    return placeBends(cuts, count, shortest, price);
  }

  /** Mean 0 and variance 1; false where there is no variance. Safe for any finite input. */
  function standardise(from: Float64Array, to: Float64Array, count: number): boolean {
    let largest = 0;
    for (let i = 0; i < count; i++) largest = Math.max(largest, Math.abs(from[i]!));
    if (largest === 0) return false;
    let mean = 0;
    for (let i = 0; i < count; i++) mean += from[i]! / largest / count;
    let variance = 0;
    for (let i = 0; i < count; i++) variance += (from[i]! / largest - mean) ** 2 / count;
    // Below what floating point can tell, nothing changed.
    if (variance < 1e-24) return false;
    const deviation = Math.sqrt(variance);
    for (let i = 0; i < count; i++) to[i] = (from[i]! / largest - mean) / deviation;
    return true;
  }

  function drawOutliersIn(count: number): void {
    for (let i = 0; i < count; i++) {
      const from = Math.max(0, i - medianHalfWidth);
      const length = Math.min(count, i + medianHalfWidth + 1) - from;
      for (let k = 0; k < length; k++) around[k] = calm[from + k]!;
      medians[i] = quantileOf(around, length, 0.5);
      distances[i] = Math.abs(calm[i]! - medians[i]!);
    }
    const usual = Math.max(deviationsPerMad * quantileOf(distances, count, 0.5), grantedShare);
    const limit = outlierDeviations * usual;
    for (let i = 0; i < count; i++) calm[i] = Math.min(medians[i]! + limit, Math.max(medians[i]! - limit, calm[i]!));
  }

  function accumulate(count: number): void {
    for (let i = 0; i < count; i++) {
      const value = calm[i]!;
      sums[i + 1] = sums[i]! + value;
      tilts[i + 1] = tilts[i]! + i * value;
      squares[i + 1] = squares[i]! + value * value;
    }
  }

  function partition(count: number, shortest: number, price: number): number[] {
    const unit = price * Math.log(count);
    for (let length = 1; length <= count; length++)
      worthALine[length] = Math.exp((-(linePrice - levelPrice) * unit) / length);
    const stride = Math.ceil(count / placesMax);
    const places = Math.ceil(count / stride);
    const placeOf = (k: number) => (k === places ? count : k * stride);
    least.fill(Number.POSITIVE_INFINITY, 0, places + 1);
    least[0] = 0;
    for (let k = 1; k <= places; k++) {
      const end = placeOf(k);
      for (let j = 0; j < k; j++) {
        const start = j * stride;
        if (end - start < shortest) break;
        const cost = least[j]! + costOf(start, end, unit);
        if (cost >= least[k]!) continue;
        least[k] = cost;
        before[k] = j;
      }
    }
    const cuts: number[] = [];
    for (let k = before[places]!; k > 0; k = before[k]!) cuts.unshift(k * stride);
    if (stride > 1) refine(cuts, count, shortest, stride, unit);
    return cuts;
  }

  /** Moves each cut to its best place less than a stride away, its neighbours held. */
  function refine(cuts: number[], count: number, shortest: number, stride: number, unit: number): void {
    for (const [k, cut] of cuts.entries()) {
      const start = cuts[k - 1] ?? 0;
      const end = cuts[k + 1] ?? count;
      let lowest = Number.POSITIVE_INFINITY;
      for (let at = cut - stride + 1; at < cut + stride; at++) {
        if (at - start < shortest || end - at < shortest) continue;
        const cost = costOf(start, at, unit) + costOf(at, end, unit);
        if (cost >= lowest) continue;
        lowest = cost;
        cuts[k] = at;
      }
    }
  }

  /** Of a regime of the points from `start` to before `end`. */
  function costOf(start: number, end: number, unit: number): number {
    const length = end - start;
    const sum = sums[end]! - sums[start]!;
    const spread = Math.max(0, squares[end]! - squares[start]! - (sum * sum) / length);
    const tilt = tilts[end]! - tilts[start]! - (start + (length - 1) / 2) * sum;
    const explained = (tilt * tilt) / ((length * (length * length - 1)) / 12);
    const level = spread / length + grantedShare;
    const line = Math.max(0, spread - explained) / length + grantedShare;
    return line < level * worthALine[length]!
      ? length * Math.log(line) + linePrice * unit
      : length * Math.log(level) + levelPrice * unit;
  }

  /** How much dearer regimes are for the correlation of what they leave, the granted variance taken for white noise. */
  function priceOf(cuts: readonly number[], count: number): number {
    let variance = 0;
    let covariance = 0;
    for (let k = 0; k <= cuts.length; k++) {
      const start = cuts[k - 1] ?? 0;
      const end = cuts[k] ?? count;
      const { height, slope } = lineOf(start, end);
      let last = 0;
      for (let i = start; i < end; i++) {
        const left = calm[i]! - height - slope * i;
        variance += left * left;
        covariance += left * last;
        last = left;
      }
    }
    if (variance === 0) return 1;
    // Fitting a line makes what it leaves look less correlated, by about 2 / n a regime.
    const correlation = covariance / variance + (2 * (cuts.length + 1)) / count;
    const share = variance / (variance + grantedShare * count);
    const r = Math.max(0, Math.min(0.97, correlation * share));
    return Math.max(1, Math.min(dearestPrice, (1 + r) / (1 - r) / correlationBase));
  }

  function placeBends(cuts: number[], count: number, shortest: number, price: number): readonly number[] {
    const unit = price * Math.log(count);
    for (const [k, cut] of cuts.entries()) {
      const start = cuts[k - 1] ?? 0;
      const end = cuts[k + 1] ?? count;
      const left = lineOf(start, cut);
      const right = lineOf(cut, end);
      const meet = Math.round((right.height - left.height) / (left.slope - right.slope));
      if (!(meet - start >= shortest && end - meet >= shortest)) continue;
      if (Math.abs(meet - cut) > Math.min(cut - start, end - cut) / 2) continue;
      const now = costOf(start, cut, unit) + costOf(cut, end, unit);
      if (costOf(start, meet, unit) + costOf(meet, end, unit) < now + bendTolerance) cuts[k] = meet;
    }
    return cuts;
  }

  function lineOf(start: number, end: number): { readonly height: number; readonly slope: number } {
    const length = end - start;
    const sum = sums[end]! - sums[start]!;
    const middle = start + (length - 1) / 2;
    const slope = (tilts[end]! - tilts[start]! - middle * sum) / ((length * (length * length - 1)) / 12);
    return { height: sum / length - slope * middle, slope };
  }
}
