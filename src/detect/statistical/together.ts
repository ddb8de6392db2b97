// How odd the last few points of a series are together, by its own usual distance and high, at its time of day.
import type { DayMemory } from "./day-memory.ts";
import { excused } from "./excuse.ts";
import { harmful, type Nature } from "./natures.ts";
import { countHigh, HIGH, POINTS, SUSTAINED, type SUSTAINED_SEEN } from "./pattern-state.ts";
import { quietMin } from "./point-limits.ts";
import { addSustained, sustainedDistance, sustainedSpans, usualSustained } from "./sustained.ts";
import { fadeOf, sigmasPerMean } from "./usual-distance.ts";

/** Deviations together that are odd; slow swings make them at a point a minute, so twice as strict there as a value. */
const oddSustained = 21;
const pointsMin = 150;
const oddnessMax = 1e6;
const finerMax = 4;
const fade = fadeOf(720);

export interface Point {
  readonly value: number;
  readonly grain: number;
  /** Usual distance of a point from its level. */
  readonly spread: number;
  readonly ahead: number;
}

/** As a share of what is odd at a point a minute. `last` says of which points; learned from where `learns`. */
export function oddTogether(
  { state, memory }: { readonly state: Float64Array; readonly memory: DayMemory },
  nature: Nature,
  last: typeof SUSTAINED | typeof SUSTAINED_SEEN,
  { value, grain, spread, ahead }: Point,
  learns: boolean,
): number {
  let most = 0;
  for (let which = 0; which < sustainedSpans.length; which++) {
    const distance = sustainedDistance(state, last, which, value);
    const usual = usualSustained(state, SUSTAINED, which);
    const size = Math.min(oddnessMax, Math.abs(distance) / (usual * sigmasPerMean + grain));
    // The same step is so many more of its deviations, as these are smaller than those of a point.
    const finer = Math.max(1, Math.min(finerMax, spread / (usual + grain)));
    const odd = size > 0 ? excused(harmful(nature, size, distance), memory, ahead, finer) : 0;
    most = Math.max(most, odd / Math.max(quietMin, state[HIGH + 4 + which]!));
    if (!learns) continue;
    addSustained(state, SUSTAINED, which, Math.abs(distance), grain, fade);
    countHigh(state, which === 0 ? 4 : 5, odd);
  }
  return state[POINTS]! < pointsMin ? 0 : most / oddSustained;
}
