// The clock of a running service: wall time, woken by node-cron; or wall time run faster, for the demo's --speed.
import cron from "node-cron";
import type { Clock, Job } from "../../model/clock.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { Instant } from "../../model/time.ts";

export interface LiveClock extends Clock, Disposable {}

/** A run that has not ended so long after it was told to stop hangs: the rest is closed under it. */
const stopWithinMs = 10_000;

/** `now` tells the time (default: the wall); jobs are woken by wall time either way. */
export function createLiveClock(telemetry: Telemetry, now: () => Instant = Date.now): LiveClock {
  const stops = new Set<() => Promise<void>>();

  return {
    now,
    every(expression, name, run): Job {
      let current: Promise<void> | undefined;
      const work = async (): Promise<void> => {
        try {
          await run(now());
        } catch (error) {
          // A job that failed is tried again at its next due time: nothing is disabled for good.
          telemetry.count("homeostat.app.job_failed", 1, { job: name });
          telemetry.log.error(`job ${name} failed`, { error: error instanceof Error ? error.stack : String(error) });
        }
      };
      const task = cron.schedule(
        expression,
        async () => {
          if (current !== undefined) {
            telemetry.count("homeostat.app.job_skipped", 1, { job: name });
            return;
          }
          current = work();
          await current;
          current = undefined;
        },
        { name, timezone: "UTC" },
      );
      const stop = async (): Promise<void> => {
        stops.delete(stop);
        void task.destroy();
        if (current === undefined || (await within(current, stopWithinMs))) return;
        telemetry.count("homeostat.app.job_failed", 1, { job: name });
        telemetry.log.error(`job ${name} does not end: what it uses is closed under it`);
      };
      stops.add(stop);
      return { name, stop };
    },
    [Symbol.dispose]() {
      for (const stop of [...stops]) void stop();
    },
  };
}

/** Whether it settled in time. */
async function within(work: Promise<void>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([work.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
