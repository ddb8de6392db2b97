// What kind of series this is, told from its first points on, and which detectors may judge it with which weight.
import type { PointBatch } from "../model/detector.ts";
import type { DurationMs } from "../model/time.ts";
import { usable } from "./statistical/natures.ts";
import { createSlotTable } from "./statistical/slot-table.ts";

export type SeriesKind = "gauge" | "counter" | "ratio" | "latency" | "count";

export interface Profile {
  readonly kind: SeriesKind;
  readonly points: number;
  /** Share of steps at which there was a point, 0..1. */
  readonly density: number;
  /** Share of points that are zero, and that differ from the one before. */
  readonly sparsity: number;
  readonly changing: number;
  /** Correlation of neighbouring points, -1..1. */
  readonly memory: number;
  /** Time after which it repeats itself; absent while none is seen. */
  readonly periodMs?: DurationMs;
  /** Correlation with the load of what it is measured of, -1..1; NaN where no load is known. */
  readonly load: number;
  /** How far the above can be relied on: 1 after half an hour of points. */
  readonly confidence: number;
  readonly judges: readonly { readonly detector: string; readonly weight: number }[];
}

/** What is known of a series before any point. */
export interface Hint {
  readonly kind?: SeriesKind;
  readonly limit?: number;
}

export interface Profiles {
  /** Takes the points of a step in. `load(row)` is the load of what the row is measured of; NaN where unknown. */
  follow(batch: PointBatch, load: (row: number) => number): void;
  /** Undefined while there is not a single point. */
  read(slot: number): Profile | undefined;
  /** Of a detector in judging the slot; at least a little while nothing is known, 0 where it makes no sense. */
  weight(slot: number, detector: string): number;
  snapshot(): Uint8Array;
}

const fullConfidenceMs = 1_800_000;
/** With fewer points nothing but the hint speaks. */
const pointsMin = 12;
/** Means over time fade at this rate at last, so that a series may change its kind. */
const memoryPoints = 2000;
const blocks = 64;
/** Blocks a period must have been seen over, and how much alike two must be. */
const periodsMin = 2;
const alikeMin = 0.5;

/** A row. Shares and means fade; blocks are means of ever longer stretches, and double when all are full. */
const field = {
  points: 0,
  steps: 1,
  present: 2,
  zero: 3,
  whole: 4,
  negative: 5,
  unit: 6,
  changed: 7,
  fell: 8,
  last: 9,
  mean: 10,
  square: 11,
  cross: 12,
  load: 13,
  loadSquare: 14,
  loadCross: 15,
  loads: 16,
  blockPoints: 17,
  filled: 18,
  sum: 19,
  blocks: 20,
  means: 21,
} as const;
/** 85 numbers: 680 bytes a slot. */
const width = field.means + blocks;

/**
 * Counting and fading moments; the period is the highest local maximum of the autocorrelation of at most 64 block means.
 * Blind to periods shorter than four blocks or longer than half of what was seen, and to a kind that shows in the unit only.
 */
export function createProfiles(stepMs: DurationMs, hintOf: (slot: number) => Hint, snapshot?: Uint8Array): Profiles {
  const table = createSlotTable("profiles", width, snapshot);

  return {
    follow(batch, load) {
      for (let row = 0; row < batch.rows; row++) {
        const at = table.claim(batch.slots[row] as number);
        if (at < 0) continue;
        const good = usable(batch, row);
        table.data[at + field.steps]!++;
        fade(at + field.present, good ? 1 : 0, table.data[at + field.steps]!);
        if (good) take(at, batch.values[row] as number, load(row));
      }
    },
    read(slot) {
      const at = table.find(slot);
      if (at < 0 || table.data[at] === 0) return undefined;
      const { data } = table;
      const period = periodOf(at);
      return {
        kind: kindOf(slot, at),
        points: data[at]!,
        density: data[at + field.present]!,
        sparsity: data[at + field.zero]!,
        changing: data[at + field.changed]!,
        memory: correlation(data[at + field.cross]!, varianceAt(at), varianceAt(at)),
        ...(period === 0 ? {} : { periodMs: period * stepMs }),
        load: loadOf(at),
        confidence: confidenceOf(at),
        judges: Object.keys(fits)
          .map((detector) => ({ detector, weight: weightOf(slot, at, detector) }))
          .filter(({ weight }) => weight > 0)
          .toSorted((a, b) => b.weight - a.weight),
      };
    },
    weight: (slot, detector) => weightOf(slot, table.find(slot), detector),
    snapshot: table.snapshot,
  };

  function take(at: number, value: number, load: number): void {
    const { data } = table;
    const n = ++data[at]!;
    fade(at + field.zero, value === 0 ? 1 : 0, n);
    fade(at + field.whole, Number.isInteger(value) ? 1 : 0, n);
    fade(at + field.negative, value < 0 ? 1 : 0, n);
    fade(at + field.unit, value >= 0 && value <= 1 ? 1 : 0, n);
    const before = data[at + field.last]!;
    if (n > 1) {
      fade(at + field.changed, value === before ? 0 : 1, n - 1);
      fade(at + field.fell, value < before ? 1 : 0, n - 1);
    }
    const distance = value - data[at + field.mean]!;
    if (n > 1) fade(at + field.cross, distance * (before - data[at + field.mean]!), n);
    fade(at + field.mean, value, n);
    fade(at + field.square, distance * distance, n);
    if (Number.isFinite(load)) takeLoad(at, distance, load);
    data[at + field.last] = value;
    takeBlock(at, value);
  }

  function takeLoad(at: number, distance: number, load: number): void {
    const n = ++table.data[at + field.loads]!;
    const loadDistance = load - table.data[at + field.load]!;
    fade(at + field.load, load, n);
    fade(at + field.loadSquare, loadDistance * loadDistance, n);
    fade(at + field.loadCross, loadDistance * distance, n);
  }

  function takeBlock(at: number, value: number): void {
    const { data } = table;
    if (data[at + field.blockPoints] === 0) data[at + field.blockPoints] = 1;
    data[at + field.sum]! += value;
    if (++data[at + field.filled]! < data[at + field.blockPoints]!) return;
    if (data[at + field.blocks] === blocks) {
      for (let i = 0; i < blocks / 2; i++) {
        data[at + field.means + i] = (data[at + field.means + 2 * i]! + data[at + field.means + 2 * i + 1]!) / 2;
      }
      data[at + field.blocks] = blocks / 2;
      data[at + field.blockPoints]! *= 2;
      return;
    }
    data[at + field.means + data[at + field.blocks]!] = data[at + field.sum]! / data[at + field.filled]!;
    data[at + field.blocks]!++;
    data[at + field.sum] = 0;
    data[at + field.filled] = 0;
  }

  function fade(at: number, x: number, n: number): void {
    table.data[at]! += (x - table.data[at]!) / Math.min(n, memoryPoints);
  }

  function varianceAt(at: number): number {
    return table.data[at + field.square]!;
  }

  function loadOf(at: number): number {
    if (table.data[at + field.loads]! < pointsMin) return Number.NaN;
    return correlation(table.data[at + field.loadCross]!, table.data[at + field.loadSquare]!, varianceAt(at));
  }

  function confidenceOf(at: number): number {
    return at < 0 ? 0 : Math.min(1, (table.data[at]! * stepMs) / fullConfidenceMs, table.data[at]! / pointsMin);
  }

  function kindOf(slot: number, at: number): SeriesKind {
    const { kind } = hintOf(slot);
    if (kind !== undefined) return kind;
    const { data } = table;
    if (data[at]! < pointsMin || data[at + field.negative]! > 0) return "gauge";
    if (data[at + field.fell]! < 0.02 && data[at + field.changed]! > 0.3) return "counter";
    if (data[at + field.whole]! > 0.98) return "count";
    return data[at + field.unit]! > 0.98 && data[at + field.mean]! > 0.01 ? "ratio" : "gauge";
  }

  /** Points after which it repeats itself; 0 = none seen. */
  function periodOf(at: number): number {
    const { data } = table;
    const count = data[at + field.blocks]!;
    let mean = 0;
    for (let i = 0; i < count; i++) mean += data[at + field.means + i]! / count;
    let [best, bestAlike, before, rising] = [0, alikeMin, 1, false];
    for (let lag = 1; lag <= count / periodsMin; lag++) {
      let [product, squares] = [0, 0];
      for (let i = 0; i < count; i++) {
        const x = data[at + field.means + i]! - mean;
        squares += x * x;
        if (i >= lag) product += x * (data[at + field.means + i - lag]! - mean);
      }
      const alike = squares === 0 ? 0 : (product / squares) * (count / (count - lag));
      if (rising && alike < before && before > bestAlike && lag > 4) [best, bestAlike] = [lag - 1, before];
      rising = alike > before;
      before = alike;
    }
    return best * data[at + field.blockPoints]!;
  }

  function weightOf(slot: number, at: number, detector: string): number {
    const rule = fits[detector];
    if (rule === undefined) return 1;
    const { data } = table;
    const seen: Seen =
      at < 0 || data[at]! < pointsMin
        ? { kind: hintOf(slot).kind ?? "gauge", sparsity: 0, changing: 1 }
        : { kind: kindOf(slot, at), sparsity: data[at + field.zero]!, changing: data[at + field.changed]! };
    const weight = rule(seen, hintOf(slot));
    // The recent level needs to know little of a series; the others count as much as is known.
    return detector === "robust-level" ? weight : weight * Math.max(startConfidence, confidenceOf(at));
  }
}

interface Seen {
  readonly kind: SeriesKind;
  readonly sparsity: number;
  readonly changing: number;
}

const startConfidence = 0.1;
/** Mostly zero: levels and strides of it are those of its exceptions. Mostly resting: it has no noise to measure by. */
const sparse = 0.5;
const resting = 0.2;

/** How well a detector fits what was seen. A raw counter is for its rate to judge, so nobody judges it. */
const fits: Readonly<Record<string, (seen: Seen, hint: Hint) => number>> = {
  "robust-level": ({ kind }) => (kind === "counter" ? 0 : 10),
  "level-shift": (seen) => (seen.kind === "counter" || seen.sparsity > sparse ? 0 : 2),
  "variance-change": (seen) => (varies(seen) ? 1 : 0),
  spike: (seen) => (varies(seen) ? 1 : 0),
  saturation: ({ kind }, { limit }) => (kind === "counter" || limit === undefined ? 0 : 2),
  "signal-pattern": ({ kind }) => (kind === "counter" ? 0 : 2),
  "peer-outlier": ({ kind }) => (kind === "counter" ? 0 : 2),
  drift: (seen) => (seen.kind === "counter" || seen.sparsity > sparse ? 0 : 1),
};

function varies({ kind, sparsity, changing }: Seen): boolean {
  return kind !== "counter" && sparsity <= sparse && changing >= resting;
}

function correlation(cross: number, one: number, other: number): number {
  return one > 0 && other > 0 ? Math.max(-1, Math.min(1, cross / Math.sqrt(one * other))) : 0;
}
