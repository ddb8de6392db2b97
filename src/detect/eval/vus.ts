// Volume under the range-aware precision-recall surface (VUS-PR): how well scores rank labelled segments, at any threshold.
import type { Segment } from "./segments.ts";

const thresholds = 250;
const lagMin = 3;
const lagMax = 400;
const windowDefault = 125;
const pointsForWindow = 20_000;

/**
 * Mean average precision over label margins 0..`window` points. Scores must be finite; NaN without any segment.
 * Source: Paparrizos et al., "Volume Under the Surface" (VLDB 2022), in the form TSB-AD computes it.
 * Blind to whether one threshold serves several series, and kind to scores that stay high after an anomaly.
 */
export function vusPr(scores: Float64Array, segments: readonly Segment[], window: number): number {
  const n = scores.length;
  if (segments.length === 0 || n === 0) return Number.NaN;
  const { cutOf, predicted } = cuts(scores);
  const inside = new Uint8Array(n);
  const hits = new Float64Array(thresholds);
  let positives = 0;
  for (const { start, end } of segments) {
    for (let i = start; i <= end; i++) {
      inside[i] = 1;
      hits[cutOf[i]!]!++;
      positives++;
    }
  }
  let sum = 0;
  for (let margin = 0; margin <= window; margin++)
    sum += averagePrecision(margin, segments, inside, cutOf, predicted, hits, positives);
  return sum / (window + 1);
}

/** Lag of the highest local maximum of the autocorrelation, at lags 3..400; 125 where there is none below 303. */
export function vusWindow(values: Float64Array): number {
  const n = Math.min(pointsForWindow, values.length);
  let mean = 0;
  for (let i = 0; i < n; i++) mean += values[i]! / n;
  const lags = Math.min(lagMax, n - 1);
  const correlation = new Float64Array(lags + 1);
  for (let lag = 0; lag <= lags; lag++) {
    let sum = 0;
    for (let i = lag; i < n; i++) sum += (values[i]! - mean) * (values[i - lag]! - mean);
    correlation[lag] = sum;
  }
  let best = -1;
  for (let lag = lagMin + 1; lag < lags; lag++) {
    const here = correlation[lag]!;
    if (here <= correlation[lag - 1]! || here <= correlation[lag + 1]!) continue;
    if (best < 0 || here > correlation[best]!) best = lag;
  }
  return best - lagMin < 3 || best - lagMin > 300 ? windowDefault : best;
}

/** For every point the first of the falling thresholds that flags it, and how many points each threshold flags. */
function cuts(scores: Float64Array): { cutOf: Uint16Array; predicted: Float64Array } {
  const n = scores.length;
  const falling = Float64Array.from(scores).sort().reverse();
  const limits = Float64Array.from(
    { length: thresholds },
    (_, k) => falling[Math.floor((k * (n - 1)) / (thresholds - 1))]!,
  );
  const predicted = new Float64Array(thresholds);
  const cutOf = new Uint16Array(n);
  for (let i = 0; i < n; i++) {
    let low = 0;
    let high = thresholds - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (scores[i]! >= limits[middle]!) high = middle;
      else low = middle + 1;
    }
    cutOf[i] = low;
    predicted[low]!++;
  }
  for (let k = 1; k < thresholds; k++) predicted[k]! += predicted[k - 1]!;
  return { cutOf, predicted };
}

function averagePrecision(
  margin: number,
  segments: readonly Segment[],
  inside: Uint8Array,
  cutOf: Uint16Array,
  predicted: Float64Array,
  hits: Float64Array,
  positives: number,
): number {
  const n = inside.length;
  const half = margin >> 1;
  const weightAt = new Map<number, number>();
  const add = (i: number, distance: number) => {
    if (i < 0 || i >= n || inside[i] === 1) return;
    weightAt.set(i, Math.min(1, (weightAt.get(i) ?? 0) + Math.sqrt(1 - distance / margin)));
  };
  for (const { start, end } of segments) {
    for (let d = 1; d <= half; d++) {
      add(start - d, d);
      add(end + d, d);
    }
  }
  const around = new Float64Array(thresholds);
  for (const [i, weight] of weightAt) around[cutOf[i]!]! += weight;
  const merged = widened(segments, half, n);
  const touched = new Float64Array(thresholds);
  for (const { start, end } of merged) {
    let first = thresholds - 1;
    for (let i = start; i <= end; i++) first = Math.min(first, cutOf[i]!);
    touched[first]!++;
  }
  let inHits = 0;
  let outHits = 0;
  let segmentsHit = 0;
  let before = 0;
  let area = 0;
  for (let k = 0; k < thresholds; k++) {
    inHits += hits[k]!;
    outHits += around[k]!;
    segmentsHit += touched[k]!;
    const truePositives = inHits + outHits;
    const recall = Math.min(truePositives / (positives + outHits / 2), 1) * (segmentsHit / merged.length);
    area += (recall - before) * (truePositives / predicted[k]!);
    before = recall;
  }
  return area;
}

function widened(segments: readonly Segment[], half: number, n: number): readonly Segment[] {
  const merged: Segment[] = [];
  for (const { start, end } of segments) {
    const last = merged.at(-1);
    const from = Math.max(0, start - half);
    const to = Math.min(n - 1, end + half);
    if (last !== undefined && last.end >= from) merged[merged.length - 1] = { start: last.start, end: to };
    else merged.push({ start: from, end: to });
  }
  return merged;
}
