// What is normal for a series at the load there is: centre and spread in steps of load, followed without a window.
import type { Level } from "./levels.ts";
import { createRecords } from "./records.ts";

export interface LoadLevels {
  /**
   * Writes the level at a load (in steps, 0..{@link loadSteps} - 1). Where that is not known, the level of the nearest load
   * `towards` (1 more, -1 less load) that is: a bound for what rises with load, or falls with it. False without any.
   */
  read(slot: number, load: number, towards: 1 | -1, out: Level): boolean;
  /** Folds a value in. `floor` is the smallest spread believed. */
  learn(slot: number, load: number, value: number, floor: number): void;
  /** Takes what is known at every load for as high by `distance` as it is. */
  shift(slot: number, distance: number): void;
  snapshot(): Uint8Array;
}

export const loadSteps = 24;

/** Points at a load before it counts as known; a neighbour with less than the second does not take part. */
const pointsMin = 30;
const pointsMinOfNeighbour = 10;
/** A point moves what is known by at least this share. */
const slowest = 1 / 80;
/** Distances count at most so many times the usual one. */
const winsor = 4;
/** Points at which the spread counts double, for what so few points cannot have shown. */
const doubtPoints = 8;
/** Places of a step in a record, after the count of all points. */
const perStep = 4;
const points = 0;
const center = 1;
/** Squares of the spreads to either side. */
const low = 2;
const high = 3;

/**
 * Own construction: a linear spline over load whose knots follow the values by stochastic approximation (Robbins and Monro
 * 1951) with winsorised residuals (Huber 1964), and with them twice the semivariance to either side. Traffic of the day and the
 * week moves a replica along the curve, not off it. State: 388 bytes. Blind to what load explains, a fleet slowed by its
 * traffic, and for a while to the difference at loads seldom seen.
 */
export function createLoadLevels(snapshot?: Uint8Array): LoadLevels {
  const records = createRecords("load-levels", 1 + perStep * loadSteps, snapshot);
  /** Steps around a load and the weight of the upper one. */
  let lower = 0;
  let upper = 0;
  let weight = 0;

  return {
    read(slot, load, towards, out) {
      const all = records.find(slot);
      if (all === undefined) return false;
      const at = records.offset(slot) + 1;
      place(all, at, load);
      if (mix(all, at, points) < pointsMin && !seek(all, at, towards)) return false;
      const doubt = 1 + doubtPoints / mix(all, at, points);
      out.center = mix(all, at, center);
      out.low = Math.sqrt(mix(all, at, low)) * doubt;
      out.high = Math.sqrt(mix(all, at, high)) * doubt;
      return true;
    },
    learn(slot, load, value, floor) {
      const all = records.make(slot);
      const at = records.offset(slot);
      all[at] = (all[at] as number) + 1;
      place(all, at + 1, load);
      const exact = Math.min(loadSteps - 1, Math.max(0, load));
      const step = Math.min(loadSteps - 2, Math.floor(exact));
      const share = exact - step;
      const joint = lower !== upper;
      const curve = mix(all, at + 1, center);
      fold(all, at + 1 + perStep * step, 1 - share, value, joint ? curve : Number.NaN, floor);
      fold(all, at + 1 + perStep * (step + 1), share, value, joint ? curve : Number.NaN, floor);
    },
    shift(slot, distance) {
      const all = records.find(slot);
      const at = records.offset(slot) + 1;
      if (all === undefined) return;
      for (let step = 0; step < loadSteps; step++) {
        if (all[at + perStep * step + points]! > 0) all[at + perStep * step + center]! += distance;
      }
    },
    snapshot: records.snapshot,
  };

  /** Finds the steps that speak for a load: both around it if both are known, else the one that is. */
  function place(all: Float32Array, at: number, load: number): void {
    const exact = Math.min(loadSteps - 1, Math.max(0, load));
    lower = Math.min(loadSteps - 2, Math.floor(exact));
    upper = lower + 1;
    weight = exact - lower;
    if ((all[at + perStep * upper + points] as number) < pointsMinOfNeighbour) upper = lower;
    else if ((all[at + perStep * lower + points] as number) < pointsMinOfNeighbour) lower = upper;
  }

  /** Moves on to the nearest known step in a direction; false if there is none. */
  function seek(all: Float32Array, at: number, towards: 1 | -1): boolean {
    let step = towards > 0 ? upper : lower;
    while (step >= 0 && step < loadSteps && (all[at + perStep * step + points] as number) < pointsMin) step += towards;
    if (step < 0 || step >= loadSteps) return false;
    lower = step;
    upper = step;
    return true;
  }

  function mix(all: Float32Array, at: number, field: number): number {
    const below = all[at + perStep * lower + field] as number;
    return below + weight * ((all[at + perStep * upper + field] as number) - below);
  }
}

/** Moves one step by its share of a value; `curve` is what all steps together expected, NaN where one stands alone. */
function fold(all: Float32Array, at: number, share: number, value: number, curve: number, floor: number): void {
  if (share < 0.02) return;
  const seen = all[at + points] as number;
  all[at + points] = Math.min(1e6, seen + share);
  if (seen === 0) {
    all[at + center] = value;
    return;
  }
  const own = all[at + center] as number;
  const residual = value - (Number.isNaN(curve) ? own : curve);
  const rate = share * Math.max(slowest, 1 / (1 + seen));
  const usual = Math.sqrt(all[at + (residual < 0 ? low : high)] as number);
  const distance = Math.min(Math.abs(residual), winsor * Math.max(usual, floor));
  const square = 2 * distance * distance;
  const below = all[at + low] as number;
  const above = all[at + high] as number;
  all[at + center] = own + rate * Math.sign(residual) * distance;
  all[at + low] = below + rate * ((residual < 0 ? square : 0) - below);
  all[at + high] = above + rate * ((residual > 0 ? square : 0) - above);
}
