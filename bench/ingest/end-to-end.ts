// How many items a second of CPU get from a client's socket to where they can be read, beside the naive path: the same
// bodies, the same engine and schema, in turns. The client's own CPU does not count.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { cpuSecondsOf } from "../lib/process-tree.ts";
import { median } from "../lib/report.ts";
import { doorsOf, startServe, stopServe, untilStored } from "../lib/serve.ts";
import { gzipped, type Signal } from "./bodies.ts";
import { type Client, createClient } from "./client.ts";
import type { FreshBody } from "./fresh.ts";

export interface EndToEnd {
  /** Items per CPU-second until stored and readable, medians. */
  readonly ours: number;
  readonly naive: number;
  readonly gzip: number;
  /** Until the merges that follow have come to rest, too. */
  readonly oursMerged: number;
  readonly naiveMerged: number;
  /** Median of the ratios of neighbouring rounds. */
  readonly ratio: number;
  readonly ratioMerged: number;
}

/** A receiver under test. */
interface Side {
  readonly pid: number;
  readonly client: Client;
  /** Resolves when all that was acknowledged can be read. */
  stored(): Promise<void>;
}

interface Spent {
  readonly stored: number;
  readonly merged: number;
}

const warmUpRounds = 1;
/** A round sends every body so many times, each time made fresh: few large inserts, as under load, not many small ones. */
const turns: Readonly<Record<Signal, number>> = { traces: 4, metrics: 8, logs: 8 };
const second = 1_000_000_000n;

export async function endToEnd(
  directories: { readonly ours: string; readonly naive: string },
  bodies: Readonly<Record<Signal, readonly FreshBody[]>>,
  rounds: number,
  note: (text: string) => void,
): Promise<Readonly<Record<Signal, EndToEnd>>> {
  // Watching and judging is another job than storing: the naive path does not do it either.
  const serve = startServe({ directory: directories.ours, sets: ["observe.tick=0 0 0 1 1 *"] });
  const naive = startNaive(directories.naive);
  try {
    const ours: Side = {
      pid: serve.pid,
      client: createClient((await doorsOf(serve)).otlpUrl),
      stored: () => untilStored(serve),
    };
    const naiveUrl = await naive.url;
    const theirs: Side = {
      pid: naive.child.pid!,
      client: createClient(naiveUrl),
      async stored() {
        const answer = await fetch(`${naiveUrl}/flush`, { method: "POST" });
        if (!answer.ok) throw new Error(`the naive path failed: ${await answer.text()}`);
      },
    };
    const results: Partial<Record<Signal, EndToEnd>> = {};
    for (const signal of ["traces", "metrics", "logs"] as const) {
      results[signal] = await compare(signal, bodies[signal], ours, theirs, rounds, note);
    }
    ours.client.close();
    theirs.client.close();
    await stopServe(serve);
    return results as Record<Signal, EndToEnd>;
  } finally {
    serve.child.kill("SIGKILL");
    naive.child.kill("SIGTERM");
    await serve.exit;
    await naive.exit;
  }
}

async function compare(
  signal: Signal,
  bodies: readonly FreshBody[],
  ours: Side,
  naive: Side,
  rounds: number,
  note: (text: string) => void,
): Promise<EndToEnd> {
  const items = turns[signal] * bodies.reduce((sum, body) => sum + body.items, 0);
  const perSecond: { plain: Spent; naive: Spent; gzip: Spent }[] = [];
  const rate = ({ stored, merged }: Spent): Spent => ({ stored: items / stored, merged: items / merged });
  for (let round = 0; round < warmUpRounds + rounds; round++) {
    const plain = freshCopies(signal, bodies);
    // Who goes first changes each round, so that what else the machine does hits both alike.
    const oursFirst = round % 2 === 0 ? await spend(ours, signal, plain, false) : undefined;
    const theirs = await spend(naive, signal, plain, false);
    const measured = {
      plain: rate(oursFirst ?? (await spend(ours, signal, plain, false))),
      naive: rate(theirs),
      gzip: rate(await spend(ours, signal, gzipped(freshCopies(signal, bodies)), true)),
    };
    const shown = Object.entries(measured).map(([name, { stored }]) => `${name} ${Math.round(stored)}`);
    note(`${signal} round ${round}: ${shown.join(", ")} items per CPU-second`);
    if (round >= warmUpRounds) perSecond.push(measured);
  }
  return {
    ours: median(perSecond.map(({ plain }) => plain.stored)),
    naive: median(perSecond.map((one) => one.naive.stored)),
    gzip: median(perSecond.map(({ gzip }) => gzip.stored)),
    oursMerged: median(perSecond.map(({ plain }) => plain.merged)),
    naiveMerged: median(perSecond.map((one) => one.naive.merged)),
    ratio: median(perSecond.map((one) => one.plain.stored / one.naive.stored)),
    ratioMerged: median(perSecond.map((one) => one.plain.merged / one.naive.merged)),
  };
}

function freshCopies(signal: Signal, bodies: readonly FreshBody[]): Uint8Array[] {
  return Array.from({ length: turns[signal] }, () =>
    bodies.map((body) => {
      body.freshen(second);
      return body.bytes.slice();
    }),
  ).flat();
}

/** CPU seconds the side spends on these bodies. */
async function spend(side: Side, signal: Signal, bodies: readonly Uint8Array[], gzip: boolean): Promise<Spent> {
  const before = cpuSecondsOf(side.pid);
  await side.client.sendAll(signal, bodies, gzip);
  await side.stored();
  const stored = cpuSecondsOf(side.pid) - before;
  await atRest(side.pid);
  return { stored, merged: cpuSecondsOf(side.pid) - before };
}

/** Returns once the tree uses little CPU, so that merges of one round do not run into the next. */
async function atRest(pid: number): Promise<void> {
  const windowMs = 400;
  const restCpuSeconds = 0.04;
  for (let windows = 0; windows < 40; windows++) {
    const before = cpuSecondsOf(pid);
    await new Promise((resolve) => setTimeout(resolve, windowMs));
    if (cpuSecondsOf(pid) - before <= restCpuSeconds) return;
  }
}

function startNaive(directory: string): { child: ChildProcess; url: Promise<string>; exit: Promise<unknown> } {
  const script = fileURLToPath(new URL("./naive-process.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", script, directory], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = new Promise((resolve) => child.once("close", resolve));
  const url = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once("line", resolve);
    void exit.then((code) => reject(new Error(`the naive path ended with ${String(code)}`)));
  });
  url.catch(() => {});
  return { child, url, exit };
}
