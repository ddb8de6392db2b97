// How far side B is from side A, and how sure that is, where observations come in strata and depend on one another.
import { studentUpper } from "../math/student.ts";
import type { Observations } from "./observations.ts";

/** The hypothesis "B is A moved by `shift`", to be asked for any shift. */
export interface Contrast {
  /** Positive where B lies above A moved by `shift`, zero where it fits; falls as `shift` grows. */
  statistic(shift: number): number;
  /** Probability of a statistic at least so high while B is A moved by `shift`, one-sided; rises with `shift`. */
  pAbove(shift: number): number;
  /** All shifts worth asking for lie between. */
  readonly low: number;
  readonly high: number;
  /** Observations of strata that both sides have, of all. */
  readonly comparedShare: number;
  readonly strata: number;
}

export interface Estimate {
  readonly shift: number;
  readonly low: number;
  readonly high: number;
}

/** Below so many replicas a side, what is a replica's own cannot be told from what is its side's. */
export const replicasMin = 3;
const steps = 26;

/**
 * By ranks within strata: van Elteren's weighted sum (1960) of P(A < B) - 1/2, weights n m / (n + m + 1). Its variance is that
 * of clusters, from placement values summed by block (Obuchowski 1997, "Nonparametric analysis of clustered ROC curve data"),
 * so that requests that waited in the same queue count as what they are; where both sides have three replicas or more, by
 * block and replica (two-way: Cameron, Gelbach and Miller 2011; degrees of freedom by Satterthwaite 1946). Shifts come of
 * inverting the test (Hodges and Lehmann 1963).
 * Outliers weigh as much as their rank. Blind to: what differs in spread or tail alone; dependence longer than a block.
 */
export function rankContrast(rows: Observations): Contrast {
  const parts = partsOf(rows);
  for (const { a, b } of parts) {
    a.sort((i, j) => (rows.values[i] as number) - (rows.values[j] as number));
    b.sort((i, j) => (rows.values[i] as number) - (rows.values[j] as number));
  }
  const weights = parts.map(({ a, b }) => (a.length * b.length) / (a.length + b.length + 1));
  return contrastOf(rows, parts, weights, (part, shift, placements) =>
    placeRanks(rows.values, part, shift, placements),
  );
}

/** By means within strata, same weights and variance: for shares and scores, of which most are equal. Shift = difference of means. */
export function meanContrast(rows: Observations): Contrast {
  const parts = partsOf(rows);
  const weights = parts.map(({ a, b }) => (a.length * b.length) / (a.length + b.length));
  return contrastOf(rows, parts, weights, ({ a, b }, shift, placements) => {
    let sumA = 0;
    let sumB = 0;
    // A counts against B, so that both parts of the difference are added.
    for (const i of a) sumA += placements[i] = -(rows.values[i] as number);
    for (const i of b) sumB += placements[i] = (rows.values[i] as number) - shift;
    return { meanA: sumA / a.length, meanB: sumB / b.length, center: sumA / a.length + sumB / b.length };
  });
}

/** The shift that fits best, and all that are not refused at `confidence` (0..1). */
export function estimate(contrast: Contrast, confidence: number): Estimate {
  const { low, high, statistic, pAbove } = contrast;
  const shift = crossing(statistic, low, high);
  const tail = (1 - confidence) / 2;
  return {
    shift,
    low: crossing((at) => tail - pAbove(at), low, shift),
    high: crossing((at) => 1 - tail - pAbove(at), shift, high),
  };
}

interface Part {
  /** Rows of either side in one stratum. */
  readonly a: Int32Array;
  readonly b: Int32Array;
}

interface Placed {
  readonly meanA: number;
  readonly meanB: number;
  /** What the stratum says; 0 = no difference. */
  readonly center: number;
}

function contrastOf(
  rows: Observations,
  parts: readonly Part[],
  weights: readonly number[],
  place: (part: Part, shift: number, placements: Float64Array) => Placed,
): Contrast {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const placements = new Float64Array(rows.length);
  const byBlock = clusters(rows.blocks, parts);
  const byReplica = clusters(rows.replicas, parts);
  const twoWay = byReplica.least >= replicasMin;
  const both = twoWay ? clusters(pairsOf(rows), parts) : undefined;
  let [low, high] = [0, 0];
  const out = { statistic: 0, variance: 0, df: 1 };

  function evaluate(shift: number, withVariance: boolean): void {
    out.statistic = 0;
    if (withVariance) for (const each of [byBlock, byReplica, both]) each?.sums.fill(0);
    for (const [s, part] of parts.entries()) {
      const { meanA, meanB, center } = place(part, shift, placements);
      const weight = (weights[s] as number) / total;
      out.statistic += weight * center;
      if (!withVariance) continue;
      for (const i of part.a) add(i, (weight * ((placements[i] as number) - meanA)) / part.a.length);
      for (const i of part.b) add(i, (weight * ((placements[i] as number) - meanB)) / part.b.length);
    }
    if (!withVariance) return;
    const block = squares(byBlock);
    const replica = both === undefined ? 0 : Math.max(0, squares(byReplica) - squares(both));
    out.variance = block + replica;
    const uncertainty = block ** 2 / Math.max(1, byBlock.least - 1) + replica ** 2 / Math.max(1, byReplica.least - 1);
    out.df = uncertainty > 0 ? out.variance ** 2 / uncertainty : 1;
  }

  function add(i: number, amount: number): void {
    byBlock.sums[byBlock.of[i] as number]! += amount;
    if (both === undefined) return;
    byReplica.sums[byReplica.of[i] as number]! += amount;
    both.sums[both.of[i] as number]! += amount;
  }

  let compared = 0;
  for (const { a, b } of parts) {
    compared += a.length + b.length;
    const [minA, maxA] = ends(rows.values, a);
    const [minB, maxB] = ends(rows.values, b);
    low = Math.min(low, minB - maxA);
    high = Math.max(high, maxB - minA);
  }
  return {
    statistic(shift) {
      evaluate(shift, false);
      return out.statistic;
    },
    pAbove(shift) {
      evaluate(shift, true);
      const { statistic, variance, df } = out;
      if (statistic === 0) return 0.5;
      if (!Number.isFinite(variance)) return 0.5;
      return variance > 0 ? studentUpper(statistic / Math.sqrt(variance), df) : statistic > 0 ? 0 : 1;
    },
    // A little beyond, so that sides without any spread are between too.
    low: low - 1e-9,
    high: high + 1e-9,
    comparedShare: rows.length === 0 ? 0 : compared / rows.length,
    strata: parts.length,
  };
}

/** Strata that both sides have. */
function partsOf({ length, strata, isB }: Observations): readonly Part[] {
  const found = new Map<number, { a: number[]; b: number[] }>();
  for (let i = 0; i < length; i++) {
    const stratum = strata[i] as number;
    const part = found.get(stratum) ?? { a: [], b: [] };
    found.set(stratum, part);
    (isB[i] === 1 ? part.b : part.a).push(i);
  }
  return [...found.values()]
    .filter(({ a, b }) => a.length > 0 && b.length > 0)
    .map(({ a, b }) => ({ a: Int32Array.from(a), b: Int32Array.from(b) }));
}

/** Of each A the share of moved Bs above it, of each B the share of As below it; ties count half. */
function placeRanks(values: Float64Array, { a, b }: Part, shift: number, placements: Float64Array): Placed {
  let [below, upTo, sum] = [0, 0, 0];
  for (const i of a) {
    const value = values[i] as number;
    while (below < b.length && (values[b[below] as number] as number) - shift < value) below++;
    upTo = Math.max(upTo, below);
    while (upTo < b.length && (values[b[upTo] as number] as number) - shift <= value) upTo++;
    sum += placements[i] = (b.length - (below + upTo) / 2) / b.length;
  }
  [below, upTo] = [0, 0];
  for (const i of b) {
    const value = (values[i] as number) - shift;
    while (below < a.length && (values[a[below] as number] as number) < value) below++;
    upTo = Math.max(upTo, below);
    while (upTo < a.length && (values[a[upTo] as number] as number) <= value) upTo++;
    placements[i] = (below + upTo) / 2 / a.length;
  }
  const mean = sum / a.length;
  return { meanA: mean, meanB: mean, center: mean - 0.5 };
}

interface Clusters {
  readonly of: Int32Array;
  readonly sums: Float64Array;
  /** How many the side has that has fewer. */
  readonly least: number;
}

function clusters(of: Int32Array, parts: readonly Part[]): Clusters {
  let count = 0;
  for (const one of of) count = Math.max(count, one + 1);
  const [a, b] = [new Set<number>(), new Set<number>()];
  for (const part of parts) {
    for (const i of part.a) a.add(of[i] as number);
    for (const i of part.b) b.add(of[i] as number);
  }
  return { of, sums: new Float64Array(count), least: Math.min(a.size, b.size) };
}

function pairsOf({ length, blocks, replicas }: Observations): Int32Array {
  const known = new Map<number, number>();
  const of = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const pair = (blocks[i] as number) * 65_536 + (replicas[i] as number);
    const found = known.get(pair) ?? known.size;
    known.set(pair, found);
    of[i] = found;
  }
  return of;
}

/** Sum of squares, made larger for few clusters. */
function squares({ sums, least }: Clusters): number {
  let sum = 0;
  for (const one of sums) sum += one * one;
  return least < 2 ? Number.POSITIVE_INFINITY : (sum * least) / (least - 1);
}

function ends(values: Float64Array, rows: Int32Array): readonly [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const i of rows) {
    low = Math.min(low, values[i] as number);
    high = Math.max(high, values[i] as number);
  }
  return [low, high];
}

/** Where a falling function crosses zero, by bisection. */
function crossing(of: (at: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let i = 0; i < steps; i++) {
    const middle = (low + high) / 2;
    if (of(middle) > 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
