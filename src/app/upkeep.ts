// What the store needs done by the clock: rollups, budgets, and the watch over the engine's own data.
import type { Clock, Job } from "../model/clock.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs } from "../model/time.ts";
import type { Store } from "../store/store.ts";

type Alarm = Awaited<ReturnType<Store["watch"]>>[number];

export interface Upkeep {
  /** Alarms about the store's own data that are not over. */
  alarms(): readonly Alarm[];
  /** Resolves once a job under way has ended. */
  stop(): Promise<void>;
}

/** `latenessMs`: how long rollups wait for late points; those that come later recompute their bucket. */
export function startUpkeep(
  parts: { store: Store; clock: Clock; feed: EventFeed; telemetry: Telemetry },
  latenessMs: DurationMs,
): Upkeep {
  const { store, clock, feed, telemetry } = parts;
  let current: readonly Alarm[] = [];
  const told = new Set<string>();

  async function look(find: () => Promise<readonly Alarm[]>): Promise<void> {
    current = await find();
    for (const alarm of current) {
      const key = `${alarm.kind} ${alarm.table} ${alarm.part}`;
      if (told.has(key)) continue;
      told.add(key);
      const text = `the store's own data: ${alarm.table}: ${alarm.says} (${alarm.remedy})`;
      telemetry.log.error(text);
      feed.publish({ type: "self", at: clock.now(), text, data: { ...alarm } });
    }
  }

  const jobs: readonly Job[] = [
    clock.every("20 * * * * *", "store-watch", () => look(() => store.watch())),
    clock.every("0 17 3 * * *", "store-check", () => look(() => store.checkTables())),
    // Before the budgets: what is dropped should live on in the rollups.
    clock.every("40 * * * * *", "rollups", async (now) => void (await store.rollUp(now - latenessMs))),
    clock.every("0 5 * * * *", "budgets", async () => {
      for (const day of await store.enforceBudgets()) {
        telemetry.log.warn("over its byte budget: the oldest day was dropped", { ...day });
      }
    }),
  ];
  return {
    alarms: () => current,
    async stop() {
      await Promise.all(jobs.map((job) => job.stop()));
    },
  };
}
