// What two sides are compared by: one row an observation, in columns, and the strata and blocks they fall into.
import { quantileOf } from "../math/quantile.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { minuteMs } from "./minutes.ts";

export interface Observations {
  readonly length: number;
  readonly values: Float64Array;
  /** 1 = of side B. */
  readonly isB: Uint8Array;
  /** Only observations of one stratum are compared with one another. */
  readonly strata: Int32Array;
  /** Stretches of time, numbered from 0 without gaps; what shares one is not independent. */
  readonly blocks: Int32Array;
  /** Replicas, numbered from 0 without gaps. */
  readonly replicas: Int32Array;
}

/** One of them, before it is put into columns. */
export interface Observed {
  readonly isB: boolean;
  readonly at: Instant;
  readonly value: number;
  readonly replica: string;
  /** What strata are cut by, each by its own quantiles. NaN = not known. */
  readonly by: readonly number[];
}

/** Columns of what was observed. `bins[i]` is how many strata the `i`-th of `by` makes. */
export function columnsOf(rows: readonly Observed[], bins: readonly number[], blockMs: DurationMs): Observations {
  const length = rows.length;
  const cuts = bins.map((count, i) =>
    cutsOf(
      rows.map(({ by }) => by[i] as number),
      count,
    ),
  );
  const blocks = numbering<number>();
  const replicas = numbering<string>();
  const columns = {
    length,
    values: new Float64Array(length),
    isB: new Uint8Array(length),
    strata: new Int32Array(length),
    blocks: new Int32Array(length),
    replicas: new Int32Array(length),
  };
  for (const [i, row] of rows.entries()) {
    columns.values[i] = row.value;
    columns.isB[i] = row.isB ? 1 : 0;
    let stratum = 0;
    for (const [place, bounds] of cuts.entries())
      stratum = stratum * (bounds.length + 1) + binOf(row.by[place] as number, bounds);
    columns.strata[i] = stratum;
    columns.blocks[i] = blocks(Math.floor(row.at / blockMs));
    columns.replicas[i] = replicas(row.replica);
  }
  return columns;
}

/**
 * Takes out of the values what the last of `by` explains within a stratum: along a line common to both sides, fitted to each
 * side around its own mean (analysis of covariance, Fisher 1932). Strata are wide where requests are rare, and a side that is
 * fuller lies at their upper end. Blind to how uncertain the line is: strata hold enough for that to be little.
 */
export function adjust(rows: readonly Observed[], { values, strata, isB }: Observations): void {
  const sums = new Map<number, { n: number; x: number; y: number; xx: number; xy: number }>();
  const keyOf = (i: number): number => (strata[i] as number) * 2 + (isB[i] as number);
  const xOf = (i: number): number => rows[i]!.by.at(-1) ?? Number.NaN;
  for (const i of rows.keys()) {
    const [x, y] = [xOf(i), values[i] as number];
    if (Number.isNaN(x)) continue;
    const sum = sums.get(keyOf(i)) ?? { n: 0, x: 0, y: 0, xx: 0, xy: 0 };
    sums.set(keyOf(i), sum);
    sum.n++;
    sum.x += x;
    sum.y += y;
    sum.xx += x * x;
    sum.xy += x * y;
  }
  const none = { n: 0, x: 0, y: 0, xx: 0, xy: 0 };
  const lines = new Map<number, { readonly slope: number; readonly middle: number }>();
  for (const stratum of new Set(strata)) {
    const sides = [sums.get(stratum * 2) ?? none, sums.get(stratum * 2 + 1) ?? none];
    let [n, x, xx, xy] = [0, 0, 0, 0];
    for (const side of sides) {
      if (side.n === 0) continue;
      n += side.n;
      x += side.x;
      xx += side.xx - (side.x * side.x) / side.n;
      xy += side.xy - (side.x * side.y) / side.n;
    }
    if (xx > 0) lines.set(stratum, { slope: xy / xx, middle: x / n });
  }
  for (const i of rows.keys()) {
    const line = lines.get(strata[i] as number);
    const x = xOf(i);
    if (line !== undefined && !Number.isNaN(x)) values[i]! -= line.slope * (x - line.middle);
  }
}

/** Blocks of the side that has less time: enough of them for a variance, and each as long as can be. */
const blocksWanted = 20;

/**
 * How long a block is: a twentieth of the time of the side that has less, whole minutes, one at least. Long blocks leave less
 * that neighbours share; with fewer than twenty their variance is not known well.
 */
export function blockLength(rows: readonly Observed[]): DurationMs {
  const least = Math.min(minutesOf(rows, false), minutesOf(rows, true));
  return Math.max(1, Math.ceil(least / blocksWanted)) * minuteMs;
}

/** Minutes in which the side has observations. */
export function minutesOf(rows: readonly Observed[], isB: boolean): number {
  return new Set(rows.filter((row) => row.isB === isB).map(({ at }) => Math.floor(at / minuteMs))).size;
}

/** Bounds between `count` bins of like many values of both sides together; fewer where values repeat. */
function cutsOf(values: readonly number[], count: number): readonly number[] {
  const known = Float64Array.from(values.filter((value) => !Number.isNaN(value)));
  if (known.length === 0 || count < 2) return [];
  const bounds = Array.from({ length: count - 1 }, (_, i) => quantileOf(known, known.length, (i + 1) / count));
  return [...new Set(bounds)];
}

function binOf(value: number, bounds: readonly number[]): number {
  let bin = 0;
  while (bin < bounds.length && value > (bounds[bin] as number)) bin++;
  return bin;
}

function numbering<K>(): (key: K) => number {
  const known = new Map<K, number>();
  return (key) => {
    const found = known.get(key) ?? known.size;
    known.set(key, found);
    return found;
  };
}
