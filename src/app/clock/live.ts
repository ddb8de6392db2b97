// The clock of a running service: wall time, woken by node-cron; or wall time run faster, for the demo's --speed.
import cron from "node-cron";
import type { Clock, Job } from "../../model/clock.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";

export interface LiveClock extends Clock, Disposable {}

/** `now` tells the time (default: the wall); jobs are woken by wall time either way. */
export function createLiveClock(telemetry: Telemetry, now: () => Instant = Date.now): LiveClock {
  const stops = new Set<() => void>();

  return {
    now,
    every(expression, name, run): Job {
      let running = false;
      const task = cron.schedule(
        expression,
        async () => {
          if (running) {
            telemetry.count("homeostat.app.job_skipped", 1, { job: name });
            return;
          }
          running = true;
          try {
            await run(now());
          } catch (error) {
            // A job that failed is tried again at its next due time: nothing is disabled for good.
            telemetry.count("homeostat.app.job_failed", 1, { job: name });
            telemetry.log.error(`job ${name} failed`, { error: error instanceof Error ? error.stack : String(error) });
          } finally {
            running = false;
          }
        },
        { name, timezone: "UTC" },
      );
      const stop = (): void => {
        stops.delete(stop);
        void task.destroy();
      };
      stops.add(stop);
      return { name, stop };
    },
    [Symbol.dispose]() {
      for (const stop of [...stops]) stop();
    },
  };
}
