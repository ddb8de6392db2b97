// What was there while a history was played: entities, signals and engines, and the time without anything.
import type { Entity, EntityId } from "../../model/entity.ts";
import type { DurationMs, Instant, TimeRange } from "../../model/time.ts";
import type { Head } from "../../observe/head.ts";
import type { Reading } from "./look.ts";

/** What is shorter is a late scrape, however often there is one. */
const holeLeastMs = 10 * 60_000;
const entitiesMax = 100_000;

/** How long nothing must have come for a hole: more than one missing sample. */
export function holeOf({ stepMs, intervalMs }: Pick<Reading, "stepMs" | "intervalMs">): DurationMs {
  return Math.max(holeLeastMs, 2 * Math.max(stepMs, intervalMs));
}

export function createSeen(holeMs: DurationMs) {
  const entities = new Map<EntityId, Entity>();
  const present = new Set<string>();
  const engines = new Set<string>();
  const holes: TimeRange[] = [];
  let heard: { from: Instant; to: Instant } | undefined;
  return {
    times(times: Float64Array): void {
      if (times.length === 0) return;
      let [from, to] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const at of times) {
        if (at < from) from = at;
        if (at > to) to = at;
      }
      if (heard !== undefined && from - heard.to > holeMs) holes.push({ from: heard.to, to: from });
      heard = { from: heard?.from ?? from, to: Math.max(heard?.to ?? to, to) };
    },
    world(head: Head): void {
      for (const entity of head.entities())
        if (entities.size < entitiesMax || entities.has(entity.id)) entities.set(entity.id, entity);
      for (const { engine, present: there, mapped } of head.coverage()) {
        if (engine !== "" && mapped.length > 0) engines.add(engine);
        for (const id of there) present.add(id);
      }
    },
    told: () => ({ entities, present, engines, heard, holes }),
  };
}
