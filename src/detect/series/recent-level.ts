// Detector: how far a value lies from where its series has been lately, in the series' own terms; small enough for every series there is.
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
const highStart = 4;
const highMax = 1e6;
/** Steps of its logarithm by `highStep`, as factors: up past it, down before it. */
const highUp = Math.exp(highStep * (1 - highShare));
const highDown = Math.exp(-highStep * highShare);
const bandSigmas = 3;
const columnNames = ["sorted", "places", "center", "low", "high", "ownHigh", "ticks"] as const;
const capacityFirst = 64;
const slotsMax = 1_000_000;

interface State {
  /** `kept` values a slot, rising; and of each its place in the order they came in. */
  sorted: Float32Array;
  places: Uint8Array;
  center: Float32Array;
  /** Spread to either side, not below what is taken for a change. */
  low: Float32Array;
  high: Float32Array;
  /** The series' own high. */
  ownHigh: Float32Array;
  /** Points learned, times `stride`, and the series' phase: at which of so many points it is worked on. */
  ticks: Int32Array;
}

/**
 * Windowed median with the 5th and 95th percentile as spread to either side (see `levels.ts`), over a thinned window, and the
 * distance in units of the series' own 99.5th percentile of distances, followed by stochastic approximation (Robbins and Monro
 * 1951): what often jumps must jump further. 344 bytes a series. The window is kept sorted, so that quantiles are read off. Blind to the time of day, to drift, and to what stays inside the band.
 */
export const recentLevel: DetectorKind<"point"> = {
  kind: "recent-level",
  summary: "Distance from the recent median in units of the series' own usual high.",
  input: "point",
  create: createRecentLevel,
};

function createRecentLevel(snapshot?: Uint8Array): Detector<"point"> {
  const state = restored(snapshot) ?? emptyState(capacityFirst);

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
      const sigmas = (bandSigmas / usualHigh) * (state.ownHigh[slot] as number) * (1 + doubtPoints / countOf(slot));
      const reach = (side: Float32Array): number => sigmas * (side[slot] as number);
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
    const raw = rawScore(slot, Math.fround(batch.values[row] as number));
    return compressed((usualHigh * raw) / (state.ownHigh[slot] as number));
  }

  function rawScore(slot: number, value: number): number {
    const distance = value - (state.center[slot] as number);
    const count = countOf(slot);
    const side = (distance < 0 ? state.low[slot] : state.high[slot]) as number;
    return (Math.abs(distance) * count) / (side * (count + doubtPoints));
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
    put(slot * kept, place, value, count);
    if (count < kept && count % stride !== 0) return;
    const filled = Math.min(kept, count + 1);
    const center = quantileAt(slot * kept, filled, 0.5);
    state.center[slot] = center;
    const floor = Math.max(floorLeast, floorShare * Math.abs(center));
    state.low[slot] = Math.max(floor, (center - quantileAt(slot * kept, filled, 0.05)) / sigmasTo95);
    state.high[slot] = Math.max(floor, (quantileAt(slot * kept, filled, 0.95) - center) / sigmasTo95);
  }

  /** The value goes where the order wants it; while the window is full, that of its place goes. */
  function put(from: number, place: number, value: number, count: number): void {
    const { sorted, places } = state;
    let hole = from + count;
    let last = hole;
    if (count >= kept) {
      last = from + kept - 1;
      hole = from;
      while (places[hole] !== place && hole < last) hole++;
    }
    while (hole > from && (sorted[hole - 1] as number) > value) {
      sorted[hole] = sorted[hole - 1] as number;
      places[hole] = places[hole - 1] as number;
      hole--;
    }
    while (hole < last && (sorted[hole + 1] as number) < value) {
      sorted[hole] = sorted[hole + 1] as number;
      places[hole] = places[hole + 1] as number;
      hole++;
    }
    sorted[hole] = value;
    places[hole] = place;
  }

  /** Linear between neighbours, as `quantileOf`. */
  function quantileAt(from: number, length: number, q: number): number {
    const rank = q * (length - 1);
    const below = Math.floor(rank);
    const low = state.sorted[from + below] as number;
    return rank === below ? low : low + (rank - below) * ((state.sorted[from + below + 1] as number) - low);
  }

  /** Series that began together would all be worked on at the same step: their first values tell them apart, whatever their slots. */
  function begin(slot: number, value: number): void {
    state.ownHigh[slot] = highStart;
    state.ticks[slot] = Math.abs(Math.floor(value * 1e3)) % stride || 0;
  }

  function countOf(slot: number): number {
    return ((state.ticks[slot] as number) / stride) | 0;
  }

  function followHigh(slot: number, score: number): void {
    const high = state.ownHigh[slot] as number;
    const next = high * (score > high ? highUp : highDown);
    state.ownHigh[slot] = Math.min(highMax, Math.max(usualHigh, next));
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
    sorted: new Float32Array(capacity * kept),
    places: new Uint8Array(capacity * kept),
    center: new Float32Array(capacity),
    low: new Float32Array(capacity),
    high: new Float32Array(capacity),
    ownHigh: new Float32Array(capacity),
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
    if (part?.length !== used * widthOf(name) * state[name].BYTES_PER_ELEMENT) return undefined;
    bytesOf(state[name]).set(part);
  }
  return state;
}

function widthOf(name: keyof State): number {
  return name === "sorted" || name === "places" ? kept : 1;
}

function bytesOf(column: Float32Array | Int32Array | Uint8Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
