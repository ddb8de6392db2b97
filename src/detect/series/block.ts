// One block of series: its detectors, and the scores each series has held. Blocks are what threads share out and snapshots are made of.
import type { Detector, PointBatch } from "../../model/detector.ts";
import { quality } from "../../model/series.ts";
import type { Instant } from "../../model/time.ts";
import { packParts, unpackParts } from "../snapshot.ts";
import { seriesWatches } from "./watches.ts";

/** Slots of a block. */
export const blockSlots = 4096;
/** Steps in a row a score must be high. */
export const persistSteps = 3;

/** A block's part of the columns of a step. */
export interface BlockColumns {
  readonly values: Float32Array;
  readonly quality: Uint8Array;
}

/** What is said of a block's rows: this step's score, and the one held for all the steps of persistence; NaN = nothing. */
export interface BlockScores {
  readonly now: Float32Array;
  readonly held: Float32Array;
}

export interface Band {
  readonly low: number;
  readonly high: number;
}

export interface Block {
  score(columns: BlockColumns, at: Instant, out: BlockScores): void;
  /** Learns all rows but the `hidden` ones (places within the block). */
  learn(columns: BlockColumns, hidden: readonly number[]): void;
  forget(place: number): void;
  band(place: number): Band;
  snapshot(): Uint8Array;
}

export function createBlock(snapshot?: Uint8Array): Block {
  const parts = snapshot === undefined ? undefined : unpackParts(snapshot);
  const detectors = seriesWatches.map((kind): Detector<"point"> => kind.create(parts?.bytes.get(kind.kind)));
  const slots = Int32Array.from({ length: blockSlots }, (_, i) => i);
  const values = new Float64Array(blockSlots);
  const flags = new Uint8Array(blockSlots);
  const scores = new Float64Array(blockSlots);
  const best = new Float64Array(blockSlots);
  /** The scores before this step's, newest first; NaN while there are fewer. */
  const before = [new Float32Array(blockSlots).fill(Number.NaN), new Float32Array(blockSlots).fill(Number.NaN)];
  const kept = parts?.bytes.get("before");
  if (kept?.length === 2 * 4 * blockSlots)
    for (const [i, column] of before.entries())
      column.set(new Float32Array(kept.slice(i * 4 * blockSlots, (i + 1) * 4 * blockSlots).buffer));

  return {
    score(columns, at, out) {
      const batch = batchOf(columns, columns.quality);
      best.fill(Number.NaN, 0, batch.rows);
      for (const detector of detectors) {
        detector.score(batch, at, scores);
        for (let row = 0; row < batch.rows; row++) {
          const score = scores[row] as number;
          if (score > (best[row] as number) || Number.isNaN(best[row] as number)) best[row] = score;
        }
      }
      for (let row = 0; row < batch.rows; row++) hold(row, best[row] as number, out);
    },
    learn(columns, hidden) {
      let marks = columns.quality;
      if (hidden.length > 0) {
        flags.set(columns.quality);
        for (const place of hidden) flags[place] = quality.MISSING;
        marks = flags;
      }
      const batch = batchOf(columns, marks);
      for (const detector of detectors) detector.learn(batch);
    },
    forget(place) {
      for (const detector of detectors) detector.forget?.(place);
      for (const column of before) column[place] = Number.NaN;
    },
    band(place) {
      values[0] = 0;
      const batch = { rows: 1, slots: slots.subarray(place, place + 1), values, quality: flags };
      return (detectors[0] as Detector<"point">).explain(batch, 0).expected;
    },
    snapshot() {
      const bytes = new Map(
        seriesWatches.map((kind, i) => [kind.kind, (detectors[i] as Detector<"point">).snapshot()]),
      );
      const held = new Uint8Array(2 * 4 * blockSlots);
      for (const [i, column] of before.entries()) held.set(new Uint8Array(column.buffer), i * 4 * blockSlots);
      bytes.set("before", held);
      return packParts({ facts: {}, bytes });
    },
  };

  function batchOf(columns: BlockColumns, marks: Uint8Array): PointBatch {
    values.set(columns.values);
    const rows = columns.values.length;
    return { rows, slots: rows === blockSlots ? slots : slots.subarray(0, rows), values, quality: marks };
  }

  /** The least of the scores of all the steps of persistence. A missing point breaks nothing. */
  function hold(row: number, score: number, out: BlockScores): void {
    out.now[row] = score;
    if (Number.isNaN(score)) {
      out.held[row] = Number.NaN;
      return;
    }
    const [last, older] = before as [Float32Array, Float32Array];
    out.held[row] = Math.min(score, last[row] as number, older[row] as number);
    older[row] = last[row] as number;
    last[row] = score;
  }
}
