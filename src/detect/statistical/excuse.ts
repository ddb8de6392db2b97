// What an oddness is worth at a time of day that is usually odd.
import type { DayMemory } from "./day-memory.ts";

/** Oddness that a time of day must usually have before it excuses any, and how much more than usual is excused. */
const excuseMin = 3.5;
const excuseFactor = 1.2;
const excusedShare = 0.02;

/** What is left of an oddness that this time of day usually has, too; its deviations are `finer` times smaller than a point's. */
export function excused(odd: number, memory: DayMemory, ahead: number, finer = 1): number {
  if (odd <= excuseMin) return odd;
  const usual = memory.usualOddness(ahead);
  return usual <= excuseMin ? odd : Math.max(excusedShare * odd, odd - excuseFactor * finer * usual);
}
