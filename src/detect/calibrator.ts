// Gives scores of all detectors one meaning: the probability of such a score while nothing is wrong.
import { pack, unpack } from "./packing.ts";

export interface Calibrator {
  /** Adds a score seen while nothing was wrong. `weight` < 1 for scores that depend on their neighbours. */
  learn(pool: string, score: number, weight: number): void;
  /** Probability of a score at least this high while nothing is wrong; 1 for NaN. */
  tail(pool: string, score: number): number;
  /** Weight of all scores the pool remembers. */
  seen(pool: string): number;
  snapshot(): Uint8Array;
}

interface Pool {
  /** Weight of scores in bins of `binWidth`, the last for all above. */
  readonly bins: Float64Array;
  /** Weight in each bin and all above it. */
  readonly above: Float64Array;
  total: number;
  /** Of the tail, worked out anew when `dirty`. */
  threshold: number;
  beyond: number;
  scale: number;
  shape: number;
  dirty: boolean;
}

/** Scores are counted in bins so wide. */
export const binWidth = 0.1;
export const binCount = 401;
/** The tail begins where this share of scores lies above. */
const tailShare = 0.05;
const thresholdMin = 1.5;
/** What is believed of tails before data: a little heavier than a normal distribution's, worth this many scores. */
const priorScale = 0.42;
const priorWeight = 10;
const priorTotal = 20;
/** The heaviest tail believed: above it no score would ever be odd. */
const shapeMax = 0.1;
const shapeDoubt = 30;
/** Scores remembered: at a score a minute, twenty weeks of one series or an hour and a half of two thousand. */
const totalMax = 200_000;
/** So many scores as high are needed before their share is believed against the fit. */
const seenMin = 5;

/**
 * A pool holds the scores of one detector on one signal, of all entities together. Below the tail's start the empirical
 * share speaks; beyond it a generalised Pareto distribution fitted by moments (Pickands 1975, Hosking and Wallis 1987),
 * shrunk towards a prior and widened by what so few scores leave open, and never below the share of past scores as high,
 * where there were enough of them to tell.
 * Blind to how scores of different series differ within a pool, and to what has never happened yet.
 */
export function createCalibrator(snapshot?: Uint8Array): Calibrator {
  const pools = new Map<string, Pool>();
  if (snapshot !== undefined) restore(snapshot);

  return {
    learn(name, score, weight) {
      if (!(score >= 0)) return;
      const pool = poolOf(name);
      const bin = Math.min(binCount - 1, Math.floor(score / binWidth));
      pool.bins[bin] = (pool.bins[bin] as number) + weight;
      pool.total += weight;
      // Fading every bin at every score would cost hundreds of operations: all are halved at once now and then.
      if (pool.total > totalMax) {
        for (let i = 0; i < binCount; i++) pool.bins[i] = (pool.bins[i] as number) / 2;
        pool.total /= 2;
      }
      pool.dirty = true;
    },
    tail(name, score) {
      if (!(score >= 0)) return 1;
      const pool = poolOf(name);
      if (pool.dirty) refit(pool);
      return tailOf(pool, score);
    },
    seen: (name) => pools.get(name)?.total ?? 0,
    snapshot() {
      const names = [...pools.keys()];
      return pack(
        { kind: "calibrator", names },
        [...pools.values()].map((pool) => pool.bins),
      );
    },
  };

  function poolOf(name: string): Pool {
    let pool = pools.get(name);
    if (pool === undefined) {
      pool = {
        bins: new Float64Array(binCount),
        above: new Float64Array(binCount),
        total: 0,
        threshold: 0,
        beyond: 0,
        scale: 0,
        shape: 0,
        dirty: true,
      };
      pools.set(name, pool);
    }
    return pool;
  }

  function restore(bytes: Uint8Array): void {
    const packed = unpack(bytes);
    const names = packed?.header["names"];
    if (packed === undefined || !Array.isArray(names)) return;
    for (const [i, name] of names.entries()) {
      const bins = packed.columns[i];
      if (typeof name !== "string" || bins?.length !== binCount) continue;
      const pool = poolOf(name);
      pool.bins.set(bins);
      pool.total = bins.reduce((sum, weight) => sum + weight, 0);
    }
  }
}

function refit(pool: Pool): void {
  pool.dirty = false;
  const { bins, total } = pool;
  let sum = 0;
  for (let i = binCount - 1; i >= 0; i--) {
    sum += bins[i] as number;
    pool.above[i] = sum;
  }
  let bin = binCount;
  let above = 0;
  const first = Math.round(thresholdMin / binWidth);
  while (bin > first && above + (bins[bin - 1] as number) <= tailShare * total) above += bins[--bin] as number;
  let mean = 0;
  let square = 0;
  for (let i = bin; i < binCount; i++) {
    const excess = (i - bin + 0.5) * binWidth;
    mean += (bins[i] as number) * excess;
    square += (bins[i] as number) * excess * excess;
  }
  const variance = above > 0 ? Math.max(0, square / above - (mean / above) ** 2) : 0;
  const moment = above > 1 && variance > 0 ? 0.5 * (1 - (mean / above) ** 2 / variance) : 0;
  pool.threshold = bin * binWidth;
  pool.shape = Math.min(shapeMax, Math.max(0, moment)) * (above / (above + shapeDoubt));
  const weight = priorWeight + above;
  const excess = (priorWeight * priorScale + mean) / weight;
  pool.scale = excess * (1 + 1 / Math.sqrt(weight)) * (1 - pool.shape);
  pool.beyond = (above + tailShare * priorTotal) / (total + priorTotal);
}

function tailOf(pool: Pool, score: number): number {
  const seen = pool.above[Math.min(binCount - 1, Math.floor(score / binWidth))] as number;
  const empirical = seen >= seenMin || score <= pool.threshold ? seen / (pool.total + 1) : 0;
  if (score <= pool.threshold) return Math.max(empirical, pool.beyond);
  const x = (score - pool.threshold) / pool.scale;
  const survival = pool.shape > 1e-6 ? (1 + pool.shape * x) ** (-1 / pool.shape) : Math.exp(-x);
  return Math.max(empirical, pool.beyond * survival);
}
