// Detector: one or few points far from those right before them.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { bandOf, harmsDown, harmsUp, type NatureOf, signalNature, unknownBand, usable } from "./natures.ts";
import { countOf, learnRunning, runningWidth, spreadOf } from "./running.ts";
import { createSlotTable } from "./slot-table.ts";

/** Points the local level is the median of. */
const localPoints = 9;
const pointsMin = 40;
const windowPoints = 720;
const bandSpreads = 3;

/** A row: usual distance from the local level, then the last points of what was learned, and of what was seen. */
const LEARNED = runningWidth;
const courseWidth = localPoints + 1;
const SEEN = LEARNED + courseWidth;
/** 25 numbers: 200 bytes a slot. */
const width = SEEN + courseWidth;

/**
 * Slots as for `robust-level`. Distance from the median of the last nine points, in spreads of that distance itself, so the
 * band is as tight as the series is smooth and follows it through the day. Source: Hampel's filter (1974), one-sided in time.
 * Blind to what lasts longer than five points: that is a shift, and the local level is there by then.
 */
export const spike: DetectorKind<"point"> = {
  kind: "spike",
  summary: "One or few points far from those right before them: a spike or a dip.",
  input: "point",
  create: (snapshot) => createSpike(signalNature, snapshot),
};

export function createSpike(natureOf: NatureOf, snapshot?: Uint8Array): Detector<"point"> {
  const table = createSlotTable("spike", width, snapshot);
  const scratch = new Float64Array(localPoints);

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++) out[row] = scoreRow(batch, row);
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++) {
        if (!usable(batch, row)) continue;
        const slot = batch.slots[row] as number;
        const at = table.find(slot);
        if (at >= 0) push(at + SEEN, natureOf(slot).scale.to(batch.values[row] as number));
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
        const local = localLevel(at + LEARNED);
        if (!Number.isNaN(local)) learnRunning(table.data, at, x - local, scale.floor, windowPoints);
        push(at + LEARNED, x);
      }
    },
    explain(batch, row) {
      const slot = batch.slots[row] as number;
      const at = table.find(slot);
      const local = at < 0 ? Number.NaN : localLevel(at + SEEN);
      if (Number.isNaN(local)) return { expected: unknownBand, evidence: [], shape: "spike" };
      const nature = natureOf(slot);
      const half = bandSpreads * spreadOf(table.data, at, nature.scale.floor);
      return { expected: bandOf(nature, local, half), evidence: [], shape: "spike" };
    },
    snapshot: table.snapshot,
  };

  function scoreRow(batch: PointBatch, row: number): number {
    const slot = batch.slots[row] as number;
    const at = table.find(slot);
    if (at < 0 || !usable(batch, row) || countOf(table.data, at) < pointsMin) return Number.NaN;
    const nature = natureOf(slot);
    const distance = nature.scale.to(batch.values[row] as number) - localLevel(at + SEEN);
    if (Number.isNaN(distance)) return Number.NaN;
    if (distance > 0 ? !harmsUp(nature) : !harmsDown(nature)) return 0;
    return Math.abs(distance) / spreadOf(table.data, at, nature.scale.floor);
  }

  /** Median of a course's last points; NaN while there are too few. The first field counts them. */
  function localLevel(at: number): number {
    const { data } = table;
    if (data[at]! < localPoints) return Number.NaN;
    for (let i = 0; i < localPoints; i++) {
      const x = data[at + 1 + i]!;
      let to = i;
      while (to > 0 && scratch[to - 1]! > x) {
        scratch[to] = scratch[to - 1]!;
        to--;
      }
      scratch[to] = x;
    }
    return scratch[localPoints >> 1]!;
  }

  function push(at: number, x: number): void {
    const { data } = table;
    data[at + 1 + (data[at]! % localPoints)] = x;
    data[at]!++;
  }
}
