// The simulated fleet in a process of its own, as real engines are: it shares nothing with the service but the wire.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { entryUrl } from "../model/entry.ts";
import type { FleetRun } from "../simulate/run.ts";

/** What the fleet's process is told: the options of a run that can travel between processes. */
export interface FleetSettings extends FleetRun {
  readonly fault: string;
  readonly seed: number;
  readonly onEvent: (event: { readonly type: string; readonly at: number; readonly text: string }) => void;
  /** The process ended although nobody stopped it. */
  readonly onExit: () => void;
}

export interface RunningFleetProcess extends AsyncDisposable {
  readonly stopped: boolean;
}

export async function startFleet(settings: FleetSettings): Promise<RunningFleetProcess> {
  const { onEvent, onExit, ...options } = settings;
  const entry = entryUrl(import.meta.url, "../simulate/fleet-process.ts");
  const child = fork(fileURLToPath(entry), [], { execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  let stopped = false;
  let asked = false;
  child.on("message", (message) => onEvent(message as Parameters<typeof onEvent>[0]));
  child.once("exit", () => {
    stopped = true;
    if (!asked) onExit();
  });
  child.send(options);
  return {
    get stopped() {
      return stopped;
    },
    async [Symbol.asyncDispose]() {
      asked = true;
      if (stopped) return;
      const gone = once(child, "exit");
      child.disconnect();
      const timer = setTimeout(() => child.kill("SIGKILL"), 3000);
      await gone;
      clearTimeout(timer);
    },
  };
}
