// Detector: a level that moved and stayed, told from the sum of many points that each lie inside the band.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import type { Instant } from "../../model/time.ts";
import { bandOf, harmsDown, harmsUp, type NatureOf, signalNature, unknownBand, usable } from "./natures.ts";
import { centerOf, countOf, learnRunning, recenter, runningWidth, spreadOf } from "./running.ts";
import { createSlotTable } from "./slot-table.ts";
import { followHigh, scoreOfLikelihood } from "./usual-high.ts";

/** The shift looked for, in spreads: half of it is what a point must exceed to count. */
const shift = 1.5;
const clip = 4;
/** A sum that has fallen so far from its top is over: the level is back. */
const fallMax = 8;
const pointsMin = 40;
const windowPoints = 360;
/** -ln of one per cent: what the sum exceeds so often when points are independent. */
const highMin = 4.6;
const bandSpreads = 3;
const recentPoints = 6;

/** A row: usual level, high, the sums of learned points (up, down), those of all points (up, down), recent mean. */
const HIGH = runningWidth;
const sumWidth = 3;
const LEARNED = HIGH + 1;
const SEEN = LEARNED + 2 * sumWidth;
const RECENT = SEEN + 2 * sumWidth;
/** 19 numbers: 152 bytes a slot. */
const width = RECENT + 1;
/** Of a sum: its value, its top, and when it left zero. */
const TOP = 1;
const SINCE = 2;

/**
 * Slots as for `robust-level`. Page's CUSUM (1954) of log-likelihood ratios for a shift of 1.5 spreads either way, points
 * clipped at 4, in units of the series' own usual high, for noise that remembers makes sums run up by itself. The onset is
 * when the sum left zero. Blind to ramps slow enough for the usual level to follow, and to swings that average out.
 */
export const levelShift: DetectorKind<"point"> = {
  kind: "level-shift",
  summary: "Sum of small departures to one side: a level that moved by a little and stayed.",
  input: "point",
  create: (snapshot) => createLevelShift(signalNature, snapshot),
};

export function createLevelShift(natureOf: NatureOf, snapshot?: Uint8Array): Detector<"point"> {
  const table = createSlotTable("level-shift", width, snapshot);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch, now) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row)) continue;
        const slot = batch.slots[row] as number;
        const at = table.find(slot);
        if (at < 0 || countOf(table.data, at) < pointsMin) continue;
        const x = natureOf(slot).scale.to(batch.values[row] as number);
        advance(at, SEEN, standard(at, slot, x), now);
        const recent = table.data[at + RECENT]!;
        table.data[at + RECENT] = recent === 0 ? x : recent + (x - recent) / recentPoints;
      }
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row)) continue;
        const slot = batch.slots[row] as number;
        const at = table.claim(slot);
        if (at < 0) continue;
        const { scale } = natureOf(slot);
        const x = scale.to(batch.values[row] as number);
        if (countOf(table.data, at) >= pointsMin) {
          advance(at, LEARNED, standard(at, slot, x), 0);
          const sum = Math.max(table.data[at + LEARNED]!, table.data[at + LEARNED + sumWidth]!);
          followHigh(table.data, at + HIGH, sum, highMin);
        }
        learnRunning(table.data, at, x, scale.floor, windowPoints);
      }
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const at = table.find(slot);
      if (at < 0) return { expected: unknownBand, evidence: [], shape: "level-shift" };
      const nature = natureOf(slot);
      const half = bandSpreads * spreadOf(table.data, at, nature.scale.floor);
      const up = table.data[at + SEEN]! >= table.data[at + SEEN + sumWidth]!;
      const since = table.data[at + SEEN + (up ? 0 : sumWidth) + SINCE]!;
      return {
        expected: bandOf(nature, centerOf(table.data, at), half),
        evidence: [],
        shape: "level-shift",
        ...(since > 0 ? { since } : {}),
      };
    },
    accept(slot) {
      const at = table.find(slot);
      if (at < 0) return;
      recenter(table.data, at, table.data[at + RECENT]!);
      table.data.fill(0, at + LEARNED, at + RECENT);
    },
    snapshot: table.snapshot,
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    const at = table.find(slot);
    if (at < 0 || !usable(batch, row) || countOf(table.data, at) < pointsMin) return Number.NaN;
    const nature = natureOf(slot);
    const z = standard(at, slot, nature.scale.to(batch.values[row] as number));
    const up = harmsUp(nature) ? next(at + SEEN, z) : 0;
    const down = harmsDown(nature) ? next(at + SEEN + sumWidth, -z) : 0;
    return scoreOfLikelihood(table.data, at + HIGH, Math.max(up, down), highMin);
  }

  function standard(at: number, slot: number, x: number): number {
    const z = (x - centerOf(table.data, at)) / spreadOf(table.data, at, natureOf(slot).scale.floor);
    return Math.max(-clip, Math.min(clip, z));
  }

  /** What a sum will be after a point. */
  function next(at: number, z: number): number {
    const sum = table.data[at]! + shift * (z - shift / 2);
    return sum <= 0 || sum < table.data[at + TOP]! - fallMax ? 0 : sum;
  }

  function advance(at: number, sums: number, z: number, now: Instant): void {
    advanceOne(at + sums, z, now);
    advanceOne(at + sums + sumWidth, -z, now);
  }

  function advanceOne(at: number, z: number, now: Instant): void {
    const { data } = table;
    const sum = next(at, z);
    if (sum === 0) data.fill(0, at, at + sumWidth);
    else {
      if (data[at] === 0) data[at + SINCE] = now;
      data[at + TOP] = Math.max(data[at + TOP]!, sum);
      data[at] = sum;
    }
  }
}
