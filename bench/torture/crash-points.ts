// Kills whichever process is about to make the n-th change to the disk while one request goes its way, for every n.
import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, openSync, readSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { doorsOf, type Serve, startServe, stopServe, untilStored } from "../lib/serve.ts";
import { judge, type Verdict } from "./judge.ts";
import type { Signal } from "./requests.ts";
import { createSenders } from "./senders.ts";

export interface CrashPointOptions {
  /** For the service's data. */
  readonly directory: string;
  /** For the compiled shim and what goes with it. */
  readonly workDirectory: string;
  /** How many points at most, spread evenly over all; absent: all. */
  readonly limit?: number;
  readonly draw: () => number;
  readonly note?: (text: string) => void;
  /** Ends it after the step that is running; what was done by then is judged. */
  readonly stop?: AbortSignal;
}

export interface CrashPointOutcome extends Verdict {
  /** Points a process died at. */
  readonly points: number;
  readonly inMain: number;
  readonly inEngine: number;
}

const signals: readonly Signal[] = ["traces", "metrics", "logs"];
/** The checkpoint is written about a second after rows are stored. */
const checkpointMs = 2500;

/** Undefined if there is no C compiler, or the platform knows no preloading. */
export async function crashPoints(options: CrashPointOptions): Promise<CrashPointOutcome | undefined> {
  const control = prepare(options.workDirectory, `${options.directory}/`);
  if (control === undefined) return undefined;
  const { directory, draw } = options;
  const senders = createSenders(draw, Date.now);
  let inMain = 0;
  let inEngine = 0;
  let serve: Serve = startServe({ directory, ...control.start });

  const open = async (): Promise<void> => {
    senders.aim((await doorsOf(serve)).otlpUrl);
    await untilStored(serve);
  };
  /** Sends one request with the target set and waits until it is stored and the checkpoint written; what died, if any. */
  const oneWay = async (signal: Signal, target: number): Promise<{ count: number; died?: string }> => {
    const enginePid = serve.enginePid();
    const before = checkpointTime(directory);
    control.arm(target);
    let acknowledged = false;
    const sent = senders.send(signal).then(() => {
      acknowledged = true;
    });
    const giveUpAt = performance.now() + checkpointMs;
    while (control.died() === undefined && performance.now() < giveUpAt) {
      if (acknowledged && checkpointTime(directory) !== before && (await serve.backlogBytes()) === 0) break;
      await wait(20);
    }
    const count = control.disarm();
    const died = control.died();
    if (died !== undefined && died.pid === enginePid) inEngine++;
    if (died !== undefined && died.pid === serve.pid) {
      inMain++;
      senders.aim(undefined);
      await serve.exit;
      serve = startServe({ directory, ...control.start });
      await open();
    }
    await sent;
    await untilStored(serve);
    return { count, ...(died === undefined ? {} : { died: died.what }) };
  };

  try {
    await open();
    for (const signal of signals) {
      // The first request of a kind also makes what later ones find; the second tells how long the way is.
      await oneWay(signal, 0);
      const { count } = await oneWay(signal, 0);
      const targets = chosen(count, options.limit === undefined ? count : Math.ceil(options.limit / signals.length));
      options.note?.(`${signal}: ${count} points on the way of a request, ${targets.length} of them tried`);
      for (const [i, target] of targets.entries()) {
        if (options.stop?.aborted === true) break;
        const { died } = await oneWay(signal, target);
        if (died !== undefined) options.note?.(`${signal} ${i + 1} of ${targets.length}, point ${target}: ${died}`);
      }
    }
    await untilStored(serve);
    await stopServe(serve);
  } finally {
    senders.close();
    serve.child.kill("SIGKILL");
  }
  return { ...(await judge(directory, senders.ledger)), points: inMain + inEngine, inMain, inEngine };
}

/** The first and the last, where log and checkpoint are written, and of those between as many as there is room for. */
function chosen(count: number, room: number): readonly number[] {
  const ends = 5;
  const middle = Math.max(0, Math.min(count, room) - 2 * ends);
  const spread = Array.from({ length: middle }, (_, i) => ends + 1 + Math.floor((i * (count - 2 * ends)) / middle));
  const edges = Array.from({ length: ends }, (_, i) => [i + 1, count - i]).flat();
  return [...new Set([...edges, ...spread])]
    .filter((at) => at >= 1 && at <= count)
    .toSorted((one, other) => one - other);
}

function checkpointTime(directory: string): number {
  return statSync(join(directory, "store/spool/checkpoint.json"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Compiles the shim and makes a Node that preloads it: the engine gets an environment of its own from the service. */
function prepare(workDirectory: string, under: string) {
  const shim = join(workDirectory, "crash-shim.so");
  const source = fileURLToPath(new URL("./crash-shim.c", import.meta.url));
  if (process.platform !== "linux") return undefined;
  if (spawnSync("cc", ["-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"]).status !== 0) return undefined;
  const controlFile = join(workDirectory, "crash-control");
  writeFileSync(controlFile, Buffer.alloc(1024));
  const env = { LD_PRELOAD: shim, CRASH_SHIM_CONTROL: controlFile, CRASH_SHIM_UNDER: under };
  const node = join(workDirectory, "node");
  const variables = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  writeFileSync(node, `#!/bin/sh\n${variables.join(" ")} exec '${process.execPath}' "$@"\n`);
  chmodSync(node, 0o755);
  const asNode = `data:text/javascript,process.execPath=${JSON.stringify(node)}`;
  const fd = openSync(controlFile, "r+");
  process.once("exit", () => closeSync(fd));
  const numbers = (): Int32Array => {
    const bytes = Buffer.alloc(16);
    readSync(fd, bytes, 0, 16, 0);
    return new Int32Array(bytes.buffer, bytes.byteOffset, 4);
  };
  return {
    start: { env, nodeArguments: ["--import", asNode] },
    /** Target 0 only counts. */
    arm(target: number): void {
      writeSync(fd, Buffer.from(Int32Array.of(1, 0, target, 0).buffer), 0, 16, 0);
    },
    /** Returns how many points were passed. */
    disarm(): number {
      const [, count] = numbers();
      writeSync(fd, Buffer.alloc(4), 0, 4, 0);
      return count!;
    },
    died(): { readonly pid: number; readonly what: string } | undefined {
      const pid = numbers()[3]!;
      if (pid === 0) return undefined;
      const text = Buffer.alloc(1008);
      readSync(fd, text, 0, text.length, 16);
      return { pid, what: text.toString("utf8", 0, text.indexOf(0)) };
    },
  };
}
