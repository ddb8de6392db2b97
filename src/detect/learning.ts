// Learning, ten minutes behind judging: by then it is known which points were part of an outage.
import { z } from "zod";
import type { Exclusion } from "../model/anomaly.ts";
import type { Entity, EntityId } from "../model/entity.ts";
import { quality } from "../model/series.ts";
import type { Instant } from "../model/time.ts";
import type { Shadow } from "./shadows.ts";

/** What one detector was given at one step, and the held scores the decider made of its answer. */
export interface Lesson {
  /** Rows of one entity lie together: `rowsPerEntity` of them. */
  readonly rowsPerEntity: number;
  readonly quality: Uint8Array;
  /** Marks of quality that belong to one row of `held`. */
  readonly qualityPerRow: number;
  readonly held: Float64Array;
  /** Pool of each of an entity's rows. */
  readonly pools: readonly string[];
  /** Teaches the detector the batch, after the rows that must not be learned were marked. */
  learn(): void;
}

export interface Pending {
  readonly at: Instant;
  readonly entities: readonly Entity[];
  readonly lessons: readonly Lesson[];
}

export interface Learning {
  add(pending: Pending): void;
  /** Leaves out what is still to be learned of an entity up to `at`: it was judged by a level that no longer counts. */
  discard(entity: EntityId, at: Instant): void;
  /** Learns every step up to `until`; calls back for each entity that was learned. */
  drain(until: Instant, exclusions: readonly Exclusion[], learned: (entity: Entity) => void): void;
  /** What is left out, as plain JSON: after a restart the last steps are told again. */
  snapshot(): unknown;
  /** False for what is no snapshot: nothing is taken of it. */
  restore(saved: unknown): boolean;
}

/** Scores from here on are high: about the 99.5th percentile of any series. */
const highScore = 3;
const runMax = 10_000;
const discardedShape = z.array(z.tuple([z.string(), z.number()]));

export function createLearning(
  shadowAt: (entity: string, at: Instant) => Shadow,
  calibrate: (pool: string, held: number, share: number) => void,
  looksPerStep: number,
): Learning {
  const queue: Pending[] = [];
  const discardedTo = new Map<EntityId, Instant>();
  /** How many high scores each row of an entity has held in a row, by lesson. As many as entities ever seen. */
  const runs = new Map<string, Uint16Array[]>();
  return {
    add: (pending) => queue.push(pending),
    discard: (entity, at) => discardedTo.set(entity, at),
    drain(until, exclusions, learned) {
      let done = 0;
      for (const pending of queue) {
        if (pending.at > until) break;
        learnOne(pending, exclusions, learned);
        done++;
      }
      queue.splice(0, done);
      for (const [entity, at] of discardedTo) if (at < until) discardedTo.delete(entity);
    },
    snapshot: () => [...discardedTo],
    restore(saved) {
      const read = discardedShape.safeParse(saved);
      if (read.success) for (const [entity, at] of read.data) discardedTo.set(entity, at);
      return read.success;
    },
  };

  function learnOne(pending: Pending, exclusions: readonly Exclusion[], learned: (entity: Entity) => void): void {
    for (const [row, entity] of pending.entities.entries()) {
      const excluded =
        pending.at <= (discardedTo.get(entity.id) ?? Number.NEGATIVE_INFINITY) ||
        exclusions.some((exclusion) => covers(exclusion, entity, pending.at));
      const shadow = shadowAt(entity.id, pending.at);
      const teaches = !excluded && shadow === "clear";
      for (const [index, lesson] of pending.lessons.entries()) {
        if (!excluded && shadow !== "inside") calibrateRows(lesson, row, runsOf(entity.id, index, lesson));
        if (!teaches) hideRows(lesson, row);
      }
      if (teaches) learned(entity);
    }
    for (const lesson of pending.lessons) lesson.learn();
  }

  /**
   * A stretch of high scores is one event, however long: each that follows counts for less (declustering, as for peaks over
   * a threshold), so that trouble nobody noticed does not deafen all others of its pool.
   */
  function calibrateRows(lesson: Lesson, row: number, highs: Uint16Array): void {
    for (let i = 0; i < lesson.rowsPerEntity; i++) {
      const held = lesson.held[row * lesson.rowsPerEntity + i] as number;
      if (Number.isNaN(held)) continue;
      calibrate(lesson.pools[i] as string, held, 1 / (1 + looksPerStep * (highs[i] as number)));
      highs[i] = held < highScore ? 0 : Math.min(runMax, (highs[i] as number) + 1);
    }
  }

  function runsOf(entity: string, index: number, { rowsPerEntity }: Lesson): Uint16Array {
    let own = runs.get(entity);
    if (own === undefined) {
      own = [];
      runs.set(entity, own);
    }
    let highs = own[index];
    if (highs?.length !== rowsPerEntity) {
      highs = new Uint16Array(rowsPerEntity);
      own[index] = highs;
    }
    return highs;
  }
}

function hideRows(lesson: Lesson, row: number): void {
  const marks = lesson.rowsPerEntity * lesson.qualityPerRow;
  for (let i = row * marks; i < (row + 1) * marks; i++) {
    lesson.quality[i] = (lesson.quality[i] as number) | quality.MISSING;
  }
}

/** An exclusion of a deployment covers its replicas. */
export function covers(exclusion: Exclusion, entity: Entity, at: Instant): boolean {
  if (exclusion.entity !== entity.id && exclusion.entity !== entity.parent) return false;
  return at >= exclusion.from && at < (exclusion.to ?? Number.POSITIVE_INFINITY);
}
