// Every series in memory at one instant, in columns: what detection judges beyond the frames.
import type { EntityId } from "../entity.ts";
import type { Labels } from "../labels.ts";
import type { Harm } from "../signals/define.ts";
import type { Instant } from "../time.ts";

/** What a series' number says. `rate`: increase a second of a counter, or of a histogram's count. `p95`: of a histogram. */
export type SeriesReading = "value" | "rate" | "p95";

/** What a judged series is. */
export interface SeriesFacts {
  /** The same for the same series in every run: by it a restart finds what was learned. */
  readonly key: string;
  readonly entity: EntityId;
  /** What the entity belongs to: siblings share it. */
  readonly parent?: EntityId;
  readonly reading: SeriesReading;
  /** `either` for what no catalogue knows. */
  readonly harm: Harm;
  /** UCUM; empty where it is not said. */
  readonly unit: string;
  /** With `__name__`; made when asked for. */
  labels(): Labels;
}

/** A step's numbers by slot; both arrays are as long as there are slots, or longer. */
export interface StepColumns {
  /** NaN with quality MISSING where nothing new came within the step. */
  readonly values: Float32Array;
  /** Bits of `quality`. */
  readonly quality: Uint8Array;
}

/**
 * Slots are small whole numbers. A series keeps its own for as long as it is in memory and, while there is room, for a time after,
 * in case it comes back.
 */
export interface SeriesSteps {
  /** All slots lie below it. */
  slots(): number;
  /** Calls back, in order, for each slot that was given to a series or freed since the last call. */
  changes(given: (slot: number, facts: SeriesFacts) => void, freed: (slot: number) => void): void;
  /** Writes every series' number at a step; call it while the frame of that step is being judged. */
  measure(at: Instant, out: StepColumns): void;
  /** Keeps slots for series that were known before a restart, by their place in the list; an empty key keeps none. Before all else. */
  reserve(keys: readonly string[]): void;
}
