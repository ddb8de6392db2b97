// Time as an argument: live, replayed and simulated runs are the same code with another clock.
import type { Instant } from "./time.ts";

/** Something that runs again and again until stopped. */
export interface Job {
  readonly name: string;
  /** It is not run again. Resolves once a run under way has ended, so what it uses may be closed; not to be awaited by the run itself. */
  stop(): Promise<void>;
}

/**
 * The one source of time for everything that thinks. Signatures, leases and network timeouts use wall time instead.
 */
export interface Clock {
  now(): Instant;
  /**
   * Runs `run` at every instant that matches `cron` (six fields, seconds first, UTC).
   * A run that is still going when the next is due is not started twice: the due one is skipped and counted.
   */
  every(cron: string, name: string, run: (now: Instant) => Promise<void> | void): Job;
}

/** A clock that moves only when told to: replay, backtest, simulation, unit test. */
export interface SteppedClock extends Clock {
  /** Moves to `now` and runs, in order of their due time, every job that became due on the way. */
  step(now: Instant): Promise<void>;
}
