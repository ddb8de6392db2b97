// The clock of replay, backtest and tests: moves only when told to.
import type { Job, SteppedClock } from "../../model/clock.ts";
import type { Instant } from "../../model/time.ts";
import { type Cron, nextMatch, parseCron } from "./cron.ts";

interface Entry {
  readonly name: string;
  readonly cron: Cron;
  readonly run: (now: Instant) => Promise<void> | void;
  due: Instant;
  /** Settles when the run under way has ended. */
  current: Promise<void> | undefined;
}

export function createSteppedClock(start: Instant): SteppedClock {
  let current = start;
  const jobs = new Set<Entry>();

  return {
    now: () => current,
    every(cron, name, run): Job {
      const parsed = parseCron(cron);
      const entry: Entry = {
        name,
        cron: parsed,
        run,
        due: nextMatch(parsed, current) ?? Number.POSITIVE_INFINITY,
        current: undefined,
      };
      jobs.add(entry);
      return {
        name,
        async stop() {
          jobs.delete(entry);
          await entry.current;
        },
      };
    },
    async step(now) {
      if (now < current) throw new RangeError(`the clock cannot go back from ${current} to ${now}`);
      for (let next = earliest(jobs); next !== undefined && next.due <= now; next = earliest(jobs)) {
        current = next.due;
        next.due = nextMatch(next.cron, current) ?? Number.POSITIVE_INFINITY;
        const run = Promise.resolve(next.run(current));
        next.current = run.catch(() => {});
        await run;
      }
      current = now;
    },
  };
}

function earliest(jobs: ReadonlySet<Entry>): Entry | undefined {
  let best: Entry | undefined;
  for (const job of jobs) if (best === undefined || job.due < best.due) best = job;
  return best;
}
