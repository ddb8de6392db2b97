// Spans and points at a fixed rate for a while: whether they are acknowledged in time, stored as fast as they come, and
// in how much memory. The service runs as it ships, watching and judging what comes in, on the machine the client is on.
import { residentBytesOf } from "../lib/process-tree.ts";
import { doorsOf, startServe, stopServe } from "../lib/serve.ts";
import { createClient } from "./client.ts";
import type { FreshBody } from "./fresh.ts";

export interface Sustained {
  readonly heldSpansPerSecond: number;
  readonly heldPointsPerSecond: number;
  readonly ackP50Ms: number;
  /** Of all bodies, from when each was due to its acknowledgement. */
  readonly ackP99Ms: number;
  readonly residentPeakMib: number;
  /** Bytes received and not yet stored, at most. */
  readonly backlogPeakMib: number;
  /** From the last body until all was stored. */
  readonly drainSeconds: number;
  /** Bodies not acknowledged at the first try. */
  readonly refused: number;
}

const mib = 1024 * 1024;
/** Rows are gathered about a second before they are inserted: only what takes longer than this counts as falling behind. */
const usualDrainSeconds = 5;
const watchMs = 500;
const retryMs = 250;

/** `rate` is items a second of each signal. Bodies are used in turns, made fresh each time. */
export async function sustain(
  directory: string,
  bodies: { readonly traces: readonly FreshBody[]; readonly metrics: readonly FreshBody[] },
  seconds: number,
  rate: number,
): Promise<Sustained> {
  const serve = startServe({ directory });
  try {
    const client = createClient((await doorsOf(serve)).otlpUrl);
    let residentPeak = 0;
    let backlogPeak = 0;
    const watch = setInterval(() => {
      residentPeak = Math.max(residentPeak, residentBytesOf(serve.pid));
      void serve.backlogBytes().then((bytes) => {
        backlogPeak = Math.max(backlogPeak, bytes ?? 0);
      });
    }, watchMs);
    const delaysMs: number[] = [];
    let refused = 0;
    const began = performance.now();

    /** Sends each body when it is due, whether or not those before have been answered. */
    const stream = async (signal: "traces" | "metrics"): Promise<number> => {
      const free = [...bodies[signal]];
      const running = new Set<Promise<void>>();
      let sent = 0;
      let acknowledged = 0;
      for (let dueMs = 0; dueMs < seconds * 1000; ) {
        const waitMs = began + dueMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        // Out of bodies means the service is behind; what is due then waits, and its delay is counted.
        while (free.length === 0) await Promise.race(running);
        const body = free.shift()!;
        const due = began + dueMs;
        body.freshen(BigInt(Math.round((bodies[signal].length * body.items * 1e9) / rate)));
        const one = (async () => {
          while ((await client.send(signal, body.bytes, false)) !== 200) {
            refused++;
            await new Promise((resolve) => setTimeout(resolve, retryMs));
          }
          delaysMs.push(performance.now() - due);
          acknowledged += body.items;
          free.push(body);
        })();
        const settled: Promise<void> = one.finally(() => running.delete(settled));
        running.add(settled);
        sent += body.items;
        dueMs = (sent / rate) * 1000;
      }
      await Promise.all(running);
      return acknowledged;
    };
    const [spans, points] = await Promise.all([stream("traces"), stream("metrics")]);
    const lastMs = performance.now() - began;
    while ((await serve.backlogBytes()) !== 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const drainSeconds = (performance.now() - began - lastMs) / 1000;
    clearInterval(watch);
    client.close();
    await stopServe(serve);
    // What took longer than the window, or was stored long after it, was not held.
    const held = Math.max(seconds, lastMs / 1000 - 1) + Math.max(0, drainSeconds - usualDrainSeconds);
    delaysMs.sort((a, b) => a - b);
    const quantile = (q: number): number => delaysMs[Math.min(delaysMs.length - 1, Math.floor(delaysMs.length * q))]!;
    return {
      heldSpansPerSecond: spans / held,
      heldPointsPerSecond: points / held,
      ackP50Ms: quantile(0.5),
      ackP99Ms: quantile(0.99),
      residentPeakMib: residentPeak / mib,
      backlogPeakMib: backlogPeak / mib,
      drainSeconds,
      refused,
    };
  } finally {
    serve.child.kill("SIGKILL");
  }
}
