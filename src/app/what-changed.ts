// What changed, over this service's store: facts of telemetry, change events, and what belongs to what.
import { eventsFreshMs, factsBackMs, whatChanged } from "../diagnose/what-changed.ts";
import { isOfOthers } from "../model/change.ts";
import { type Entity, type EntityId, entityId } from "../model/entity.ts";
import type { TimeRange } from "../model/time.ts";
import type { WhatChanged } from "../model/what-changed.ts";
import type { Store } from "../store/store.ts";
import { descendantsOf } from "./descendants.ts";

/** Newest events looked at to tell when each kind was last heard. */
const heardMax = 1000;

export type TellChanges = (range: TimeRange, entity?: EntityId) => Promise<WhatChanged>;

export function createTellChanges(
  store: Pick<Store, "facts" | "changes" | "records">,
  entities: () => readonly Entity[],
): TellChanges {
  return async (range, entity) => {
    const [{ facts, truncated }, within, before] = await Promise.all([
      store.facts.facts(range, factsBackMs),
      store.changes.within(range),
      store.records.list("changes", { limit: heardMax, range: { from: 0, to: range.to + eventsFreshMs } }),
    ]);
    const known = new Map([...before, ...within].map((event) => [event.id, event]));
    const events = [...known.values()].filter(isOfOthers);
    const about = entity === undefined ? undefined : { entity, related: relatedTo(entity, entities()) };
    return whatChanged({ facts, truncated, events }, range, about);
  };
}

/** Itself, what belongs to it, what it belongs to, and the nodes they are on. */
export function relatedTo(entity: EntityId, entities: readonly Entity[]): ReadonlySet<EntityId> {
  const byId = new Map(entities.map((one) => [one.id, one]));
  const related = new Set([entity, ...descendantsOf(entity, entities)]);
  for (const id of [...related]) {
    const node = byId.get(id)?.place?.["node"];
    if (node !== undefined) related.add(entityId("node", node));
  }
  for (let id = byId.get(entity)?.parent; id !== undefined && !related.has(id); id = byId.get(id)?.parent)
    related.add(id);
  return related;
}
