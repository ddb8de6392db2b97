// The entities in memory: each found or made as a series comes that feeds a signal of it, and let go of with its last.
import type { EntityId } from "../model/entity.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { signals } from "../model/signal.ts";
import { createEntityState, type EntityState } from "./canonical.ts";
import { type EntityBook, entityLabels, placeOf, withFacts } from "./entities.ts";
import { isMade, kindOf } from "./entity-kind.ts";
import type { StoredSeries } from "./raw-series.ts";
import type { Target } from "./resolver.ts";

export interface EntityStates {
  /** The entity whose signal the series feeds, with what the series says of it. */
  of(definition: RawSeries, target: Target): EntityState;
  drop(id: EntityId): void;
  list(): readonly EntityState[];
  /** Series of the entity that cannot stand still. */
  restless(id: EntityId): Set<StoredSeries>;
  /** The series is there no more, whose ever it was. */
  leave(stored: StoredSeries): void;
  /** Lets go of what nobody needs: to be called now and then. */
  sweep(): void;
}

export function createEntityStates(identities: EntityBook): EntityStates {
  const states = new Map<EntityId, EntityState>();
  const slots = new Map<EntityId, number>();
  const restlessOf = new Map<EntityId, Set<StoredSeries>>();
  let all: readonly EntityState[] | undefined = [];

  return {
    of,
    drop(id) {
      states.delete(id);
      all = undefined;
    },
    list() {
      all ??= [...states.values()];
      return all;
    },
    restless,
    leave(stored) {
      for (const members of restlessOf.values()) members.delete(stored);
    },
    sweep() {
      for (const [id, members] of restlessOf) if (members.size === 0 && !states.has(id)) restlessOf.delete(id);
    },
  };

  function of(definition: RawSeries, target: Target): EntityState {
    const { mapping } = target;
    const identity = identities.identify(definition, kindOf(target));
    // An application calls many models: none of them is what it is.
    const models = identity.kind === "service" ? [] : mapping.model;
    const labels = entityLabels(definition, mapping.engine, models, mapping.version);
    const place = placeOf(definition);
    const known = states.get(identity.id);
    if (known !== undefined) {
      // Several exporters may tell of one entity: what judged signals come from is its engine, and never what is made here.
      const { engine: _, ...facts } = labels;
      const tells = !isMade(definition) && (target.signal < signals.length || !known.judged);
      known.entity = withFacts(known.entity, tells ? labels : facts, place);
      return known;
    }
    // Slots live as long as the process: an entity that comes back finds its own again.
    const slot = slots.get(identity.id) ?? slots.size;
    slots.set(identity.id, slot);
    const state = createEntityState({ ...identity, labels, place }, slot, restless(identity.id));
    states.set(identity.id, state);
    all = undefined;
    return state;
  }

  function restless(id: EntityId): Set<StoredSeries> {
    let found = restlessOf.get(id);
    if (found === undefined) {
      found = new Set();
      restlessOf.set(id, found);
    }
    return found;
  }
}
