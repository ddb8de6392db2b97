// What is normal for each of many series: centre and spread to either side, over a sliding window of learned values.
import { quantileOf } from "../../math/quantile.ts";
import { pack, unpack } from "../packing.ts";

/** Level of one series, on its scale. */
export interface Level {
  center: number;
  /** Spread below and above the centre, as one standard deviation of a normal distribution. */
  low: number;
  high: number;
}

export interface Levels {
  /** Points learned of a slot, up to the window. */
  count(slot: number): number;
  /** Folds a value in. */
  learn(slot: number, value: number): void;
  /** Writes the level; false while nothing is known. */
  read(slot: number, out: Level): boolean;
  /** Takes what is known for as high by `distance` as it is, spread and all. */
  shift(slot: number, distance: number): void;
  snapshot(): Uint8Array;
}

interface Window {
  readonly values: Float64Array;
  count: number;
  next: number;
  sinceRefresh: number;
  center: number;
  low: number;
  high: number;
}

/** Distance of the 95th percentile from the median of a normal distribution, in standard deviations. */
const sigmasTo95 = 1.645;
const refreshEvery = 6;
const slotsMax = 1_000_000;

/**
 * Windowed median with the 5th and 95th percentile as spread, recomputed every few points: up to 45 % of the window may be
 * outliers before the centre moves to them, and skewed noise (queues, latencies) keeps its two sides apart.
 * Source: order statistics of a sliding window, as in Hampel's filter (1974), with percentiles in place of the MAD, which is
 * zero for series that mostly rest. Blind to anything slower than the window (drift), and to the time of day.
 */
export function createLevels(windowPoints: number, snapshot?: Uint8Array): Levels {
  const windows: (Window | undefined)[] = [];
  const scratch = new Float64Array(windowPoints);
  if (snapshot !== undefined) restore(snapshot);

  return {
    count: (slot) => windows[slot]?.count ?? 0,
    learn(slot, value) {
      const window = windowOf(slot);
      window.values[window.next] = value;
      window.next = (window.next + 1) % windowPoints;
      if (window.count < windowPoints) window.count++;
      window.sinceRefresh++;
      if (window.sinceRefresh >= refreshEvery || window.count <= refreshEvery) refresh(window);
    },
    read(slot, out) {
      const window = windows[slot];
      if (window === undefined || window.count === 0) return false;
      out.center = window.center;
      out.low = window.low;
      out.high = window.high;
      return true;
    },
    shift(slot, distance) {
      const window = windows[slot];
      if (window === undefined) return;
      for (let i = 0; i < window.count; i++) window.values[i]! += distance;
      window.center += distance;
    },
    snapshot() {
      const slots: number[] = [];
      const columns: Float64Array[] = [];
      for (const [slot, window] of windows.entries()) {
        if (window === undefined) continue;
        slots.push(slot);
        const { count, next, sinceRefresh, center, low, high } = window;
        columns.push(Float64Array.of(next, sinceRefresh, center, low, high), window.values.slice(0, count));
      }
      return pack({ kind: "levels", windowPoints, slots }, columns);
    },
  };

  function windowOf(slot: number): Window {
    let window = windows[slot];
    if (window === undefined) {
      window = {
        values: new Float64Array(windowPoints),
        count: 0,
        next: 0,
        sinceRefresh: 0,
        center: 0,
        low: 0,
        high: 0,
      };
      windows[slot] = window;
    }
    return window;
  }

  function refresh(window: Window): void {
    const { count } = window;
    scratch.set(window.values.subarray(0, count));
    window.center = quantileOf(scratch, count, 0.5);
    window.low = (window.center - quantileOf(scratch, count, 0.05)) / sigmasTo95;
    window.high = (quantileOf(scratch, count, 0.95) - window.center) / sigmasTo95;
    window.sinceRefresh = 0;
  }

  function restore(bytes: Uint8Array): void {
    const packed = unpack(bytes);
    const slots = packed?.header["slots"];
    // A snapshot of another build or window is no baseline: start anew.
    if (packed?.header["windowPoints"] !== windowPoints || !Array.isArray(slots)) return;
    for (const [i, slot] of slots.entries()) {
      const facts = packed.columns[2 * i];
      const values = packed.columns[2 * i + 1];
      if (!Number.isSafeInteger(slot) || slot < 0 || slot > slotsMax || facts?.length !== 5) continue;
      if (values === undefined || values.length > windowPoints) continue;
      const window = windowOf(Number(slot));
      window.values.set(values);
      window.count = values.length;
      [window.next, window.sinceRefresh, window.center, window.low, window.high] = facts as unknown as [
        number,
        number,
        number,
        number,
        number,
      ];
    }
  }
}
