// Exporters that repeat themselves: what they say stands still although it cannot.
import { quality } from "../model/series.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { lastUsable, type StoredSeries } from "./raw-series.ts";

const leastMs: DurationMs = 60_000;
const reportsMin = 5;

/**
 * Whether all these series, which move as long as anything lives behind the exporter (its own CPU time, a GPU's energy), still
 * arrive but have stood still for a minute and five reports. A hung engine is not frozen in this sense: the process that
 * answers goes on using the CPU. Blind to an exporter none of whose restless series is known.
 */
export function isFrozen(restless: readonly StoredSeries[], at: Instant): boolean {
  let judged = 0;
  for (const series of restless) {
    const still = standsStillMs(series, at);
    if (still === undefined) continue;
    if (still < leastMs) return false;
    judged++;
  }
  return judged > 0;
}

/** How long up to its newest point the series has had the same value; undefined while there is too little of it. */
function standsStillMs(series: StoredSeries, at: Instant): DurationMs | undefined {
  const { columns } = series;
  const last = lastUsable(series, at);
  if (last < 0 || last - columns.start < reportsMin) return undefined;
  const values = columns.values[0] as Float64Array;
  const newest = columns.times[last] as number;
  for (let i = last - 1; i >= columns.start; i--) {
    if (((columns.flags[i] as number) & quality.STALE) !== 0) continue;
    if (values[i] !== values[last]) return last - i < reportsMin ? 0 : newest - (columns.times[i + 1] as number);
    if (newest - (columns.times[i] as number) >= leastMs && last - i >= reportsMin)
      return newest - (columns.times[i] as number);
  }
  return 0;
}
