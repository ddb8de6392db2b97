// The sender's handle on the process that holds the doors.
import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { DoorStats, ToDoor } from "./door-process.ts";

export interface Door {
  readonly httpPort: number;
  readonly grpcPort: number;
  alive(): boolean;
  /** Forgets the event-loop delays so far. */
  reset(): Promise<void>;
  stats(): Promise<DoorStats>;
  /** The column `text` of a statement, of all that was acknowledged before. */
  texts(sql: string): Promise<string[]>;
  /** Runs `work`; returns by how much the process grew meanwhile at most, MiB. */
  growth(work: () => Promise<void>): Promise<number>;
  stop(): Promise<void>;
}

type Ask = ToDoor extends infer Message ? (Message extends { id: number } ? Omit<Message, "id"> : never) : never;
interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

const sampleMs = 10;
const pageBytes = 4096;

export async function startDoor(directory: string): Promise<Door> {
  const script = fileURLToPath(new URL("./door-process.ts", import.meta.url));
  const child: ChildProcess = fork(script, [directory], { execArgv: ["--import", "tsx"] });
  const waiting = new Map<number, Waiting>();
  let ids = 0;
  let ended = false;
  child.on("message", (answer: { id: number; result?: unknown; error?: string }) => {
    const one = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error === undefined) one?.resolve(answer.result as never);
    else one?.reject(new Error(answer.error));
  });
  child.once("exit", (code, signal) => {
    ended = true;
    for (const one of waiting.values()) one.reject(new Error(`the doors' process ended with ${code ?? signal}`));
  });
  process.once("exit", () => child.kill("SIGKILL"));
  const wait = <T>(id: number): Promise<T> => new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  const ask = <T>(message: Ask): Promise<T> => {
    const id = ++ids;
    const answer = wait<T>(id);
    child.send({ ...message, id });
    return answer;
  };
  const rss = (): number => {
    const pages = /^\d+ (\d+)/.exec(readFileSync(`/proc/${child.pid}/statm`, "utf8"))?.[1];
    return Number(pages ?? 0) * pageBytes;
  };
  const ports = await wait<{ httpPort: number; grpcPort: number }>(0);
  return {
    ...ports,
    alive: () => !ended,
    reset: () => ask({ ask: "reset" }),
    stats: () => ask({ ask: "stats" }),
    texts: (sql) => ask({ ask: "texts", sql }),
    async growth(work) {
      const before = rss();
      let most = before;
      const timer = setInterval(() => {
        if (!ended) most = Math.max(most, rss());
      }, sampleMs);
      try {
        await work();
      } finally {
        clearInterval(timer);
      }
      return (most - before) / 2 ** 20;
    },
    async stop() {
      if (ended) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.disconnect();
      await gone;
    },
  };
}
