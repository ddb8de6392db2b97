// Publishing and following what happens, inside this process.
import type { TimelineEvent } from "../model/event.ts";
import type { EventFeed } from "../model/ports/event-feed.ts";
import { silentTelemetry, type Telemetry } from "../model/ports/telemetry.ts";

const pendingMax = 1000;
const listenersMax = 1000;

/**
 * Listeners are called in order of joining, each event to all before the next event, also when a listener publishes in
 * turn: such events wait in a queue of at most 1000. Beyond that events, and beyond 1000 listeners, are let go and
 * counted as `homeostat.show.dropped`. A listener that throws or rejects is dropped.
 */
export function createEventFeed(telemetry: Telemetry = silentTelemetry): EventFeed {
  const listeners = new Set<(event: TimelineEvent) => unknown>();
  const pending: TimelineEvent[] = [];
  let delivering = false;

  const drop = (listener: (event: TimelineEvent) => unknown, error: unknown): void => {
    if (!listeners.delete(listener)) return;
    telemetry.count("homeostat.show.dropped", 1, { reason: "listener-failed" });
    telemetry.log.warn("a follower of events failed and is dropped", {
      error: error instanceof Error ? error.message : String(error),
    });
  };

  const deliver = (event: TimelineEvent): void => {
    for (const listener of [...listeners]) {
      if (!listeners.has(listener)) continue;
      try {
        const result = listener(event);
        // An async function satisfies the type; its rejection must not end the process.
        if (result instanceof Promise) result.catch((error: unknown) => drop(listener, error));
      } catch (error) {
        drop(listener, error);
      }
    }
  };

  return {
    publish(event) {
      if (pending.length >= pendingMax) {
        telemetry.count("homeostat.show.dropped", 1, { reason: "event-queue-full" });
        return;
      }
      pending.push(event);
      if (delivering) return;
      delivering = true;
      for (let next = pending.shift(); next !== undefined; next = pending.shift()) deliver(next);
      delivering = false;
    },
    follow(listener) {
      if (listeners.size >= listenersMax) {
        telemetry.count("homeostat.show.dropped", 1, { reason: "too-many-listeners" });
        return () => {};
      }
      // Following twice with the same function is two followers, each with its own end.
      const own = (event: TimelineEvent): unknown => listener(event);
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}
