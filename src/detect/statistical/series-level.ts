// Detector, the cheap tier: how far a value lies from where its series just was, for many series of which nothing is known.
import type { Detector, DetectorKind, PointBatch } from "../../model/detector.ts";
import { UNUSABLE } from "../../model/series.ts";
import { type Band, createForecastDistance } from "./forecast-distance.ts";

export const seriesLevel: DetectorKind<"point"> = {
  kind: "series-level",
  summary: "Distance from where the series just was, in its own usual distances; knows nothing of what it measures.",
  input: "point",
  create: createSeriesLevel,
};

/**
 * Slots are series; scores are in deviations, whatever the unit and in both directions. State: 344 bytes a slot. What it is blind to: see `forecast-distance.ts`.
 */
export function createSeriesLevel(snapshot?: Uint8Array): Detector<"point"> {
  const distances = createForecastDistance("series-level", snapshot);
  const band: Band = { center: 0, half: 0 };

  return {
    score(batch, _now, out) {
      for (let row = 0; row < batch.rows; row++)
        out[row] = usable(batch, row)
          ? distances.score(batch.slots[row] as number, batch.values[row] as number)
          : Number.NaN;
    },
    follow(batch) {
      for (let row = 0; row < batch.rows; row++)
        if (usable(batch, row)) distances.follow(batch.slots[row] as number, batch.values[row] as number);
    },
    learn(batch) {
      for (let row = 0; row < batch.rows; row++)
        if (usable(batch, row)) distances.fold(batch.slots[row] as number, batch.values[row] as number);
    },
    explain(batch, row) {
      const known = distances.band(batch.slots[row] as number, band);
      const low = known ? band.center - band.half : Number.NaN;
      return { expected: { low, high: known ? band.center + band.half : Number.NaN }, evidence: [] };
    },
    snapshot: distances.snapshot,
  };
}

function usable(batch: PointBatch, row: number): boolean {
  return ((batch.quality[row] as number) & UNUSABLE) === 0 && Number.isFinite(batch.values[row] as number);
}
