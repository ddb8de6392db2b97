// Episodes: when a series leaves what is normal for it, and when it is back. Persistence, hysteresis, merging of flicker.
import type { DurationMs, Instant } from "../model/time.ts";

export interface EpisodeOptions {
  /** Steps in a row a score must be high before an episode opens. */
  readonly persistSteps: number;
  /** Calm that ends an episode. */
  readonly calmMs: DurationMs;
  /** An episode that comes back within this after its end is the same one. */
  readonly mergeMs: DurationMs;
  /** Without any score for this long an episode ends: nothing more is known. */
  readonly forgetMs: DurationMs;
}

/** Where a series stands. */
export interface Track {
  /** The last scores, newest at `(next - 1)`; as many as steps of persistence. */
  readonly recent: Float64Array;
  filled: number;
  next: number;
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

export function createTrack(persistSteps: number): Track {
  return {
    recent: new Float64Array(persistSteps),
    filled: 0,
    next: 0,
    raisedSince: Number.NaN,
    onset: Number.NaN,
    lastHigh: Number.NaN,
    lastScored: Number.NaN,
    endedAt: Number.NaN,
    open: false,
  };
}

/**
 * Takes a score in and returns the one the series has held for all the steps of persistence: their minimum. NaN while
 * there are fewer, or for a NaN score, which breaks nothing.
 */
export function heldScore(track: Track, score: number, at: Instant): number {
  if (Number.isNaN(score)) return Number.NaN;
  track.recent[track.next] = score;
  track.next = (track.next + 1) % track.recent.length;
  if (track.filled < track.recent.length) track.filled++;
  track.lastScored = at;
  if (score < raisedScore) track.raisedSince = Number.NaN;
  else if (Number.isNaN(track.raisedSince)) track.raisedSince = at;
  if (track.filled < track.recent.length) return Number.NaN;
  let least = Number.POSITIVE_INFINITY;
  for (const one of track.recent) least = Math.min(least, one);
  return least;
}

/**
 * Moves the episode on. `tail` belongs to the held score, `tailNow` to this step's score alone; both 1 when unknown.
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
