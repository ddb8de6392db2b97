// Changes that somebody made, for as long as they may explain a shift.
import { z } from "zod";
import type { EntityId } from "../model/entity.ts";
import type { DurationMs, Instant } from "../model/time.ts";

export interface ChangeBook {
  changed(entity: EntityId, at: Instant): void;
  /** Whether what began at `onset` on one of these follows a change of it closely enough to be what was wanted. */
  explains(onset: Instant, entities: readonly (EntityId | undefined)[], within?: ExplainingTimes): boolean;
  /** Plain JSON. */
  snapshot(): unknown;
  /** False for what is no snapshot: nothing is taken of it. */
  restore(saved: unknown): boolean;
}

export interface ExplainingTimes {
  /** How long before its change something may begin: clocks differ, and changes are told late. */
  readonly beforeMs: DurationMs;
  readonly afterMs: DurationMs;
}

/** What follows a change has so long to calm down, or to become an incident, before it is the new normal. */
export const confirmedAfterMs = 900_000;
const shift: ExplainingTimes = { beforeMs: 60_000, afterMs: 600_000 };
/** Of one entity: who is changed more often is explained by the latest. */
const timesMax = 16;
/** A change of a deployment is one of all that belongs to it. */
const entitiesMax = 20_000;
const shape = z.array(z.object({ entity: z.string(), at: z.number() })).max(entitiesMax * timesMax);

/** Bounded: of too many entities those changed longest ago are let go, which `dropped` is told of. */
export function createChangeBook(dropped: () => void = () => {}): ChangeBook {
  const changes = new Map<EntityId, Instant[]>();

  function changed(entity: EntityId, at: Instant): void {
    const times = changes.get(entity) ?? [];
    times.push(at);
    if (times.length > timesMax) times.shift();
    changes.delete(entity);
    changes.set(entity, times);
    if (changes.size <= entitiesMax) return;
    for (const oldest of changes.keys()) {
      changes.delete(oldest);
      dropped();
      return;
    }
  }

  return {
    changed,
    explains: (onset, entities, { beforeMs, afterMs } = shift) =>
      entities.some(
        (entity) =>
          entity !== undefined &&
          changes.get(entity)?.some((at) => onset >= at - beforeMs && onset <= at + afterMs) === true,
      ),
    snapshot: () => [...changes].flatMap(([entity, times]) => times.map((at) => ({ entity, at }))),
    restore(saved) {
      const read = shape.safeParse(saved);
      if (read.success) for (const { entity, at } of read.data) changed(entity, at);
      return read.success;
    },
  };
}
