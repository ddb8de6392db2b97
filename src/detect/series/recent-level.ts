// Detector: how far a value lies from where its series has been lately, in the series' own terms; small enough for every series there is.
import { quantileOf } from "../../math/quantile.ts";
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { packParts, unpackParts } from "../snapshot.ts";

/** Values kept of a series: all at first, then one in `stride`. At 10 s they span 43 minutes. */
const kept = 64;
const stride = 4;
/** Learned points before it says anything. */
const pointsMin = 40;
/** Points at which the spread counts double, for what so few points cannot have shown. */
const doubtPoints = 40;
/** Distance of the 95th percentile from the median of a normal distribution, in standard deviations. */
const sigmasTo95 = 1.645;
/** A change below this share of the level is none. */
const floorShare = 0.01;
/** Below it a number is taken for zero: denormals are no measurements. */
const floorLeast = 1e-9;
/** Scores above are compressed: ten times as far counts ten more. */
const linearTo = 10;
/** A series' own high is the score that this share of its points passes; a score of `usualHigh` is as odd as that. */
const highShare = 0.005;
const highStep = 0.3;
const usualHigh = 3;
const logHighMin = Math.log(usualHigh);
const logHighStart = Math.log(4);
const logHighMax = Math.log(1e6);
const bandSigmas = 3;
const columnNames = ["values", "center", "low", "high", "logHigh", "ticks"] as const;
const capacityFirst = 64;
const slotsMax = 1_000_000;

interface State {
  /** `kept` values a slot. */
  values: Float32Array;
  center: Float32Array;
  low: Float32Array;
  high: Float32Array;
  logHigh: Float32Array;
  /** Points learned, times `stride`, and the series' phase: at which of so many points it is worked on. */
  ticks: Int32Array;
}

/**
 * Windowed median with the 5th and 95th percentile as spread to either side (see `levels.ts`), over a thinned window, and the
 * distance in units of the series' own 99.5th percentile of distances, followed by stochastic approximation (Robbins and Monro
 * 1951): what often jumps must jump further. 280 bytes a series. Blind to the time of day, to drift, and to what stays inside the band.
 */
export const recentLevel: DetectorKind<"point"> = {
  kind: "recent-level",
  summary: "Distance from the recent median in units of the series' own usual high.",
  input: "point",
  create: createRecentLevel,
};

function createRecentLevel(snapshot?: Uint8Array): Detector<"point"> {
  const state = restored(snapshot) ?? emptyState(capacityFirst);
  const scratch = new Float64Array(kept);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) if (usable(batch, row)) learnRow(batch, row);
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      if (slot >= state.ticks.length || countOf(slot) < pointsMin)
        return { expected: { low: Number.NaN, high: Number.NaN }, evidence: [] };
      const center = state.center[slot] as number;
      const reach = (side: Float32Array): number => bandSigmas * spread(slot, side) * ownHigh(slot);
      return { expected: { low: center - reach(state.low), high: center + reach(state.high) }, evidence: [] };
    },
    forget(slot) {
      if (slot < state.ticks.length) state.ticks[slot] = 0;
    },
    snapshot() {
      const used = usedSlots(state);
      const bytes = new Map(
        columnNames.map((name) => [name, bytesOf(state[name].subarray(0, used * widthOf(name)))] as const),
      );
      return packParts({ facts: { kind: recentLevel.kind, kept, stride, used }, bytes });
    },
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    if (slot >= state.ticks.length || countOf(slot) < pointsMin || !usable(batch, row)) return Number.NaN;
    return compressed(rawScore(slot, Math.fround(batch.values[row] as number)) / ownHigh(slot));
  }

  function rawScore(slot: number, value: number): number {
    const distance = value - (state.center[slot] as number);
    if (distance === 0) return 0;
    return Math.abs(distance) / spread(slot, distance < 0 ? state.low : state.high);
  }

  function spread(slot: number, side: Float32Array): number {
    const floor = Math.max(floorLeast, floorShare * Math.abs(state.center[slot] as number));
    return Math.max(side[slot] as number, floor) * (1 + doubtPoints / countOf(slot));
  }

  /** 1 for a series whose scores are as usual. */
  function ownHigh(slot: number): number {
    return Math.exp(state.logHigh[slot] as number) / usualHigh;
  }

  function learnRow(batch: PointBatch, row: number): void {
    const slot = batch.slots[row] as number;
    if (slot >= slotsMax) return;
    if (slot >= state.ticks.length) grow(state, slot);
    const value = Math.fround(batch.values[row] as number);
    const count = countOf(slot);
    if (count === 0) begin(slot, value);
    if (count >= pointsMin) followHigh(slot, rawScore(slot, value));
    state.ticks[slot] = (state.ticks[slot] as number) + stride;
    const phase = (state.ticks[slot] as number) % stride;
    if (count >= kept && (count + phase) % stride !== 0) return;
    const place = count < kept ? count : Math.floor((count + phase) / stride) % kept;
    state.values[slot * kept + place] = value;
    if (count < kept && count % stride !== 0) return;
    const filled = Math.min(kept, count + 1);
    scratch.set(state.values.subarray(slot * kept, slot * kept + filled));
    const center = quantileOf(scratch, filled, 0.5);
    state.center[slot] = center;
    state.low[slot] = (center - quantileOf(scratch, filled, 0.05)) / sigmasTo95;
    state.high[slot] = (quantileOf(scratch, filled, 0.95) - center) / sigmasTo95;
  }

  /** Series that began together would all be worked on at the same step: their first values tell them apart, whatever their slots. */
  function begin(slot: number, value: number): void {
    state.logHigh[slot] = logHighStart;
    state.ticks[slot] = Math.abs(Math.floor(value * 1e3)) % stride || 0;
  }

  function countOf(slot: number): number {
    return Math.floor((state.ticks[slot] as number) / stride);
  }

  function followHigh(slot: number, score: number): void {
    const log = state.logHigh[slot] as number;
    const next = log + highStep * ((score > Math.exp(log) ? 1 : 0) - highShare);
    state.logHigh[slot] = Math.min(logHighMax, Math.max(logHighMin, next));
  }
}

function compressed(score: number): number {
  return score <= linearTo ? score : linearTo * (1 + Math.log10(score / linearTo));
}

function usable(batch: PointBatch, row: number): boolean {
  return ((batch.quality[row] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[row] as number);
}

function emptyState(capacity: number): State {
  return {
    values: new Float32Array(capacity * kept),
    center: new Float32Array(capacity),
    low: new Float32Array(capacity),
    high: new Float32Array(capacity),
    logHigh: new Float32Array(capacity),
    ticks: new Int32Array(capacity),
  };
}

function grow(state: State, slot: number): void {
  const larger = emptyState(Math.min(slotsMax, Math.max(2 * state.ticks.length, slot + 1)));
  for (const name of columnNames) larger[name].set(state[name]);
  Object.assign(state, larger);
}

function usedSlots({ ticks }: State): number {
  let used = ticks.length;
  while (used > 0 && ticks[used - 1] === 0) used--;
  return used;
}

/** A snapshot of another build or window is no baseline: start anew. */
function restored(bytes: Uint8Array | undefined): State | undefined {
  const parts = bytes === undefined ? undefined : unpackParts(bytes);
  const used = parts?.facts["used"];
  if (parts?.facts["kind"] !== recentLevel.kind || parts.facts["kept"] !== kept) return undefined;
  if (parts.facts["stride"] !== stride || typeof used !== "number" || !(used >= 0 && used <= slotsMax))
    return undefined;
  const state = emptyState(Math.max(capacityFirst, used));
  for (const name of columnNames) {
    const part = parts.bytes.get(name);
    if (part?.length !== used * widthOf(name) * 4) return undefined;
    bytesOf(state[name]).set(part);
  }
  return state;
}

function widthOf(name: keyof State): number {
  return name === "values" ? kept : 1;
}

function bytesOf(column: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
