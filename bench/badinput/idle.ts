// The machine's own share of event-loop delay, measured beside the doors.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Idle {
  /** Begins to measure anew. */
  reset(): Promise<void>;
  /** Since then. */
  delay(): Promise<{ readonly p99Ms: number; readonly maxMs: number }>;
  stop(): void;
}

export function startIdle(): Idle {
  const child = fork(fileURLToPath(new URL("./idle-process.mjs", import.meta.url)), { execArgv: [] });
  const ask = async (what: "reset" | "delay"): Promise<{ readonly p99Ms: number; readonly maxMs: number }> => {
    child.send(what);
    const [answer] = (await once(child, "message")) as [{ readonly p99Ms: number; readonly maxMs: number }];
    return answer;
  };
  return {
    async reset() {
      await ask("reset");
    },
    delay: () => ask("delay"),
    stop: () => child.disconnect(),
  };
}
