// The detection's own numbering of entities, which outlives a restart, and how much of each was learned.
import type { EntityId } from "../model/entity.ts";
import type { Frame } from "../model/frame.ts";

export interface Roster {
  /** The frame without the entities over the limit, and the number of each that is left. */
  admit(frame: Frame): { readonly frame: Frame; readonly slots: Int32Array; readonly refused: number };
  /** One more point of the entity was learned. */
  learned(id: EntityId): void;
  pointsLearned(id: EntityId): number;
  /** The number of an entity that was ever admitted. */
  slotOf(id: EntityId): number | undefined;
  snapshot(): unknown;
}

export function createRoster(limit: number, snapshot: unknown): Roster {
  const slotById = new Map<EntityId, number>();
  const pointsById = new Map<EntityId, number>();
  if (Array.isArray(snapshot)) {
    for (const entry of snapshot) {
      if (!isEntry(entry) || slotById.size >= limit) continue;
      slotById.set(entry.id, slotById.size);
      pointsById.set(entry.id, entry.points);
    }
  }
  return {
    admit(frame) {
      const rows: number[] = [];
      for (const [row, entity] of frame.entities.entries()) {
        const known = slotById.has(entity.id);
        if (!known && slotById.size >= limit) continue;
        if (!known) slotById.set(entity.id, slotById.size);
        rows.push(row);
      }
      const refused = frame.entities.length - rows.length;
      const kept = refused === 0 ? frame : onlyRows(frame, rows);
      return { frame: kept, slots: Int32Array.from(kept.entities, (entity) => slotById.get(entity.id) ?? 0), refused };
    },
    learned: (id) => pointsById.set(id, (pointsById.get(id) ?? 0) + 1),
    slotOf: (id) => slotById.get(id),
    pointsLearned: (id) => pointsById.get(id) ?? 0,
    // In the order of their numbers, so that the list alone gives them back.
    snapshot: () => [...slotById.keys()].map((id) => ({ id, points: pointsById.get(id) ?? 0 })),
  };
}

function onlyRows(frame: Frame, rows: readonly number[]): Frame {
  const width = frame.signals.length;
  const values = new Float64Array(rows.length * width);
  const flags = new Uint8Array(rows.length * width);
  for (const [to, from] of rows.entries()) {
    values.set(frame.values.subarray(from * width, (from + 1) * width), to * width);
    flags.set(frame.quality.subarray(from * width, (from + 1) * width), to * width);
  }
  const entities = frame.entities.filter((_, row) => rows.includes(row));
  return { ...frame, entities, slots: Int32Array.from(rows, (row) => frame.slots[row] ?? 0), values, quality: flags };
}

function isEntry(value: unknown): value is { id: string; points: number } {
  if (typeof value !== "object" || value === null || !("id" in value) || !("points" in value)) return false;
  return typeof value.id === "string" && typeof value.points === "number" && value.points >= 0;
}
