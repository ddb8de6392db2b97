// A raw series as part of a signal's source.
import { currentIndex, type Windows } from "./measure.ts";
import type { StoredSeries } from "./raw-series.ts";

export interface Member {
  readonly series: StoredSeries;
  /** From its unit to the signal's. */
  readonly factor: number;
  /** Its unit cannot be that of the signal. */
  readonly suspect: boolean;
}

/** The member with the newest current point: of series that are the same thing, only that one counts. */
export function reporting(members: readonly Member[], at: number, windows: Windows): Member | undefined {
  let newest: Member | undefined;
  let newestAt = Number.NEGATIVE_INFINITY;
  for (const member of members) {
    const index = currentIndex(member.series, at, windows);
    if (index < 0) continue;
    const time = member.series.columns.times[index] as number;
    if (time <= newestAt) continue;
    newest = member;
    newestAt = time;
  }
  return newest;
}
