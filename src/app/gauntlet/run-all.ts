// Many scenarios over a few processes: each process plays one at a time, and one that dies costs only what it played.
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { entryUrl } from "../../model/entry.ts";
import type { Played } from "./play.ts";
import type { PlayOrder } from "./play-process.ts";

export type Answer =
  | { readonly number: number; readonly played: Played }
  | { readonly number: number; readonly error: string };

/** Calls `done` for every order, in no order. Processes are started anew after some scenarios, as what they hold grows. */
export async function runAll(
  orders: readonly PlayOrder[],
  processes: number,
  done: (answer: Answer) => void,
  stop: AbortSignal,
): Promise<void> {
  const waiting = orders.toReversed();
  await Promise.all(
    Array.from({ length: Math.min(processes, orders.length) }, async () => {
      while (waiting.length > 0 && !stop.aborted) await shift(waiting, done, stop);
    }),
  );
}

const scenariosEach = 24;

/** One process's life. */
async function shift(waiting: PlayOrder[], done: (answer: Answer) => void, stop: AbortSignal): Promise<void> {
  const entry = fileURLToPath(entryUrl(import.meta.url, "./play-process.ts"));
  const child = fork(entry, [], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const end = (): void => void child.kill("SIGTERM");
  stop.addEventListener("abort", end, { once: true });
  try {
    for (let i = 0; i < scenariosEach && !stop.aborted; i++) {
      const order = waiting.pop();
      if (order === undefined) return;
      const answer = await ask(child, order);
      done(answer);
      if (child.exitCode !== null || child.signalCode !== null) return;
    }
  } finally {
    stop.removeEventListener("abort", end);
    if (child.connected) child.disconnect();
  }
}

function ask(child: ChildProcess, order: PlayOrder): Promise<Answer> {
  return new Promise((resolve) => {
    const settle = (answer: Answer): void => {
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      resolve(answer);
    };
    const onMessage = (message: unknown): void => settle(message as Answer);
    const onExit = (code: number | null, signal: string | null): void =>
      settle({ number: order.number, error: `its process ended (${signal ?? `code ${code}`})` });
    const onError = (error: Error): void => settle({ number: order.number, error: error.message });
    child.on("message", onMessage).once("exit", onExit).on("error", onError);
    child.send(order);
  });
}
