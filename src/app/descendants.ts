// What is said of an entity holds for all that belongs to it, however far down.
import type { Exclusion } from "../model/anomaly.ts";
import type { Entity, EntityId } from "../model/entity.ts";

/** Entities that belong to `ancestor`, and what belongs to those; itself left out. */
export function descendantsOf(ancestor: EntityId, entities: readonly Entity[]): readonly EntityId[] {
  return below(ancestor, childrenOf(entities));
}

/** The exclusions, and the same of all that belongs to what each is about. */
export function withDescendants(exclusions: readonly Exclusion[], entities: readonly Entity[]): readonly Exclusion[] {
  if (exclusions.length === 0) return exclusions;
  const children = childrenOf(entities);
  return exclusions.flatMap((exclusion) => [
    exclusion,
    ...below(exclusion.entity, children).map((entity) => ({ ...exclusion, entity })),
  ]);
}

function childrenOf(entities: readonly Entity[]): ReadonlyMap<EntityId, readonly EntityId[]> {
  const children = new Map<EntityId, EntityId[]>();
  for (const { id, parent } of entities) {
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [id]);
    else siblings.push(id);
  }
  return children;
}

function below(ancestor: EntityId, children: ReadonlyMap<EntityId, readonly EntityId[]>): readonly EntityId[] {
  // Telemetry that says two things belong to each other must not be followed for ever.
  const seen = new Set([ancestor]);
  const found: EntityId[] = [];
  for (let next: readonly EntityId[] = [ancestor]; next.length > 0; ) {
    next = next.flatMap((id) => children.get(id) ?? []).filter((id) => !seen.has(id) && seen.add(id));
    found.push(...next);
  }
  return found;
}
