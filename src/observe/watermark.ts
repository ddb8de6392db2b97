// How far event time is complete, and so which steps may be judged.
import type { Instant } from "../model/time.ts";

export interface Watermark {
  /** Tells of arrivals: the newest event time among them, at the caller's `now`. */
  arrived(newestAt: Instant, now: Instant): void;
  /** Event time up to which everything is taken to have come. */
  at(now: Instant): Instant;
  newestAt(): Instant | undefined;
}

/**
 * Follows the newest event time, `latenessMs` behind, so that a backfill of the past is judged in its own time. When
 * nothing has come for `idleMs` it follows the caller's clock instead, so that silence is seen. A producer whose clock
 * runs ahead cannot push it past `now`. Blind to a producer whose clock lags by more than the lateness: its points come late.
 */
export function createWatermark(latenessMs: number, idleMs: number): Watermark {
  let newest: Instant | undefined;
  let lastArrival: Instant | undefined;
  let reached = Number.NEGATIVE_INFINITY;
  return {
    arrived(newestAt, now) {
      newest = Math.max(newest ?? newestAt, newestAt);
      lastArrival = now;
    },
    at(now) {
      if (newest === undefined || lastArrival === undefined) return Number.NEGATIVE_INFINITY;
      const idle = now - lastArrival >= idleMs;
      const candidate = (idle ? now : Math.min(newest, now)) - latenessMs;
      reached = Math.max(reached, candidate);
      return reached;
    },
    newestAt: () => newest,
  };
}
