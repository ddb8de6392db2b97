// How far event time is complete, and so which steps may be judged.
import type { Instant } from "../model/time.ts";

export interface Watermark {
  /** Tells of arrivals: the newest event time among them, at the caller's `now`. */
  arrived(newestAt: Instant, now: Instant): void;
  /**
   * Event time up to which everything is taken to have come. `slowest` is the newest event time of the producer that is
   * furthest behind; it counts only while the past is being caught up with.
   */
  at(now: Instant, slowest?: Instant): Instant;
  newestAt(): Instant | undefined;
}

/**
 * Follows the newest event time, `latenessMs` behind, so that a backfill of the past is judged in its own time. When
 * nothing has come for `idleMs` it follows the caller's clock instead, so that silence is seen. In a backfill producers come
 * one after the other, minutes apart in event time: then the slowest is waited for, at most `holdMs`. A producer whose clock
 * runs ahead cannot push it past `now`. Blind to a producer whose clock lags by more than the lateness: its points come late.
 */
/** What is further behind the clock than this is being caught up with. */
const behindMs = 60_000;
const holdMs = 300_000;

export function createWatermark(latenessMs: number, idleMs: number): Watermark {
  let newest: Instant | undefined;
  let lastArrival: Instant | undefined;
  let reached = Number.NEGATIVE_INFINITY;
  return {
    arrived(newestAt, now) {
      newest = Math.max(newest ?? newestAt, newestAt);
      lastArrival = now;
    },
    at(now, slowest) {
      if (newest === undefined || lastArrival === undefined) return Number.NEGATIVE_INFINITY;
      const idle = now - lastArrival >= idleMs;
      const caughtUp = newest >= now - behindMs;
      const held = caughtUp || slowest === undefined ? newest : Math.max(slowest, newest - holdMs);
      const candidate = (idle ? now : Math.min(held, now)) - latenessMs;
      reached = Math.max(reached, candidate);
      return reached;
    },
    newestAt: () => newest,
  };
}
