// Kills the service and its engine at random moments under load, again and again, and judges what is stored at the end.
import { setTimeout as wait } from "node:timers/promises";
import { doorsOf, type Serve, startServe, stopServe, untilStored } from "../lib/serve.ts";
import { judge, type Verdict } from "./judge.ts";
import { createSenders } from "./senders.ts";

export interface KillOptions {
  readonly directory: string;
  readonly kills: number;
  /** Numbers in [0, 1). */
  readonly draw: () => number;
  /** Told before each kill. */
  readonly note?: (text: string) => void;
  /** Ends it after the step that is running; what was done by then is judged. */
  readonly stop?: AbortSignal;
  /** Kills of earlier rounds, for the notes. */
  readonly before?: number;
}

export interface KillOutcome extends Verdict {
  readonly kills: { readonly main: number; readonly starting: number; readonly engine: number; readonly both: number };
  readonly requests: number;
  readonly resentUnanswered: number;
  readonly resentAcknowledged: number;
  /** Slowest start over a log that was left behind, ms. */
  readonly slowestStartMs: number;
}

const lanes = 10;
/** Requests acknowledged between two kills at least, and how long the load then goes on, ms. */
const load = { requests: 15, ms: 900 };
const startMs = 2500;
/** In turn, so that a short run meets all; deaths in the middle of a start come on top by chance. */
const victims = ["engine", "main", "both", "engine", "main"] as const;

/** Rejects if the service does not come up again or gives an answer it must not give. */
export async function killLoop(options: KillOptions): Promise<KillOutcome> {
  const { directory, draw } = options;
  const senders = createSenders(draw, Date.now);
  const kills = { main: 0, starting: 0, engine: 0, both: 0 };
  const done = (): number => kills.main + kills.starting + kills.engine + kills.both;
  const next = (): string => `kill ${(options.before ?? 0) + done() + 1}`;
  const over = (): boolean => done() >= options.kills || options.stop?.aborted === true;
  let slowestStartMs = 0;
  let turn = 0;
  let serve: Serve;

  const startAgain = async (): Promise<void> => {
    for (;;) {
      const began = performance.now();
      serve = startServe({ directory });
      if (done() > 0 && !over() && draw() < 0.25) {
        options.note?.(`${next()}: main, while it starts`);
        await Promise.race([wait(draw() * startMs), serve.ready]);
        await killed(serve);
        kills.starting++;
        continue;
      }
      senders.aim((await doorsOf(serve)).otlpUrl);
      slowestStartMs = Math.max(slowestStartMs, performance.now() - began);
      return;
    }
  };
  const killed = async (one: Serve): Promise<void> => {
    one.child.kill("SIGKILL");
    await one.exit;
  };
  const underLoad = async (): Promise<void> => {
    const enough = senders.ledger.acknowledged.size + load.requests;
    while (senders.ledger.acknowledged.size < enough) {
      senders.check();
      await wait(10);
    }
    await wait(draw() * load.ms);
  };

  try {
    await startAgain();
    senders.start(lanes);
    while (!over()) {
      await underLoad();
      const what = victims[turn++ % victims.length]!;
      options.note?.(`${next()}: ${what}, ${senders.ledger.acknowledged.size} requests acknowledged`);
      const engine = serve!.enginePid();
      if (what !== "main" && engine !== undefined) process.kill(engine, "SIGKILL");
      kills[what]++;
      if (what === "engine") continue;
      await killed(serve!);
      senders.aim(undefined);
      await startAgain();
    }
    await senders.finish();
    await untilStored(serve!);
    await stopServe(serve!);
  } finally {
    senders.close();
    serve!.child.kill("SIGKILL");
  }
  const { ledger } = senders;
  return {
    ...(await judge(directory, ledger)),
    kills,
    requests: ledger.acknowledged.size,
    resentUnanswered: ledger.resentUnanswered.size,
    resentAcknowledged: ledger.resentAcknowledged,
    slowestStartMs: Math.round(slowestStartMs),
  };
}
