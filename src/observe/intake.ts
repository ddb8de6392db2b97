// Which points get into the Head: definitions, limits, and the values that mean nothing.
import type { RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";

/** Event times a point may have, unix ms. */
export interface Horizon {
  readonly from: number;
  readonly to: number;
}

export type Refusal =
  | "series-without-definition"
  | "series-limit"
  | "created-series"
  | "too-old"
  | "in-the-future"
  | "blank-value"
  | "duplicate"
  | "malformed"
  | "points-limit"
  | "label-explosion";

/** Clocks may run ahead this far; what is further would drag the watermark past everybody else. */
export const futureToleranceMs = 300_000;

/** Why a point does not get in, whatever its series; undefined if it may. */
export function refusePoint(definition: RawSeries, point: RawPoint, horizon: Horizon): Refusal | undefined {
  if (!Number.isFinite(point.at)) return "malformed";
  if (point.at < horizon.from) return "too-old";
  if (point.at > horizon.to) return "in-the-future";
  // DCGM writes numbers near 2^63, or 2^47 for floats, where a field is not supported.
  if (definition.metric.startsWith("DCGM_") && point.value >= 1.4e14) return "blank-value";
  return undefined;
}

/** Client libraries put a gauge with the time of creation beside every counter and histogram: noise. */
export function isCreatedSeries(definition: RawSeries): boolean {
  return definition.kind === "gauge" && definition.metric.endsWith("_created");
}

/** Definitions of series by hash. They are sent once, so they outlive a series' points; the oldest go beyond `limit`. */
export interface Definitions {
  add(series: RawSeries): void;
  get(hash: string): RawSeries | undefined;
}

export function createDefinitions(limit: number): Definitions {
  const byHash = new Map<string, RawSeries>();
  return {
    add(series) {
      byHash.delete(series.hash);
      byHash.set(series.hash, series);
      if (byHash.size <= limit) return;
      const oldest = byHash.keys().next();
      if (!oldest.done) byHash.delete(oldest.value);
    },
    get: (hash) => byHash.get(hash),
  };
}
