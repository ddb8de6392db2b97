// Episodes: when a series leaves what is normal for it, and when it is back. Persistence, hysteresis, merging of flicker.
import type { DurationMs, Instant } from "../model/time.ts";

export interface EpisodeOptions {
  /** Calm that ends an episode. */
  readonly calmMs: DurationMs;
  /** An episode that comes back within this after its end is the same one. */
  readonly mergeMs: DurationMs;
  /** Without any score for this long an episode ends: nothing more is known. */
  readonly forgetMs: DurationMs;
}

/** The same for all that is judged. */
export const episodeOptions: EpisodeOptions = { calmMs: 60_000, mergeMs: 120_000, forgetMs: 300_000 };
/** Scores closer than this say the same thing twice. */
export const lookMs = 60_000;
/** No tail is told as smaller. */
export const tailMin = 1e-12;
/** An episode is told of again when its tail has fallen by this factor. */
export const worseFactor = 1e-3;
/** One that goes on is told again after this, so that nobody takes it for over. */
export const retellMs = 600_000;
const weekMs = 604_800_000;
const openTailMax = 1e-4;

/** The tail an episode opens below, so that `looks` series at each look have so many false ones a week together. */
export function openTailOf(falseEpisodesPerWeek: number, looks: number): number {
  return Math.min(openTailMax, (falseEpisodesPerWeek * lookMs) / (weekMs * Math.max(1, looks)));
}

/** Where a series stands. */
export interface Track {
  /** Since when scores have been raised without a break; NaN while they are not. */
  raisedSince: Instant;
  onset: Instant;
  lastHigh: Instant;
  lastScored: Instant;
  endedAt: Instant;
  open: boolean;
}

export type Turn = "opened" | "resumed" | "ended" | "none";

/** Scores above this belong to the run-up of an episode. */
const raisedScore = 2.5;
/** Of a hold: the last scores, newest first, and since when they have been raised. */
export const persistStepsMax = 3;
const RAISED = persistStepsMax;
const holdWidth = persistStepsMax + 1;

export function createTrack(): Track {
  return {
    raisedSince: Number.NaN,
    onset: Number.NaN,
    lastHigh: Number.NaN,
    lastScored: Number.NaN,
    endedAt: Number.NaN,
    open: false,
  };
}

/** What a series' detectors said last, a hold each. */
export function createHolds(detectors: number): Float64Array {
  return new Float64Array(detectors * holdWidth).fill(Number.NaN);
}

/**
 * Takes detector `i`'s score in and returns the one it has held for `steps` steps: their minimum. NaN while there are
 * fewer, or for a NaN score, which breaks nothing.
 */
export function heldScore(holds: Float64Array, i: number, steps: number, score: number, at: Instant): number {
  if (Number.isNaN(score)) return Number.NaN;
  const hold = i * holdWidth;
  holds.copyWithin(hold + 1, hold, hold + persistStepsMax - 1);
  holds[hold] = score;
  if (score < raisedScore) holds[hold + RAISED] = Number.NaN;
  else if (Number.isNaN(holds[hold + RAISED])) holds[hold + RAISED] = at;
  // Scores not yet there are NaN, and make the minimum NaN.
  let least = Number.POSITIVE_INFINITY;
  for (let k = 0; k < steps; k++) least = Math.min(least, holds[hold + k] as number);
  return least;
}

export function raisedSince(holds: Float64Array, i: number): Instant {
  return holds[i * holdWidth + RAISED] as number;
}

/**
 * Moves the episode on. `tail` belongs to the held scores, `tailNow` to this step's alone; both 1 when unknown.
 * Opens below `openTail`; calm is a `tailNow` above `calmTail`.
 */
export function turn(
  track: Track,
  tails: { readonly held: number; readonly now: number },
  limits: { readonly openTail: number; readonly calmTail: number },
  at: Instant,
  options: EpisodeOptions,
): Turn {
  if (!track.open) {
    if (tails.held > limits.openTail) return "none";
    const resumed = at - track.endedAt <= options.mergeMs;
    track.open = true;
    track.lastHigh = at;
    if (!resumed) track.onset = Number.isNaN(track.raisedSince) ? at : track.raisedSince;
    return resumed ? "resumed" : "opened";
  }
  if (tails.now <= limits.calmTail) track.lastHigh = at;
  const silent = at - track.lastScored >= options.forgetMs;
  const calm = track.lastScored === at && at - track.lastHigh >= options.calmMs;
  if (!silent && !calm) return "none";
  track.open = false;
  track.endedAt = at;
  return "ended";
}
