// How a shard is asked: in this thread, or in one of its own that may die.
import { Worker } from "node:worker_threads";
import { entryUrl } from "../../model/entry.ts";
import { createShard, type ShardReply, type ShardRequest, type Share } from "./shard.ts";

/** Of {@link Worker}: what a line needs of a thread. */
export interface Thread {
  postMessage(request: ShardRequest): void;
  on(event: "message", listener: (reply: ShardReply) => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "exit", listener: (code: number) => void): unknown;
  terminate(): Promise<unknown>;
}

export interface Line {
  /** Why it is down; undefined while it answers. */
  down(): string | undefined;
  tell(request: ShardRequest): void;
  /** The reply; undefined if the thread died, or did not answer in time. */
  ask(request: (ask: number) => ShardRequest): Promise<ShardReply | undefined>;
  close(): Promise<void>;
}

/** A step of so many series takes far less; a thread that does not answer by then never will. */
const answerTimeoutMs = 60_000;

export function inlineLine(share: Share): Line {
  const answer = createShard(share);
  return {
    down: () => undefined,
    tell: answer,
    ask: (request) => Promise.resolve(answer(request(0))),
    close: () => Promise.resolve(),
  };
}

export function startThread(share: Share): Thread {
  return new Worker(entryUrl(import.meta.url, "./shard-worker.ts"), { workerData: share, execArgv: [] });
}

export function threadLine(share: Share, start: (share: Share) => Thread): Line {
  const waiting = new Map<number, (reply: ShardReply | undefined) => void>();
  let asked = 0;
  let why: string | undefined;
  const thread = start(share);
  thread.on("message", (reply) => {
    waiting.get(reply.ask)?.(reply);
    waiting.delete(reply.ask);
  });
  thread.on("error", (error) => fail(error instanceof Error ? error.message : String(error)));
  thread.on("exit", (code) => fail(`the thread ended with code ${code}`));

  return {
    down: () => why,
    tell(request) {
      if (why === undefined) thread.postMessage(request);
    },
    ask(request) {
      if (why !== undefined) return Promise.resolve(undefined);
      const ask = ++asked;
      return new Promise((resolve) => {
        const timer = setTimeout(() => fail("it did not answer in time"), answerTimeoutMs);
        waiting.set(ask, (reply) => {
          clearTimeout(timer);
          resolve(reply);
        });
        thread.postMessage(request(ask));
      });
    },
    async close() {
      fail("it was closed");
      await thread.terminate();
    },
  };

  function fail(reason: string): void {
    if (why !== undefined) return;
    why = reason;
    thread.terminate().catch(() => {});
    for (const settle of waiting.values()) settle(undefined);
    waiting.clear();
  }
}
