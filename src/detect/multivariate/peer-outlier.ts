// One replica against its siblings: how far its signal is from what the others show at the same instant.

import { quantileOf } from "../../math/quantile.ts";
import type { Detector, DetectorKind, PeerBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { type Signal, signals } from "../../model/signal.ts";
import { pack, unpack } from "../packing.ts";
import { type Scale, scaleOf } from "../statistical/scales.ts";
import { createSpread, type Spread } from "./spread.ts";

/** Siblings there must be: of two nobody knows which is the odd one. */
const siblingsMin = 3;
/** Points learned of a row before it is judged. */
const pointsMin = 40;
/** Points at which units count double, for what so few points, each much like the last, cannot have shown. */
const doubtPoints = 200;
/** Share of the newest distance in the persistent one. */
const newest = 1 / 8;
/** How much smaller independent distances become by that, in deviations. */
const shrinkage = Math.sqrt(newest / (2 - newest));
/** How fast a row's usual place among its siblings moves, and how far one point may move it, in units. */
const placeRate = 1 / 200;
const placeReach = 2;
const refreshEvery = 32;
const deviationsAtMedian = 0.6745;
const deviationsAt99 = 2.5758;
const deviationsAt999 = 3.2905;
const deviationsPerMad = 1.4826;
/** Makes the median absolute deviation of n = 0..9 normal values right on average; from 10 on it is n / (n - 0.8). */
const smallSample = [0, 0, 1.196, 1.495, 1.363, 1.206, 1.2, 1.14, 1.129, 1.107] as const;
const unitsMax = 1e6;
const bandUnits = 3;
/** Points whose median is the new place when somebody accepts it. */
const recentPoints = 8;

interface Row {
  /** Usual distance from the siblings' median: a slower card stays slower. */
  place: number;
  points: number;
  /** Persistent distances, of what was followed and of what was learned. NaN before the first. */
  followed: number;
  learned: number;
  /** The last distances from the siblings' median that were followed, the newest first; NaN before the first. */
  readonly recent: Float64Array;
  readonly spread: Spread;
  readonly persistentSpread: Spread;
  /** Of its siblings' deviation from each other. */
  readonly groupSpread: Spread;
  /** Of the three, refreshed now and then. */
  unit: number;
  persistentUnit: number;
  usualDeviation: number;
}

const scaleBySignal: readonly Scale[] = signals.map((signal) => scaleOf(signal.id));

/**
 * Slots are `entity * signals.length + signal`. A row's distance from the median of its siblings (itself among them), less
 * its own usual distance, in units of its own past distances and at least of the signal's floor. Where the siblings deviate
 * from each other (median absolute deviation with its small-sample factor) more than 99 of 100 times, units grow as much.
 * Scored is the larger of that and the same of an exponential mean of it, whose unit is learned as well: a small distance
 * that persists counts as much as a large one that does not. Only the direction that harms counts.
 * Source: Croux and Rousseeuw, "Time-efficient algorithms for two highly robust estimators of scale" (1992) for the factors;
 * Roberts, "Control chart tests based on geometric moving averages" (1959) for the persistent distance. 3 to 200 siblings are meant.
 * Blind to what strikes half of the siblings or more, to groups of one or two, and to siblings that were never alike.
 */
export const peerOutlier: DetectorKind<"peers"> = {
  kind: "peer-outlier",
  summary: "A replica stands apart from its siblings at the same instant, more than it does and more than they do.",
  input: "peers",
  create: createPeerOutlier,
};

function createPeerOutlier(snapshot?: Uint8Array): Detector<"peers"> {
  const bySlot = new Map<number, Row>();
  /** Of each row of a batch: distance from its group's median, and that group's deviation. */
  let distances = new Float64Array(0);
  let deviations = new Float64Array(0);
  let members = new Float64Array(0);
  let medians = new Float64Array(0);
  let spreads = new Float64Array(0);
  let measured = new Uint8Array(0);
  if (snapshot !== undefined) restore(snapshot);

  return {
    score(batch, _now, out) {
      measure(batch);
      for (let r = 0; r < batch.rows; r++) out[r] = scoreRow(batch, r);
    },
    follow(batch) {
      measure(batch);
      for (let r = 0; r < batch.rows; r++) {
        const row = bySlot.get(batch.slots[r] as number);
        if (row === undefined || Number.isNaN(distances[r]!)) continue;
        row.followed = persisted(row.followed, distances[r]! - row.place);
        row.recent.copyWithin(1, 0, recentPoints - 1);
        row.recent[0] = distances[r]!;
      }
    },
    accept(slot) {
      const row = bySlot.get(slot);
      if (row === undefined) return;
      let known = 0;
      while (known < recentPoints && !Number.isNaN(row.recent[known]!)) known++;
      if (known === 0) return;
      row.place = quantileOf(row.recent.slice(0, known), known, 0.5);
      row.followed = 0;
      row.learned = 0;
    },
    learn(batch) {
      measure(batch);
      for (let r = 0; r < batch.rows; r++)
        if (!Number.isNaN(distances[r]!)) fold(batch.slots[r] as number, distances[r]!, deviations[r]!);
    },
    explain(batch, r) {
      measure(batch);
      const slot = batch.slots[r] as number;
      const row = bySlot.get(slot);
      if (row === undefined || Number.isNaN(distances[r]!))
        return { expected: { low: Number.NaN, high: Number.NaN }, evidence: [] };
      const scale = scaleAt(slot);
      const center = scale.to(batch.values[r] as number) - distances[r]! + row.place;
      const half = bandUnits * row.unit * commotion(row, deviations[r]!);
      const { min, max } = signalAt(slot).range;
      const low = Math.max(min, scale.from(center - half));
      return { expected: { low, high: Math.min(max, scale.from(center + half)) }, evidence: [] };
    },
    snapshot() {
      const slots = [...bySlot.keys()];
      const columns = [...bySlot.values()].flatMap((row) => [
        factsOf(row),
        ...[row.spread, row.persistentSpread, row.groupSpread].map((spread) => spread.state()),
      ]);
      return pack({ kind: "peer-outlier", slots }, columns);
    },
  };

  function scoreRow(batch: PeerBatch, r: number): number {
    const slot = batch.slots[r] as number;
    const row = bySlot.get(slot);
    if (row === undefined || row.points < pointsMin || Number.isNaN(distances[r]!)) return Number.NaN;
    const distance = distances[r]! - row.place;
    const { harm } = signalAt(slot);
    if ((harm === "rise" && distance < 0) || (harm === "fall" && distance > 0)) return 0;
    const persistent = persisted(Number.isNaN(row.followed) ? row.learned : row.followed, distance);
    const now = Math.abs(distance) / row.unit;
    const lasting = persistent * distance > 0 ? Math.abs(persistent) / row.persistentUnit : 0;
    return Math.min(unitsMax, Math.max(now, lasting) / commotion(row, deviations[r]!));
  }

  function fold(slot: number, whole: number, deviation: number): void {
    const row = rowOf(slot);
    const distance = whole - row.place;
    row.points++;
    // While little is known the place is the mean of what was seen; later one point moves it by little, however far it is.
    const reach = row.points <= pointsMin ? Number.POSITIVE_INFINITY : placeReach * row.unit;
    row.place += Math.max(-reach, Math.min(reach, distance)) * Math.max(placeRate, 1 / row.points);
    row.learned = persisted(row.learned, distance);
    row.spread.learn(distance);
    row.persistentSpread.learn(row.learned);
    row.groupSpread.learn(deviation);
    if (row.points > pointsMin && row.points % refreshEvery !== 0) return;
    const { floor } = scaleAt(slot);
    const doubt = 1 + doubtPoints / row.points;
    row.unit = doubt * unitOf(row.spread, floor);
    row.persistentUnit = doubt * unitOf(row.persistentSpread, floor * shrinkage);
    row.usualDeviation = Math.max(floor, row.groupSpread.quantile(0.99));
  }

  /** To `distances` and `deviations`; NaN for rows that cannot be used and those with too few siblings. */
  function measure(batch: PeerBatch): void {
    if (distances.length < batch.rows) {
      distances = new Float64Array(batch.rows);
      deviations = new Float64Array(batch.rows);
    }
    if (members.length < batch.siblings.length) members = new Float64Array(batch.siblings.length);
    const groups = batch.starts.length - 1;
    if (medians.length < groups) {
      medians = new Float64Array(groups);
      spreads = new Float64Array(groups);
      measured = new Uint8Array(groups);
    }
    measured.fill(0);
    for (let r = 0; r < batch.rows; r++) {
      const group = batch.groups[r] as number;
      const scale = scaleAt(batch.slots[r] as number);
      if (measured[group] === 0) measureGroup(batch, group, scale);
      distances[r] = usable(batch, r) ? scale.to(batch.values[r] as number) - medians[group]! : Number.NaN;
      deviations[r] = spreads[group]!;
    }
  }

  function measureGroup(batch: PeerBatch, group: number, scale: Scale): void {
    const count = gather(batch, group, scale);
    const median = quantileOf(members, count, 0.5);
    for (let i = 0; i < count; i++) members[i] = Math.abs(members[i]! - median);
    const factor = smallSample[count] ?? count / (count - 0.8);
    medians[group] = count < siblingsMin ? Number.NaN : median;
    spreads[group] = factor * deviationsPerMad * quantileOf(members, count, 0.5);
    measured[group] = 1;
  }

  function gather(batch: PeerBatch, group: number, scale: Scale): number {
    let count = 0;
    for (let i = batch.starts[group] as number; i < (batch.starts[group + 1] as number); i++) {
      const value = batch.siblings[i] as number;
      if (Number.isFinite(value)) members[count++] = scale.to(value);
    }
    return count;
  }

  function rowOf(slot: number): Row {
    let row = bySlot.get(slot);
    if (row === undefined) {
      row = createRow(() => createSpread());
      bySlot.set(slot, row);
    }
    return row;
  }

  function restore(bytes: Uint8Array): void {
    const packed = unpack(bytes);
    const slots = packed?.header["slots"];
    if (packed?.header["kind"] !== "peer-outlier" || !Array.isArray(slots)) return;
    for (const [i, slot] of slots.entries()) {
      const [facts, ...spreads] = packed.columns.slice(4 * i, 4 * i + 4);
      if (!Number.isSafeInteger(slot) || facts?.length !== 7 + recentPoints) return;
      const row = createRow((k) => createSpread(spreads[k]));
      const [place, points, followed, learned, unit, persistentUnit, usualDeviation] = facts as unknown as Facts;
      row.recent.set(facts.subarray(7));
      Object.assign(row, { place, points, followed, learned, unit, persistentUnit, usualDeviation });
      bySlot.set(slot, row);
    }
  }
}

function createRow(spreadOf: (k: number) => Spread): Row {
  return {
    place: 0,
    points: 0,
    followed: Number.NaN,
    learned: Number.NaN,
    recent: new Float64Array(recentPoints).fill(Number.NaN),
    spread: spreadOf(0),
    persistentSpread: spreadOf(1),
    groupSpread: spreadOf(2),
    unit: Number.POSITIVE_INFINITY,
    persistentUnit: Number.POSITIVE_INFINITY,
    usualDeviation: Number.POSITIVE_INFINITY,
  };
}

type Facts = readonly [number, number, number, number, number, number, number];

function factsOf(row: Row): Float64Array {
  const { place, points, followed, learned, unit, persistentUnit, usualDeviation, recent } = row;
  return Float64Array.of(place, points, followed, learned, unit, persistentUnit, usualDeviation, ...recent);
}

/** How much more than usual the siblings deviate from each other: 1 where they do not. */
function commotion(row: Row, deviation: number): number {
  return Math.max(1, deviation / row.usualDeviation);
}

function persisted(before: number, distance: number): number {
  return Number.isNaN(before) ? newest * distance : before + newest * (distance - before);
}

function unitOf(spread: Spread, floor: number): number {
  const fromTail = Math.max(spread.quantile(0.99) / deviationsAt99, spread.quantile(0.999) / deviationsAt999);
  return Math.max(floor, spread.quantile(0.5) / deviationsAtMedian, fromTail);
}

function usable(batch: PeerBatch, r: number): boolean {
  return ((batch.quality[r] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[r] as number);
}

function signalAt(slot: number): Signal {
  return signals[slot % signals.length] as Signal;
}

function scaleAt(slot: number): Scale {
  return scaleBySignal[slot % signals.length] as Scale;
}
