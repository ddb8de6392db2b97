// Circuit breaker of one receiver: while it is down, messages wait instead of knocking.

export interface Breaker {
  /** Wall time at which the next attempt may be made; `now` or earlier = at once. Lets one through when half open. */
  admit(now: number): number;
  succeeded(): void;
  failed(now: number): void;
  state(): "closed" | "open" | "half-open";
  /** While open: wall time from which on one is let through. */
  openUntil(): number | undefined;
}

/** Opens after `failuresMax` failures in a row, for `openMs`, doubled at each failed probe up to `openMsMax`. */
export function createBreaker(failuresMax: number, openMs: number, openMsMax: number): Breaker {
  let failures = 0;
  let openUntil = 0;
  let pauseMs = openMs;
  let probing = false;
  return {
    admit(now) {
      if (failures < failuresMax) return now;
      if (now < openUntil) return openUntil;
      // Half open: one probe at a time; the others look again a little later.
      if (probing) return now + openMs;
      probing = true;
      return now;
    },
    succeeded() {
      failures = 0;
      probing = false;
      pauseMs = openMs;
    },
    failed(now) {
      failures++;
      if (failures < failuresMax) return;
      if (probing) pauseMs = Math.min(pauseMs * 2, openMsMax);
      probing = false;
      openUntil = now + pauseMs;
    },
    state: () => (failures < failuresMax ? "closed" : probing ? "half-open" : "open"),
    openUntil: () => (failures < failuresMax || probing ? undefined : openUntil),
  };
}
