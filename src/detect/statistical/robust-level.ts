// Detector: how far a value lies from its series' recent level, in units of that series' own spread.
import { quantileOf } from "../../math/quantile.ts";
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { type Signal, signals } from "../../model/signal.ts";
import { packParts, unpackParts } from "../snapshot.ts";
import { createLevels, type Level } from "./levels.ts";
import { usable } from "./natures.ts";
import { type Scale, scaleOf } from "./scales.ts";
import { createSlotTable } from "./slot-table.ts";

/** Points before it says anything. */
const pointsMin = 40;
/** 30 minutes at 5 s, 90 at 15 s. */
const windowPoints = 360;
/** Points at which the spread counts double, for what so few points cannot have shown. */
const doubtPoints = 40;
/** Points the new level is the median of when somebody accepts it. */
const recentPoints = 8;
/** Part of the smallest spread assumed for a series that never moved at all: there is no noise to mistake a change for. */
const stillShare = 0.7;
/** Sigmas either side that are called expected. */
const bandSigmas = 3;

const scaleBySignal: readonly Scale[] = signals.map((signal) => scaleOf(signal.id));

/**
 * Slots are `entity * signals.length + signal`. Only the direction that harms counts: a fall of a latency scores 0.
 * Source: see `levels.ts`; scored as a robust z on a variance-stabilising scale. Blind to drift slower than the window,
 * to what is odd only for its time of day, and to anything that stays inside the band.
 */
export const robustLevel: DetectorKind<"point"> = {
  kind: "robust-level",
  summary: "Distance from the recent median, in robust standard deviations of the series itself.",
  input: "point",
  create: createRobustLevel,
};

function createRobustLevel(snapshot?: Uint8Array): Detector<"point"> {
  const parts = snapshot === undefined ? undefined : unpackParts(snapshot);
  const levels = createLevels(windowPoints, parts?.bytes.get("levels"));
  const recent = createSlotTable("recent", recentPoints + 1, parts?.bytes.get("recent"));
  const scratch = new Float64Array(recentPoints);
  const level: Level = { center: 0, low: 0, high: 0 };

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row)) continue;
        const slot = batch.slots[row] as number;
        const at = recent.claim(slot);
        if (at < 0) continue;
        const next = recent.data[at]! % recentPoints;
        recent.data[at + 1 + next] = scaleAt(slot).to(batch.values[row] as number);
        recent.data[at]!++;
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row)) continue;
        const slot = batch.slots[row] as number;
        levels.learn(slot, scaleAt(slot).to(batch.values[row] as number));
      }
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      if (!levels.read(slot, level)) return { expected: { low: Number.NaN, high: Number.NaN }, evidence: [] };
      const scale = scaleAt(slot);
      const { min, max } = signalAt(slot).range;
      const low = scale.from(level.center - bandSigmas * spread(slot, level.low));
      const high = scale.from(level.center + bandSigmas * spread(slot, level.high));
      return { expected: { low: Math.max(min, low), high: Math.min(max, high) }, evidence: [] };
    },
    accept(slot) {
      const at = recent.find(slot);
      const known = at < 0 ? 0 : Math.min(recent.data[at]!, recentPoints);
      if (known === 0 || !levels.read(slot, level)) return;
      scratch.set(recent.data.subarray(at + 1, at + 1 + recentPoints));
      levels.shift(slot, quantileOf(scratch, known, 0.5) - level.center);
    },
    snapshot: () =>
      packParts({
        facts: {},
        bytes: new Map([
          ["levels", levels.snapshot()],
          ["recent", recent.snapshot()],
        ]),
      }),
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    if (!usable(batch, row) || levels.count(slot) < pointsMin || !levels.read(slot, level)) return Number.NaN;
    const distance = scaleAt(slot).to(batch.values[row] as number) - level.center;
    const { harm } = signalAt(slot);
    if ((harm === "rise" && distance < 0) || (harm === "fall" && distance > 0)) return 0;
    return Math.abs(distance) / spread(slot, distance < 0 ? level.low : level.high);
  }

  function spread(slot: number, side: number): number {
    const { floor } = scaleAt(slot);
    const still = level.low === 0 && level.high === 0;
    return Math.max(side, still ? stillShare * floor : floor) * (1 + doubtPoints / levels.count(slot));
  }
}

function signalAt(slot: number): Signal {
  return signals[slot % signals.length] as Signal;
}

function scaleAt(slot: number): Scale {
  return scaleBySignal[slot % signals.length] as Scale;
}
