// What was opened is closed in reverse order; one close that fails does not keep the others from running.
import type { Logger } from "../model/ports/telemetry.ts";

export interface Undo extends AsyncDisposable {
  /** Registers how to close something; write it on the line that opens it. */
  push(name: string, run: () => unknown): void;
}

export function createUndo(log: Logger): Undo {
  const steps: { name: string; run: () => unknown }[] = [];
  return {
    push: (name, run) => void steps.push({ name, run }),
    async [Symbol.asyncDispose]() {
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        try {
          await step.run();
        } catch (error) {
          log.error(`could not close ${step.name}`, { error: error instanceof Error ? error.message : String(error) });
        }
      }
    },
  };
}
