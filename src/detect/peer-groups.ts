// Siblings of a frame: the same signal of all replicas of one deployment, as detectors of peers want it.
import type { PeerBatch, PointBatch } from "../model/detector.ts";
import type { Frame } from "../model/frame.ts";
import { UNUSABLE } from "../model/series.ts";
import { familiesOf } from "./siblings.ts";

/**
 * `levels` are the frame's rows as `createFeatures` gives them: the signals of an entity lie together, in the order of
 * `signals`. Siblings are those of `familiesOf`. Every row stays, in its place.
 */
export function peersOf(frame: Frame, levels: PointBatch): PeerBatch {
  const { entities } = frame;
  const width = entities.length === 0 ? 0 : levels.rows / entities.length;
  const families = [...familiesOf(frame)];
  const groups = new Int32Array(levels.rows);
  const starts = new Int32Array(families.length * width + 1);
  const siblings = new Float64Array(levels.rows);
  let group = 0;
  let next = 0;
  for (const family of families) {
    for (let column = 0; column < width; column++) {
      for (const row of family) {
        const i = row * width + column;
        groups[i] = group;
        const usable = ((levels.quality[i] as number) & UNUSABLE) === 0 && Number.isFinite(levels.values[i] as number);
        if (usable) siblings[next++] = levels.values[i] as number;
      }
      starts[++group] = next;
    }
  }
  return { ...levels, groups, siblings: siblings.subarray(0, next), starts };
}
