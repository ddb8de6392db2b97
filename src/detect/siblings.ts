// Entities beside their siblings: how far each signal lies from the median of the others of the same parent.
import { quantileOf } from "../math/quantile.ts";
import type { PointBatch } from "../model/detector.ts";
import type { Frame } from "../model/frame.ts";
import { quality, UNUSABLE } from "../model/series.ts";
import { signals } from "../model/signal.ts";
import { scaleOf } from "./statistical/scales.ts";

/** With fewer others there is no telling who is odd. */
const othersMin = 2;

const scales = signals.map(({ id }) => scaleOf(id));

/**
 * Rows as in `levels`, values on each signal's scale less the median of the other entities with the same parent, kind and
 * version of what they run; MISSING where there are fewer than two others.
 */
export function relativeTo(frame: Frame, levels: PointBatch): PointBatch {
  const width = signals.length;
  const values = new Float64Array(levels.rows).fill(Number.NaN);
  const flags = new Uint8Array(levels.rows).fill(quality.MISSING);
  const scaled = new Float64Array(frame.entities.length);
  for (const members of familiesOf(frame)) {
    if (members.length <= othersMin) continue;
    for (let column = 0; column < width; column++) beside(members, column);
  }
  return { rows: levels.rows, slots: levels.slots, values, quality: flags };

  function beside(members: readonly number[], column: number): void {
    const scale = scales[column]!;
    const known: number[] = [];
    for (const member of members) {
      const row = member * width + column;
      if ((levels.quality[row]! & UNUSABLE) === 0 && Number.isFinite(levels.values[row]!)) known.push(row);
    }
    if (known.length <= othersMin) return;
    for (const row of known) {
      let count = 0;
      for (const other of known) if (other !== row) scaled[count++] = scale.to(levels.values[other]!);
      values[row] = scale.to(levels.values[row]!) - quantileOf(scaled, count, 0.5);
      flags[row] = levels.quality[row]!;
    }
  }
}

/** Rows of the entities that are siblings: one parent, kind and version of what they run. Those without a parent are nobody's. */
export function familiesOf(frame: Frame): Iterable<readonly number[]> {
  const byParent = new Map<string, number[]>();
  for (const [row, { id, kind, parent, labels }] of frame.entities.entries()) {
    const key =
      parent === undefined ? id : JSON.stringify([kind, parent, labels["model"] ?? "", labels["version"] ?? ""]);
    const members = byParent.get(key);
    if (members === undefined) byParent.set(key, [row]);
    else members.push(row);
  }
  return byParent.values();
}
