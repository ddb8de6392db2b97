// Event-wise score: which labelled segments an alert found in time, and which alerts stood for nothing.
import type { Segment } from "./segments.ts";

/** Flags no further apart are one alert, in points. */
const gapMax = 5;
/** A flag so many points after a segment still counts for it. */
const graceTime = 2;

export interface EventCounts {
  readonly segments: number;
  readonly found: number;
  readonly falseAlarms: number;
  /** Points from the start of each found segment to its first flag. */
  readonly delays: readonly number[];
}

/** Counts of one series. A segment is found by any flag in it or two points after; an episode touching none is false. */
export function countEvents(flags: ArrayLike<number>, segments: readonly Segment[]): EventCounts {
  const flagged: number[] = [];
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) flagged.push(i);
  const delays: number[] = [];
  for (const { start, end } of segments) {
    const first = flagged.find((i) => i >= start && i <= end + graceTime);
    if (first !== undefined) delays.push(first - start);
  }
  let falseAlarms = 0;
  let real = false;
  for (const [k, i] of flagged.entries()) {
    real ||= segments.some(({ start, end }) => i >= start && i <= end + graceTime);
    const next = flagged[k + 1];
    if (next !== undefined && next - i <= gapMax) continue;
    if (!real) falseAlarms++;
    real = false;
  }
  return { segments: segments.length, found: delays.length, falseAlarms, delays };
}

/** F1 of the counts of all series pooled: found segments against alerts and segments. 1 where there was nothing to find or say. */
export function eventF1(counts: readonly EventCounts[]): number {
  let found = 0;
  let missed = 0;
  let falseAlarms = 0;
  for (const count of counts) {
    found += count.found;
    missed += count.segments - count.found;
    falseAlarms += count.falseAlarms;
  }
  const all = 2 * found + missed + falseAlarms;
  return all === 0 ? 1 : (2 * found) / all;
}
