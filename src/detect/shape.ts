// What an episode looks like, from the values around its beginning.
import type { Shape } from "../model/anomaly.ts";
import type { DurationMs } from "../model/time.ts";

/** The last values of a series, oldest overwritten. */
export interface RecentValues {
  readonly values: Float64Array;
  next: number;
  filled: number;
}

const kept = 16;
/** A change of which one step makes up this share is a shift, not a ramp. */
const shiftShare = 0.6;
const rampStepsMin = 4;
/** An episode over so soon was a spike. */
export const spikeMsMax = 60_000;

export function createRecentValues(): RecentValues {
  return { values: new Float64Array(kept), next: 0, filled: 0 };
}

export function pushValue(recent: RecentValues, value: number): void {
  recent.values[recent.next] = value;
  recent.next = (recent.next + 1) % kept;
  if (recent.filled < kept) recent.filled++;
}

/**
 * `endedAfterMs` is how long a finished episode lasted. A fall to nothing is a dropout; a value that came in one stride a
 * level shift; one that moved the same way for several steps a ramp; a short one, known only once over, a spike.
 */
export function shapeOf(recent: RecentValues, value: number, rising: boolean, endedAfterMs?: DurationMs): Shape {
  if (endedAfterMs !== undefined && endedAfterMs <= spikeMsMax) return "spike";
  if (value === 0 && !rising) return "dropout";
  let total = 0;
  let largest = 0;
  let steps = 0;
  // Newest to oldest, for as long as it moved the same way.
  for (let back = 1; back < recent.filled; back++) {
    const newer = recent.values[(recent.next - back + kept) % kept] as number;
    const older = recent.values[(recent.next - back - 1 + 2 * kept) % kept] as number;
    const moved = rising ? newer - older : older - newer;
    // Once high, it may rest there: only what led to it counts.
    if (moved < 0) break;
    if (moved === 0) continue;
    total += moved;
    largest = Math.max(largest, moved);
    steps++;
  }
  return steps >= rampStepsMin && largest < shiftShare * total ? "ramp" : "level-shift";
}
