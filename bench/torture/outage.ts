// Takes the database away from the service while the load goes on: a ClickHouse server behind a proxy that refuses,
// hangs and cuts. The server is the embedded engine's own process over TCP, so its data can be judged like any others.
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { startEngine } from "../../src/store/engine/supervisor.ts";
import { residentBytesOf } from "../lib/process-tree.ts";
import { doorsOf, startServe, stopServe, untilStored } from "../lib/serve.ts";
import { type ProxyMode, startTcpProxy } from "../lib/tcp-proxy.ts";
import { judge, type Verdict } from "./judge.ts";
import { createSenders } from "./senders.ts";

export interface OutageOptions {
  readonly directory: string;
  /** How long the database is away. */
  readonly seconds: number;
  /** Waiting bytes from which intake is refused; absent: the product's own. Then away until it has been reached as well. */
  readonly backlogLimitMib?: number;
  readonly draw: () => number;
  readonly note?: (text: string) => void;
  /** Ends it after the step that is running; what was done by then is judged. */
  readonly stop?: AbortSignal;
}

export interface OutageOutcome extends Verdict {
  readonly requests: number;
  /** Requests acknowledged while the database was away. */
  readonly acknowledgedAway: number;
  /** Answers 503, and those of them without a Retry-After. */
  readonly refused: number;
  readonly refusedWithoutRetryAfter: number;
  readonly awaySeconds: number;
  readonly backlogPeakBytes: number;
  /** Resident memory of the service, which is another process than the database: before, and at most while it was away. */
  readonly residentBytes: number;
  readonly residentPeakBytes: number;
  /** From the database's return until nothing waits any more. */
  readonly catchUpSeconds: number;
}

const lanes = 10;
const troubles: readonly ProxyMode[] = ["refuse", "hang", "cut"];
/** Load before memory is looked at; a service that has just started still grows. */
const warmUpMs = 5000;
const turnMs = 4000;
const lookMs = 250;
/** Refusals that show the limit holds. */
const refusals = 20;
const catchUpMsMax = 300_000;

/** Rejects if the service ends, or does not catch up within five minutes. */
export async function outage(options: OutageOptions): Promise<OutageOutcome> {
  const { directory, note, backlogLimitMib } = options;
  const senders = createSenders(options.draw, Date.now);
  const engine = await startEngine(
    { path: join(directory, "store/data"), memoryBytes: 2e9, tcp: true },
    silentTelemetry,
  );
  const proxy = await startTcpProxy(() => engine.tcpPort());
  const sets = [`store.url=http://127.0.0.1:${proxy.port}`];
  if (backlogLimitMib !== undefined) sets.push(`store.backlogLimitMib=${backlogLimitMib}`);
  const serve = startServe({ directory: join(directory, "service"), sets });
  try {
    senders.aim((await doorsOf(serve)).otlpUrl);
    senders.start(lanes);
    await wait(warmUpMs);
    const { ledger } = senders;
    const residentBytes = residentBytesOf(serve.pid);
    // On a slow machine the backlog may be full of what came while the database was there.
    await senders.finish();
    await untilStored(serve, catchUpMsMax);
    const before = ledger.acknowledged.size;
    let residentPeakBytes = residentBytes;
    let backlogPeakBytes = 0;
    const began = performance.now();
    const away = (): number => performance.now() - began;
    const over = (): boolean =>
      options.stop?.aborted === true ||
      (away() >= options.seconds * 1000 && (backlogLimitMib === undefined || ledger.refused >= refusals));
    for (let turn = 0; !over(); turn++) {
      const mode = troubles[turn % troubles.length]!;
      note?.(
        `${Math.round(away() / 1000)} s away, ${mode}: ${ledger.acknowledged.size} requests acknowledged, ` +
          `${Math.round(backlogPeakBytes / 2 ** 20)} MiB wait, ${Math.round(residentPeakBytes / 2 ** 20)} MiB resident`,
      );
      proxy.mode(mode);
      if (turn === 0) senders.start(lanes);
      for (const turnBegan = performance.now(); performance.now() - turnBegan < turnMs && !over(); ) {
        senders.check();
        await wait(lookMs);
        residentPeakBytes = Math.max(residentPeakBytes, residentBytesOf(serve.pid));
        backlogPeakBytes = Math.max(backlogPeakBytes, (await serve.backlogBytes()) ?? 0);
      }
    }
    const awaySeconds = away() / 1000;
    const acknowledgedAway = ledger.acknowledged.size - before;
    proxy.mode("pass");
    const back = performance.now();
    // What was refused in the meantime goes in as room is made.
    await senders.finish();
    await untilStored(serve, catchUpMsMax);
    const catchUpSeconds = (performance.now() - back) / 1000;
    await stopServe(serve);
    await proxy.close();
    await engine.close();
    return {
      ...(await judge(directory, ledger)),
      requests: ledger.acknowledged.size,
      acknowledgedAway,
      refused: ledger.refused,
      refusedWithoutRetryAfter: ledger.refusedWithoutRetryAfter,
      awaySeconds,
      backlogPeakBytes,
      residentBytes,
      residentPeakBytes,
      catchUpSeconds,
    };
  } finally {
    senders.close();
    serve.child.kill("SIGKILL");
    await proxy.close().catch(() => {});
    await engine.close();
  }
}
