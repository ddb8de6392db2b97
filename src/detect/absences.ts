// Who is missing: replicas that say nothing while their siblings do, without a change that would explain it.
import type { PointBatch } from "../model/detector.ts";
import type { EntityId } from "../model/entity.ts";
import type { Frame } from "../model/frame.ts";
import { quality } from "../model/series.ts";
import type { ChangeBook } from "./change-book.ts";

export interface Absences {
  /**
   * A row for every entity: steps for which it alone was silent. MISSING where nobody can tell (no siblings, or none of them
   * is heard either: then the telemetry is gone, not the replica) and where a change explains it.
   */
  of(frame: Frame, slots: Int32Array, silence: PointBatch): PointBatch;
}

/** A replica that falls silent so long after a change, or so shortly before it is told of, does so because of it. */
const explaining = { beforeMs: 600_000, afterMs: 900_000 };

export function createAbsences(changes: Pick<ChangeBook, "explains">): Absences {
  const alone: number[] = [];

  return {
    of(frame, slots, silence) {
      const rows = frame.entities.length;
      const values = new Float64Array(rows);
      const flags = new Uint8Array(rows);
      const heard = heardByParent(frame, silence);
      for (const [row, { id, parent }] of frame.entities.entries()) {
        const slot = slots[row] as number;
        const silentSteps = silence.values[row] as number;
        const family = parent === undefined ? undefined : heard.get(parent);
        // Only itself is there, or nobody is heard.
        const alike = family === undefined || family.members < 2 || (silentSteps > 0 && family.heard === 0);
        const since = frame.at - silentSteps * frame.stepMs;
        const explained = silentSteps > 0 && changes.explains(since, [id, parent], explaining);
        if (alike || explained) {
          alone[slot] = 0;
          flags[row] = quality.MISSING;
          continue;
        }
        alone[slot] = silentSteps === 0 ? 0 : (alone[slot] ?? 0) + 1;
        values[row] = alone[slot] as number;
      }
      return { rows, slots, values, quality: flags };
    },
  };
}

function heardByParent(
  { entities }: Frame,
  silence: PointBatch,
): ReadonlyMap<EntityId, { members: number; heard: number }> {
  const out = new Map<EntityId, { members: number; heard: number }>();
  for (const [row, { parent }] of entities.entries()) {
    if (parent === undefined) continue;
    const family = out.get(parent) ?? { members: 0, heard: 0 };
    family.members++;
    if (silence.values[row] === 0) family.heard++;
    out.set(parent, family);
  }
  return out;
}
