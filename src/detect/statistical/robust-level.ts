// Detector: how far a value lies from what is normal for its series at the load there is, or else from its recent level.
import { quantileOf } from "../../math/quantile.ts";
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { type Signal, type SignalId, signals } from "../../model/signal.ts";
import { pack, unpack } from "../packing.ts";
import { createLevels, type Level } from "./levels.ts";
import { createLoadLevels } from "./load-levels.ts";
import { usable } from "./natures.ts";
import { createRecords } from "./records.ts";
import { type Scale, scaleOf } from "./scales.ts";

/** Points before it says anything. */
const pointsMin = 40;
/** 30 minutes at 5 s, 6 hours at a minute. */
const windowPoints = 360;
/** Points at which the spread counts double, for what so few points cannot have shown. */
const doubtPoints = 40;
/** Points whose median is the new level when somebody accepts it. */
const recentPoints = 8;
/** Part of the smallest spread assumed for a series that never moved at all: there is no noise to mistake a change for. */
const stillShare = 0.7;
/** Sigmas either side that are called expected. */
const bandSigmas = 3;
/** A load further from its recent level is one whose effect is not known. */
const usualSigmas = 2.5;
/** Share of a series' points that are expected to score above its own usual high, and how far one moves its logarithm. */
const highShare = 0.005;
const highStep = 0.08;
/** The usual high of a normal distribution's scores: no series is taken to be calmer. */
const highMin = Math.log(3);
const highMax = Math.log(40);

const width = signals.length;
const scaleBySignal: readonly Scale[] = signals.map((signal) => scaleOf(signal.id));
/** Which signal's load moves each: what comes in moves latencies and queues, what is being served moves what comes out. */
const loadBySignal: readonly number[] = signals.map(({ id }) => columnOf(loadOf(id)));

/**
 * Slots are `entity * signals.length + signal`; the rows of an entity lie together where load is to be known.
 * Only the direction that harms counts: a fall of a latency scores 0.
 * Source: see `load-levels.ts` and `levels.ts`; scored as a robust z on a variance-stabilising scale, in units of a third
 * of the series' own 99.5th percentile (by stochastic approximation), so that restless series must go further.
 * Blind to drift slower than the window, to what load explains, and to anything that stays inside the band.
 */
export const robustLevel: DetectorKind<"point"> = {
  kind: "robust-level",
  summary: "Distance from what is normal at this load, or from the recent median, in deviations of the series itself.",
  input: "point",
  create: createRobustLevel,
};

function createRobustLevel(snapshot?: Uint8Array): Detector<"point"> {
  const parts = snapshot === undefined ? [] : partsOf(snapshot);
  const levels = createLevels(windowPoints, parts[0]);
  const loads = createLoadLevels(parts[1]);
  /** Points scored, and the logarithm of the usual high, less its smallest. */
  const highs = createRecords("highs", 2, parts[2]);
  /** Points seen; the last ones' values, and their distances from what was normal for them. */
  const recent = createRecords("recent", 1 + 2 * recentPoints, parts[3]);
  const level: Level = { center: 0, low: 0, high: 0 };
  const scratch = new Float64Array(recentPoints);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) {
        const raw = scoreRow(batch, row);
        out[row] = raw > 0 ? raw * shrink(batch.slots[row] as number) : raw;
      }
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row) || !readLevel(batch, row)) continue;
        const slot = batch.slots[row] as number;
        const all = recent.make(slot);
        const at = recent.offset(slot);
        const place = at + 1 + (all[at]! % recentPoints);
        const value = scaleAt(slot).to(batch.values[row] as number);
        all[place] = value;
        all[place + recentPoints] = value - level.center;
        // Counts on within what single precision can tell apart.
        all[at] = all[at]! + 1 < 1e6 ? all[at]! + 1 : recentPoints;
      }
    },
    accept(slot) {
      const all = recent.find(slot);
      const at = recent.offset(slot);
      const known = all === undefined ? 0 : Math.min(recentPoints, all[at]!);
      if (all === undefined || known === 0 || !levels.read(slot, level)) return;
      for (let i = 0; i < known; i++) scratch[i] = all[at + 1 + i]!;
      levels.shift(slot, quantileOf(scratch, known, 0.5) - level.center);
      for (let i = 0; i < known; i++) scratch[i] = all[at + 1 + recentPoints + i]!;
      loads.shift(slot, quantileOf(scratch, known, 0.5));
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row)) continue;
        const slot = batch.slots[row] as number;
        followHigh(slot, scoreRow(batch, row));
        const scale = scaleAt(slot);
        const value = scale.to(batch.values[row] as number);
        levels.learn(slot, value);
        const load = loadAt(batch, row);
        if (!Number.isNaN(load)) loads.learn(slot, load, value, scale.floor);
      }
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      if (!readLevel(batch, row)) return { expected: { low: Number.NaN, high: Number.NaN }, evidence: [] };
      const scale = scaleAt(slot);
      const { min, max } = signalAt(slot).range;
      const sigmas = bandSigmas / shrink(slot);
      const low = scale.from(level.center - sigmas * Math.max(level.low, scale.floor));
      const high = scale.from(level.center + sigmas * Math.max(level.high, scale.floor));
      return { expected: { low: Math.max(min, low), high: Math.min(max, high) }, evidence: [] };
    },
    snapshot: () => packParts([levels.snapshot(), loads.snapshot(), highs.snapshot(), recent.snapshot()]),
  };

  function scoreRow(batch: PointBatch, row: number): number {
    if (!usable(batch, row) || !readLevel(batch, row)) return Number.NaN;
    const slot = batch.slots[row] as number;
    const scale = scaleAt(slot);
    const distance = scale.to(batch.values[row] as number) - level.center;
    const { harm } = signalAt(slot);
    if ((harm === "rise" && distance < 0) || (harm === "fall" && distance > 0)) return 0;
    const floor = level.low === 0 && level.high === 0 ? stillShare * scale.floor : scale.floor;
    return Math.abs(distance) / Math.max(distance < 0 ? level.low : level.high, floor);
  }

  /**
   * What is normal at the load of the row, if that is known, else the recent level. False while neither is, and at a load
   * that is itself unusual: what comes of it nobody knows yet.
   */
  function readLevel(batch: PointBatch, row: number): boolean {
    const slot = batch.slots[row] as number;
    if (levels.count(slot) < pointsMin) return false;
    const load = loadAt(batch, row);
    if (Number.isNaN(load)) return readRecent(slot);
    if (loads.read(slot, load, signalAt(slot).harm === "fall" ? -1 : 1, level)) return true;
    const other = row - (slot % width) + (loadBySignal[slot % width] as number);
    return usualAmongRecent(batch, other) && readRecent(slot);
  }

  function readRecent(slot: number): boolean {
    const known = levels.count(slot);
    if (known < pointsMin || !levels.read(slot, level)) return false;
    const doubt = 1 + doubtPoints / known;
    level.low *= doubt;
    level.high *= doubt;
    return true;
  }

  function usualAmongRecent(batch: PointBatch, row: number): boolean {
    const slot = batch.slots[row] as number;
    if (!readRecent(slot)) return true;
    const scale = scaleAt(slot);
    const distance = scale.to(batch.values[row] as number) - level.center;
    return Math.abs(distance) <= usualSigmas * Math.max(distance < 0 ? level.low : level.high, scale.floor);
  }

  /** Factor from deviations to thirds of the usual high. */
  function shrink(slot: number): number {
    const all = highs.find(slot);
    return all === undefined ? 1 : Math.exp(-(all[highs.offset(slot) + 1] as number));
  }

  function followHigh(slot: number, score: number): void {
    if (Number.isNaN(score)) return;
    const all = highs.make(slot);
    const at = highs.offset(slot);
    all[at] = Math.min(1e6, (all[at] as number) + 1);
    const before = all[at + 1] as number;
    const above = score > Math.exp(highMin + before) ? 1 : 0;
    all[at + 1] = Math.min(highMax - highMin, Math.max(0, before + highStep * (above - highShare)));
  }
}

function loadOf(id: SignalId): SignalId | undefined {
  if (id === "prompt_tokens") return undefined;
  return id === "generated_tokens" || id === "finished" ? "running" : "prompt_tokens";
}

function columnOf(id: SignalId | undefined): number {
  return signals.findIndex((signal) => signal.id === id);
}

/** Load of a row's entity in steps of a third to a half; NaN where it is not known. */
function loadAt(batch: PointBatch, row: number): number {
  const slot = batch.slots[row] as number;
  const column = loadBySignal[slot % width] as number;
  if (column < 0) return Number.NaN;
  const other = row - (slot % width) + column;
  if (batch.slots[other] !== slot - (slot % width) + column || !usable(batch, other)) return Number.NaN;
  const value = Math.max(0, batch.values[other] as number);
  return signals[column]?.id === "running" ? Math.log(1 + value) / 0.3 : (Math.log(20 + value) - Math.log(20)) / 0.4;
}

function signalAt(slot: number): Signal {
  return signals[slot % width] as Signal;
}

function scaleAt(slot: number): Scale {
  return scaleBySignal[slot % width] as Scale;
}

/** Several snapshots as one: their lengths, then their bytes. */
function packParts(parts: readonly Uint8Array[]): Uint8Array {
  const head = pack({ kind: "robust-level", lengths: parts.map(({ length }) => length) }, []);
  const bytes = new Uint8Array(4 + head.length + parts.reduce((sum, { length }) => sum + length, 0));
  new DataView(bytes.buffer).setUint32(0, head.length, true);
  bytes.set(head, 4);
  let offset = 4 + head.length;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function partsOf(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.length < 4) return [];
  const headLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (4 + headLength > bytes.length) return [];
  const lengths = unpack(bytes.subarray(4, 4 + headLength))?.header["lengths"];
  if (!Array.isArray(lengths)) return [];
  let offset = 4 + headLength;
  return lengths.map((length) => {
    const part = bytes.subarray(offset, offset + Number(length));
    offset += Number(length);
    return part;
  });
}
