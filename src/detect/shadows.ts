// Which stretches of an entity's time lie inside its own episodes, and so must not be learned as normal.
import type { Anomaly } from "../model/anomaly.ts";
import type { EntityId } from "../model/entity.ts";
import type { DurationMs, Instant } from "../model/time.ts";

/** `brief`: inside an episode that ended soon by itself. Its scores may teach what false alarms look like, its values nothing. */
export type Shadow = "clear" | "brief" | "inside";

export interface Shadows {
  put(entity: EntityId, anomaly: Anomaly): void;
  /** The episode keeps nothing from being learned any more, even if it goes on. */
  lift(entity: EntityId, anomalyId: string): void;
  isLifted(anomalyId: string): boolean;
  at(entity: EntityId, at: Instant): Shadow;
  /** Lets go of episodes that ended before. */
  forget(before: Instant): void;
}

/** Before the onset and after the end, where the trouble was there but not yet, or no longer, plain to see. */
export const marginMs = 60_000;
const briefMs = 300_000;
/** Episodes kept for an entity at once. */
const keptMax = 64;
const liftedMax = 10_000;

/** How a point at `at` stands to an episode, which keeps none from being learned for longer than `acceptAfterMs`. */
export function shadowOf({ onset, endedAt, lastSeen }: Anomaly, at: Instant, acceptAfterMs: DurationMs): Shadow {
  const to = Math.min((endedAt ?? Number.POSITIVE_INFINITY) + marginMs, onset + acceptAfterMs);
  if (at < onset - marginMs || at > to) return "clear";
  return endedAt === undefined || lastSeen - onset > briefMs ? "inside" : "brief";
}

export function createShadows(acceptAfterMs: DurationMs): Shadows {
  const byEntity = new Map<EntityId, Map<string, Anomaly>>();
  const lifted = new Set<string>();
  return {
    put(entity, anomaly) {
      if (lifted.has(anomaly.id)) {
        if (anomaly.endedAt !== undefined) lifted.delete(anomaly.id);
        return;
      }
      let own = byEntity.get(entity);
      if (own === undefined) {
        own = new Map();
        byEntity.set(entity, own);
      }
      own.set(anomaly.id, anomaly);
      const oldest = own.keys().next();
      if (own.size > keptMax && !oldest.done) own.delete(oldest.value);
    },
    lift(entity, anomalyId) {
      byEntity.get(entity)?.delete(anomalyId);
      lifted.add(anomalyId);
      const oldest = lifted.values().next();
      if (lifted.size > liftedMax && !oldest.done) lifted.delete(oldest.value);
    },
    isLifted: (anomalyId) => lifted.has(anomalyId),
    at(entity, at) {
      let shadow: Shadow = "clear";
      for (const anomaly of byEntity.get(entity)?.values() ?? []) {
        const one = shadowOf(anomaly, at, acceptAfterMs);
        if (one === "inside") return one;
        if (one === "brief") shadow = one;
      }
      return shadow;
    },
    forget(before) {
      for (const [entity, own] of byEntity) {
        for (const [id, { endedAt }] of own) if (endedAt !== undefined && endedAt + marginMs < before) own.delete(id);
        if (own.size === 0) byEntity.delete(entity);
      }
    },
  };
}
