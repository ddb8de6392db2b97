// The learned detector as detection sees it: a thread that scores, or nothing at all; detection goes on either way.
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { EntityBatch } from "../../model/detector.ts";
import { entryUrl } from "../../model/entry.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { coreSignals } from "../../model/signal.ts";
import type { SignalPart } from "../telling.ts";
import type { Reply, Request, WorkerSetUp } from "./messages.ts";

export interface Scored {
  readonly scores: Float64Array;
  /** The signals that make up most of a row's oddness, the largest first. */
  partsOf(row: number): readonly SignalPart[];
}

export interface LearnedScorer extends AsyncDisposable {
  readonly kind: string;
  /** `tensorflow`, `wasm`, `cpu`, or `none: ` and why. */
  backend(): string;
  /** Undefined when no learned detector runs. */
  score(batch: EntityBatch): Promise<Scored | undefined>;
  learn(batch: EntityBatch): void;
  snapshot(): Promise<Uint8Array | undefined>;
}

const modelName = "fleet-autoencoder";
const startTimeoutMs = 30_000;
const answerTimeoutMs = 10_000;
/** A signal with less than this share is not worth a sentence. */
const shareMin = 0.15;
const partsMax = 3;

/** Never rejects: what goes wrong is logged once, counted, and told by `backend()`. */
export async function startLearned(
  modelsDirectory: string,
  snapshot: Uint8Array | undefined,
  telemetry: Telemetry,
): Promise<LearnedScorer> {
  const waiting = new Map<number, (reply: Reply | undefined) => void>();
  let worker: Worker | undefined;
  let state = "none: starting";
  let asked = 0;
  let last = snapshot;
  let onReady: (backend: string | undefined) => void = () => {};

  if (modelsDirectory === "") state = "none: switched off";
  else await start();

  return {
    kind: modelName,
    backend: () => state,
    async score(batch) {
      const reply = await ask((id) => ({ type: "score", id, batch }));
      if (reply?.type !== "scored") return undefined;
      return { scores: reply.scores, partsOf: (row) => partsOf(batch, reply, row) };
    },
    learn: (batch) => worker?.postMessage({ type: "learn", batch } satisfies Request),
    async snapshot() {
      const reply = await ask((id) => ({ type: "snapshot", id }));
      // A thread that is down knows nothing: what it said last is what the next one goes on from.
      if (reply?.type === "snapshot") last = reply.bytes;
      return last;
    },
    async [Symbol.asyncDispose]() {
      const ending = worker;
      worker = undefined;
      state = "none: ended";
      release();
      await ending?.terminate();
    },
  };

  async function start(): Promise<void> {
    const setUp: WorkerSetUp = {
      directory: join(modelsDirectory, modelName),
      ...(snapshot === undefined ? {} : { snapshot }),
    };
    try {
      worker = new Worker(entryUrl(import.meta.url, "./learned-worker.ts"), { workerData: setUp, execArgv: [] });
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
      return;
    }
    worker.on("message", (reply: Reply) => take(reply));
    worker.on("error", (error) => fail(error instanceof Error ? error.message : String(error)));
    worker.on("exit", (code) => fail(`the thread ended with code ${code}`));
    const backend = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), startTimeoutMs);
      onReady = (name) => {
        clearTimeout(timer);
        resolve(name);
      };
    });
    if (backend === undefined) fail("it did not start in time");
    // Empty: it failed, and has said why.
    if (backend === undefined || backend === "") return;
    state = backend;
    telemetry.log.info("learned detection runs", { backend, model: modelName });
  }

  function take(reply: Reply): void {
    if (reply.type === "ready") onReady(reply.backend);
    else if (reply.type === "failed") fail(reply.reason);
    else {
      waiting.get(reply.id)?.(reply);
      waiting.delete(reply.id);
    }
  }

  function ask(request: (id: number) => Request): Promise<Reply | undefined> {
    const thread = worker;
    if (thread === undefined) return Promise.resolve(undefined);
    const id = ++asked;
    return new Promise((resolve) => {
      const timer = setTimeout(() => fail("it did not answer in time"), answerTimeoutMs);
      waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      thread.postMessage(request(id));
    });
  }

  /** Ends the thread for good; statistical detection goes on alone. */
  function fail(reason: string): void {
    if (worker === undefined && state.startsWith("none: ") && state !== "none: starting") return;
    const ending = worker;
    worker = undefined;
    state = `none: ${reason}`;
    telemetry.count("homeostat.detect.learned_failures");
    telemetry.log.warn("learned detection is off; statistical detectors and rules go on without it", { reason });
    onReady("");
    release();
    ending?.terminate().catch(() => {});
  }

  function release(): void {
    for (const settle of waiting.values()) settle(undefined);
    waiting.clear();
  }
}

function partsOf(batch: EntityBatch, reply: Extract<Reply, { type: "scored" }>, row: number): readonly SignalPart[] {
  return coreSignals
    .map((signal, column): SignalPart => {
      const i = row * batch.width + column;
      const expected = { low: reply.why.low[i] ?? Number.NaN, high: reply.why.high[i] ?? Number.NaN };
      return { signal, observed: batch.values[i] ?? Number.NaN, expected, share: reply.why.shares[i] ?? 0 };
    })
    .filter((part) => part.share >= shareMin)
    .toSorted((a, b) => b.share - a.share)
    .slice(0, partsMax);
}
