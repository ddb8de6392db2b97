// A detector of the registry at work: the vote it casts on a frame, and what it is to learn of it.
import type { InputKind, Inputs } from "../model/detector.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import type { FrameBatches } from "./features.ts";
import { type Guarded, guarded } from "./guarded.ts";
import { poolsOf, type Vote } from "./lane.ts";
import type { Lesson } from "./learning.ts";
import type { Watch } from "./registry.ts";

export interface Watched {
  readonly watch: Watch;
  readonly detector: Pick<Guarded<InputKind>, "accept" | "snapshot" | "state">;
  /** `ids` are the lane's signals. A frame that was judged before is not followed again. */
  vote(batches: FrameBatches, at: Instant, ids: readonly string[], first: boolean): Vote;
  lesson(batches: FrameBatches, at: Instant, vote: Vote): Lesson;
}

export interface VoteOptions {
  readonly stepMs: DurationMs;
  /** Steps a score must be held, of those that are not sums already. */
  readonly persistSteps: number;
  weight(slot: number, detector: string): number;
}

export function watchOver(
  watch: Watch,
  snapshot: Uint8Array | undefined,
  options: VoteOptions,
  telemetry: Telemetry,
): Watched {
  if (watch.feature === "peers") {
    return bind(watch, guarded(watch.kind, snapshot, telemetry, options.stepMs), ({ peers }) => peers, options);
  }
  if (watch.feature === "core") {
    return bind(watch, guarded(watch.kind, snapshot, telemetry, options.stepMs), ({ core }) => core, options);
  }
  const { feature } = watch;
  return bind(watch, guarded(watch.kind, snapshot, telemetry, options.stepMs), (batches) => batches[feature], options);
}

function bind<K extends "point" | "peers" | "entity">(
  watch: Watch,
  detector: Guarded<K>,
  batchOf: (batches: FrameBatches) => Inputs[K],
  options: VoteOptions,
): Watched {
  const { kind } = watch.kind;
  const persistSteps = watch.persists === "already" ? 1 : options.persistSteps;
  return {
    watch,
    detector,
    vote(batches, at, ids, first) {
      const batch = batchOf(batches);
      const scores = new Float64Array(batch.rows);
      detector.score(batch, at, scores);
      if (first) detector.follow(batch, at);
      return {
        detector: kind,
        scores,
        held: new Float64Array(batch.rows).fill(Number.NaN),
        pools: poolsOf(kind, ids),
        persistSteps,
        weight: (row) => options.weight(batch.slots[row] as number, kind),
        sameUnit: watch.feature !== "relative",
        explain: (row) => detector.explain(batch, row),
      };
    },
    lesson(batches, at, { held, pools }) {
      const batch = batchOf(batches);
      return {
        rowsPerEntity: pools.length,
        held,
        pools,
        quality: batch.quality,
        qualityPerRow: "width" in batch ? batch.width : 1,
        learn: () => detector.learn(batch, at),
      };
    },
  };
}
