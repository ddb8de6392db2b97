// What the network sees: every core signal of an entity as its distance from the entity's own recent level.
import type { EntityBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { coreSignals } from "../../model/signal.ts";
import { createLevels, type Level, type Levels } from "../statistical/levels.ts";
import { type Scale, scaleOf } from "../statistical/scales.ts";

/** Points of a column before it counts as known. */
const pointsMin = 40;
const windowPoints = 360;
/** Columns that must be known and usable for a row to say anything. */
const columnsMin = 4;
/** Distances are cut here, and divided, so that the network sees numbers of the order of one. */
export const clipSigmas = 10;
export const inputSigmas = 3;

const scales: readonly Scale[] = coreSignals.map(scaleOf);

/**
 * Distances mean the same on every fleet, whatever its model, GPU and load: the network learns how signals move together,
 * not how large they are. Columns are in the order of `coreSignals`.
 */
export interface Standardiser {
  /** Writes the inputs of a row at `offset`; a column that is missing or not known yet is 0 with `known` 0. False: too few. */
  row(batch: EntityBatch, row: number, out: Float32Array, known: Uint8Array, offset: number): boolean;
  learn(batch: EntityBatch): void;
  /** The value in the signal's unit of an input of a slot's column. */
  valueOf(slot: number, column: number, input: number): number;
  snapshot(): Uint8Array;
}

export function createStandardiser(snapshot?: Uint8Array): Standardiser {
  const levels: Levels = createLevels(windowPoints, snapshot);
  const level: Level = { center: 0, low: 0, high: 0 };
  const width = coreSignals.length;

  return {
    row(batch, row, out, known, offset) {
      let count = 0;
      for (let column = 0; column < width; column++) {
        const slot = (batch.slots[row] as number) * width + column;
        out[offset + column] = 0;
        known[offset + column] = 0;
        if (!usable(batch, row, column) || levels.count(slot) < pointsMin || !levels.read(slot, level)) continue;
        const scale = scales[column] as Scale;
        const distance = scale.to(batch.values[row * width + column] as number) - level.center;
        const sigmas = distance / spreadOf(scale, distance);
        out[offset + column] = Math.min(clipSigmas, Math.max(-clipSigmas, sigmas)) / inputSigmas;
        known[offset + column] = 1;
        count++;
      }
      return count >= columnsMin;
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++) {
        for (let column = 0; column < width; column++) {
          if (!usable(batch, row, column)) continue;
          const slot = (batch.slots[row] as number) * width + column;
          levels.learn(slot, (scales[column] as Scale).to(batch.values[row * width + column] as number));
        }
      }
    },
    valueOf(slot, column, input) {
      if (!levels.read(slot * width + column, level)) return Number.NaN;
      const scale = scales[column] as Scale;
      return Math.max(0, scale.from(level.center + input * inputSigmas * spreadOf(scale, input)));
    },
    snapshot: levels.snapshot,
  };

  /** Spread on the side of the distance, of the level read last. */
  function spreadOf(scale: Scale, distance: number): number {
    return Math.max(distance < 0 ? level.low : level.high, scale.floor);
  }
}

function usable(batch: EntityBatch, row: number, column: number): boolean {
  const index = row * batch.width + column;
  return ((batch.quality[index] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[index] as number);
}
