// The intake's side of the decoding thread: starts it, and starts another when it dies.
import { Worker } from "node:worker_threads";
import { entryUrl } from "../model/entry.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { FromDecoder, ToDecoder } from "./decode-messages.ts";
import type { DecodeOptions } from "./limits.ts";

export interface DecodeThread extends AsyncDisposable {
  /** False while there is no thread to say it to. Bodies are handed over: the sender's view is empty afterwards. */
  say(message: ToDecoder): boolean;
  /** Thread number as `worker_threads` counts; for tests and diagnosis. */
  readonly threadId: number;
  /** Ends the thread as a crash would. */
  kill(): Promise<void>;
}

export interface DecodeThreadEvents {
  readonly answered: (message: FromDecoder) => void;
  /** The thread is gone, with all it was told and had not yet sealed. */
  readonly died: (why: string) => void;
}

const RESTART_MS = 100;
const RESTART_MS_MAX = 5000;
/** Young objects of a decoder are few and small; the columns lie outside the heap. */
const resourceLimits = { maxOldGenerationSizeMb: 512 };

export function startDecodeThread(
  options: DecodeOptions,
  events: DecodeThreadEvents,
  telemetry: Telemetry,
): DecodeThread {
  let worker: Worker | undefined;
  let closing = false;
  let delayMs = RESTART_MS;
  let timer: NodeJS.Timeout | undefined;

  function start(): void {
    const started = new Worker(entryUrl(import.meta.url, "./decode-worker.ts"), {
      workerData: { options },
      execArgv: [],
      resourceLimits,
      name: "decode",
    });
    let why = "exited";
    worker = started;
    started.on("message", (message: FromDecoder) => {
      delayMs = RESTART_MS;
      events.answered(message);
    });
    started.on("error", (error) => {
      why = error instanceof Error ? error.message : String(error);
    });
    started.once("exit", () => {
      if (worker === started) worker = undefined;
      if (closing) return;
      telemetry.log.error("the decoding thread died; starting another", { why });
      telemetry.count("homeostat.receive.decoder_restarts", 1);
      events.died(why);
      timer = setTimeout(start, delayMs);
      delayMs = Math.min(delayMs * 2, RESTART_MS_MAX);
    });
  }

  start();
  return {
    get threadId() {
      return worker?.threadId ?? -1;
    },
    say(message) {
      if (worker === undefined) return false;
      worker.postMessage(message, message.type === "decode" ? [message.body.buffer as ArrayBuffer] : []);
      return true;
    },
    async kill() {
      await worker?.terminate();
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      clearTimeout(timer);
      await worker?.terminate();
    },
  };
}
