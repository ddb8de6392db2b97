// How far all signals of an entity together are from their usual course, and from where they just were.
import { quantileOf } from "../../math/quantile.ts";
import type { Detector, DetectorKind, EntityBatch } from "../../model/detector.ts";
import type { Evidence } from "../../model/evidence.ts";
import { UNUSABLE } from "../../model/series.ts";
import { coreSignals, signalOf } from "../../model/signal.ts";
import type { Instant } from "../../model/time.ts";
import { type Scale, scaleOf } from "../statistical/scales.ts";
import { createState, features, lags, packStates, remember, type State, unpackStates, widthOf } from "./joint-state.ts";

/** A signal's part in a row's oddness. */
export interface Part {
  readonly column: number;
  readonly observed: number;
  readonly expected: { readonly low: number; readonly high: number };
  /** 0..1. */
  readonly share: number;
}

export interface JointResidual extends Detector<"entity"> {
  /** Every signal that is there, the one that has most to do with the row's oddness first. */
  partsOf(batch: EntityBatch, row: number, now: Instant): readonly Part[];
}

export interface JointResidualKind extends Omit<DetectorKind<"entity">, "create"> {
  create(snapshot?: Uint8Array): JointResidual;
}

/** How a column is looked at. */
export interface ColumnOptions {
  readonly title: string;
  /** Subject of its evidence. */
  readonly id: string;
  readonly scale: Scale;
}

/** Points learned before it speaks. */
const pointsMin = 40;
const refreshEvery = 32;
const fadeAtNewCourse = 1 / 500;
/** A distance counts at most so many units: one wild signal is not as odd as many odd ones. */
const unitsMax = 20;
/** Of a normal distribution: its deviation, from its median and its 99th percentile of distances. */
const deviationsAtMedian = 0.6745;
const deviationsAt99 = 2.5758;
/** A change below this share of the signal's own size is nothing. */
const smallestShare = 0.01;
const bandUnits = 3;
const partsMax = 3;
/** Steps whose median is the new level when somebody accepts it; no more than are kept. */
const recentSteps = 8;
const shareMin = 0.15;
/** Where the caller gives no time, points are taken for so far apart. */
const stepByDefaultMs = 1000;

/** The core signals of a replica, each on its own scale. */
export const jointResidual: JointResidualKind = jointResidualOf((column) => {
  const id = coreSignals[column] ?? "ttft";
  return { title: signalOf(id).title, id, scale: scaleOf(id) };
});

/**
 * A row's score is the root mean square, over its signals, of three distances in units of their usual size: from the
 * course of past periods, and the change of that distance over 3 and over 12 steps. A unit is the larger of what the median
 * and the 99th percentile of past distances suggest, so that a signal that often spikes must spike higher. Signals that
 * move together count each: a fall of all load signals at once is odder than that of one. Own combination of seasonal
 * residuals and lagged differences, with Huber-like clipping. State: about 6 KiB a signal.
 * Blind to signals that break their relation while each stays near its own course, and to trouble that came with the first
 * points it learned; after trouble, changes over 12 steps stay odd for as long.
 */
export function jointResidualOf(columnOf: (column: number) => ColumnOptions): JointResidualKind {
  return {
    kind: "joint-residual",
    summary:
      "The signals of an entity together leave the course they took at this time of past periods, or leap off it.",
    input: "entity",
    create: (snapshot) => createJointResidual(columnOf, snapshot),
  };
}

function createJointResidual(columnOf: (column: number) => ColumnOptions, snapshot?: Uint8Array): JointResidual {
  const bySlot = snapshot === undefined ? new Map<number, State>() : unpackStates(snapshot);
  const options: ColumnOptions[] = [];
  let row = new Float64Array(0);
  let distances = new Float64Array(0);
  let squares = new Float64Array(0);

  return {
    score(batch, now, out) {
      for (let r = 0; r < batch.rows; r++) out[r] = scoreRow(batch, r, now);
    },
    follow(batch, now) {
      for (let r = 0; r < batch.rows; r++) {
        const state = bySlot.get(batch.slots[r] as number);
        if (state === undefined || read(batch, r) === 0) continue;
        measure(state, now);
        remember(state.followed, distances);
        state.followedPoints++;
        state.lastAt = now;
      }
    },
    learn(batch, at) {
      for (let r = 0; r < batch.rows; r++) if (read(batch, r) > 0) fold(stateOf(batch, r), at);
    },
    accept(slot) {
      const state = bySlot.get(slot);
      if (state === undefined) return;
      for (let c = 0; c < widthOf(state); c++) {
        const moved = recentDistance(state, c);
        if (!Number.isNaN(moved)) state.course.shift(c, moved);
      }
      state.followed.fill(Number.NaN);
      state.learned.fill(Number.NaN);
    },
    explain(batch, r) {
      const at = bySlot.get(batch.slots[r] as number)?.lastAt ?? 0;
      const parts = partsOf(batch, r, at).slice(0, partsMax);
      return {
        expected: { low: 0, high: Number.NaN },
        evidence: parts.filter((part) => part.share >= shareMin).map((part) => tell(part, at)),
      };
    },
    partsOf,
    snapshot: () => packStates(bySlot),
  };

  function scoreRow(batch: EntityBatch, r: number, now: Instant): number {
    const state = bySlot.get(batch.slots[r] as number);
    if (state === undefined || state.points < pointsMin || widthOf(state) !== batch.width) return Number.NaN;
    const present = read(batch, r);
    if (present === 0) return Number.NaN;
    return Math.sqrt(judge(state, now) / (present * features));
  }

  /** Sum of the squared distances in units; those of each column to `squares`. */
  function judge(state: State, now: Instant): number {
    measure(state, now);
    const width = widthOf(state);
    const recent = state.followedPoints > 0 ? state.followed : state.learned;
    let sum = 0;
    for (let c = 0; c < width; c++) {
      let square = 0;
      for (let f = 0; f < features; f++) {
        const distance = featureOf(recent, width, c, f);
        const units =
          distance === 0 || Number.isNaN(distance) ? 0 : Math.abs(distance) / state.units[c * features + f]!;
        square += Math.min(units, unitsMax) ** 2;
      }
      squares[c] = square;
      sum += square;
    }
    return sum;
  }

  /** Distance from the course, or its change over a lag. NaN where one of the two is missing. */
  function featureOf(recent: Float64Array, width: number, c: number, feature: number): number {
    if (feature === 0) return distances[c]!;
    return distances[c]! - recent[(lags[feature - 1]! - 1) * width + c]!;
  }

  function fold(state: State, at: Instant = state.lastAt + stepByDefaultMs): void {
    const width = widthOf(state);
    measure(state, at);
    for (let c = 0; c < width; c++) {
      for (let f = 0; f < features; f++) {
        const distance = featureOf(state.learned, width, c, f);
        if (Number.isFinite(distance)) state.spreads[c * features + f]!.learn(distance);
      }
    }
    remember(state.learned, distances);
    const knewPeriod = state.course.periodMs > 0;
    state.course.learn(row, at);
    // Distances from another expectation say little of those from this one.
    if (state.course.periodMs > 0 !== knewPeriod) for (const spread of state.spreads) spread.fade(fadeAtNewCourse);
    state.points++;
    state.lastAt = Math.max(state.lastAt, at);
    if (state.points <= pointsMin || state.points % refreshEvery === 0) refresh(state, at);
  }

  function refresh(state: State, at: Instant): void {
    for (const [i, spread] of state.spreads.entries()) {
      const column = Math.floor(i / features);
      const size = Math.abs(state.course.expected(column, at));
      const usual = Math.max(spread.quantile(0.5) / deviationsAtMedian, spread.quantile(0.99) / deviationsAt99);
      const least = Math.max(columnAt(column).scale.floor, smallestShare * size, Number.MIN_VALUE);
      state.units[i] = Number.isNaN(usual) ? Number.POSITIVE_INFINITY : Math.max(usual, least);
    }
  }

  /** Reads a row to `row`, on each column's scale, NaN for what cannot be used; gives how many can. */
  function read(batch: EntityBatch, r: number): number {
    if (row.length !== batch.width) {
      row = new Float64Array(batch.width);
      distances = new Float64Array(batch.width);
      squares = new Float64Array(batch.width);
    }
    let present = 0;
    for (let c = 0; c < batch.width; c++) {
      const i = r * batch.width + c;
      const usable = ((batch.quality[i] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[i] as number);
      row[c] = usable ? columnAt(c).scale.to(batch.values[i] as number) : Number.NaN;
      if (usable) present++;
    }
    return present;
  }

  function measure({ course }: State, at: Instant): void {
    for (let c = 0; c < row.length; c++) distances[c] = row[c]! - course.expected(c, at);
  }

  function partsOf(batch: EntityBatch, r: number, now: Instant): readonly Part[] {
    const state = bySlot.get(batch.slots[r] as number);
    if (state === undefined || state.points < pointsMin || read(batch, r) === 0) return [];
    const sum = judge(state, now);
    const parts: Part[] = [];
    for (let c = 0; c < batch.width; c++) {
      if (Number.isNaN(row[c]!)) continue;
      const { scale } = columnAt(c);
      const center = state.course.expected(c, now);
      const half = bandUnits * state.units[c * features]!;
      const expected = { low: scale.from(center - half), high: scale.from(center + half) };
      const share = sum > 0 ? squares[c]! / sum : 0;
      parts.push({ column: c, observed: batch.values[r * batch.width + c]!, expected, share });
    }
    return parts.sort((a, b) => b.share - a.share);
  }

  function tell({ column, observed, expected, share }: Part, at: Instant): Evidence {
    const { title, id } = columnAt(column);
    const band = `${short(expected.low)} to ${short(expected.high)}`;
    const says = `${title} is ${short(observed)} where ${band} was expected (${Math.round(share * 100)} % of the oddness).`;
    return { kind: "anomaly", says, at, subject: id, observed, expected };
  }

  function columnAt(column: number): ColumnOptions {
    options[column] ??= columnOf(column);
    return options[column];
  }

  function stateOf(batch: EntityBatch, r: number): State {
    const slot = batch.slots[r] as number;
    let state = bySlot.get(slot);
    if (state === undefined || widthOf(state) !== batch.width) {
      state = createState(batch.width);
      bySlot.set(slot, state);
    }
    return state;
  }
}

/** Median of a signal's last distances from its course; NaN where none was followed. */
function recentDistance(state: State, column: number): number {
  const width = widthOf(state);
  const last = Float64Array.from(
    Array.from({ length: recentSteps }, (_, back) => state.followed[back * width + column]!).filter(Number.isFinite),
  );
  return quantileOf(last, last.length, 0.5);
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
