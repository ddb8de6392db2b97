// The demo's timeline: what happened when, as a short readable list or as JSON lines.
import type { TimelineEvent } from "../model/event.ts";
import type { Instant } from "../model/time.ts";
import type { Io } from "./command.ts";

export interface Timeline {
  tell(event: TimelineEvent): void;
  note(type: string, at: Instant, text: string): void;
}

/** Wall time since the start leads every line: `  1:07  diagnosed   …`. */
export function createTimeline(io: Io, json: boolean): Timeline {
  const start = performance.now();

  const write = (type: string, at: Instant, text: string, data: Readonly<Record<string, unknown>>): void => {
    const elapsedMs = Math.round(performance.now() - start);
    if (json) {
      const failureMode = typeof data["failureMode"] === "string" ? { failureMode: data["failureMode"] } : {};
      io.out(JSON.stringify({ event: type, at: new Date(at).toISOString(), elapsedMs, text, ...failureMode, data }));
      return;
    }
    const seconds = Math.floor(elapsedMs / 1000);
    const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    io.out(`${clock.padStart(5)}  ${type.padEnd(16)}  ${text}`);
  };

  return {
    tell: (event) => {
      if (event.type !== "started") write(event.type, event.at, event.text, event.data);
    },
    note: (type, at, text) => write(type, at, text, {}),
  };
}
