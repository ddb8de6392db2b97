// Changes that somebody made, for as long as they may explain a shift.
import { z } from "zod";
import type { EntityId } from "../model/entity.ts";
import type { Instant } from "../model/time.ts";

export interface ChangeBook {
  changed(entity: EntityId, at: Instant): void;
  /** Whether what began at `onset` on one of these follows a change of it closely enough to be what was wanted. */
  explains(onset: Instant, entities: readonly (EntityId | undefined)[]): boolean;
  /** Plain JSON. */
  snapshot(): unknown;
  /** False for what is no snapshot: nothing is taken of it. */
  restore(saved: unknown): boolean;
}

/** What follows a change has so long to calm down, or to become an incident, before it is the new normal. */
export const confirmedAfterMs = 900_000;
/** Between a change and a shift it explains. A little before, for clocks differ. */
const explainsBeforeMs = 60_000;
const explainsAfterMs = 600_000;
const changesMax = 1000;
const shape = z.array(z.object({ entity: z.string(), at: z.number() })).max(changesMax);

export function createChangeBook(): ChangeBook {
  const changes: { readonly entity: EntityId; readonly at: Instant }[] = [];
  return {
    changed(entity, at) {
      changes.push({ entity, at });
      if (changes.length > changesMax) changes.shift();
    },
    explains: (onset, entities) =>
      changes.some(
        ({ entity, at }) =>
          onset >= at - explainsBeforeMs && onset <= at + explainsAfterMs && entities.includes(entity),
      ),
    snapshot: () => changes,
    restore(saved) {
      const read = shape.safeParse(saved);
      if (read.success) changes.push(...read.data);
      return read.success;
    },
  };
}
