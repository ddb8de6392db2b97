// OTLP bodies odd and broken through the decoders, judged against protobufjs, in as many processes as there are cores.
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Encoding, Signal } from "../src/receive/decoder.ts";
import type { Verdict } from "./fuzz/judge.ts";
import type { Shard } from "./fuzz/shard.ts";
import type { ShardAnswer } from "./fuzz/shard-process.ts";
import { printReport } from "./lib/report.ts";

const usage = `fuzz [--bodies N] [--signal X] [--encoding Y] [--seed N] [--processes N]
  N bodies (default 100000) for each signal (traces, logs, metrics; default all) in each encoding (protobuf, json;
  default both). SIGTERM and SIGINT end the run with a report of what was done.`;
const signals: readonly Signal[] = ["traces", "logs", "metrics"];
const encodings: readonly Encoding[] = ["protobuf", "json"];
/** Bodies made from one seed: whatever the number of processes, a run has the same bodies. */
const SHARD = 5000;
/** Failures written out in full; all are counted. */
const SHOWN = 20;

const { values } = parseArgs({
  options: {
    bodies: { type: "string", default: "100000" },
    signal: { type: "string" },
    encoding: { type: "string" },
    seed: { type: "string", default: "1" },
    processes: { type: "string", default: String(Math.min(8, availableParallelism())) },
    help: { type: "boolean" },
  },
});
if (values.help === true) {
  console.error(usage);
  process.exit(0);
}
const bodies = whole("--bodies", values.bodies);
const shards = shardsOf(
  bodies,
  whole("--seed", values.seed),
  values.signal === undefined ? signals : [oneOf("--signal", signals, values.signal)],
  values.encoding === undefined ? encodings : [oneOf("--encoding", encodings, values.encoding)],
);
const wanted = shards.reduce((sum, shard) => sum + shard.bodies, 0);
const results: ShardAnswer[] = [];
const started = performance.now();
const rssAtFirst = new Map<number, number>();
let rssGrowthMib = 0;
let done = 0;
let shown = 0;
let saidAtMs = 0;
let crashedProcesses = 0;

const children = Array.from({ length: whole("--processes", values.processes) }, startChild);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, finish);

function startChild(): ReturnType<typeof fork> {
  const child = fork(fileURLToPath(new URL("./fuzz/shard-process.ts", import.meta.url)), {
    execArgv: ["--import", "tsx"],
  });
  const next = (): void => {
    const shard = shards.shift();
    if (shard === undefined) child.disconnect();
    else child.send(shard);
  };
  child.on("message", (answer: ShardAnswer) => {
    take(child.pid!, answer);
    next();
  });
  child.once("exit", (code) => {
    if (code !== 0) {
      console.error(`a process of the fuzz ended with ${code}: the decoder brought it down, or ran out of memory`);
      crashedProcesses++;
    }
    if (children.every((one) => one.exitCode !== null || one.signalCode !== null)) finish();
  });
  next();
  return child;
}

function take(pid: number, answer: ShardAnswer): void {
  results.push(answer);
  done += answer.shard.bodies;
  // Memory is measured from where the columns have grown to their working size.
  const before = rssAtFirst.get(pid);
  if (before === undefined) rssAtFirst.set(pid, answer.rss);
  else rssGrowthMib = Math.max(rssGrowthMib, (answer.rss - before) / 2 ** 20);
  for (const failure of answer.failures) {
    if (shown++ >= SHOWN) break;
    console.error(`${failure.says}\n  ${failure.body.slice(0, 3000)}`);
  }
  const tookMs = performance.now() - started;
  if (tookMs - saidAtMs < 10_000 && done < wanted) return;
  saidAtMs = tookMs;
  const perSecond = (done / tookMs) * 1000;
  console.error(
    `${done} of ${wanted} bodies, ${Math.round(perSecond)}/s, ${Math.round((wanted - done) / perSecond)} s to go`,
  );
}

function finish(): void {
  for (const child of children) child.kill("SIGKILL");
  const count = (verdict: Verdict): number => results.reduce((sum, { verdicts }) => sum + (verdicts[verdict] ?? 0), 0);
  const share = (part: number): number => Math.round((part / Math.max(1, done)) * 1000) / 1000;
  const overBudget = results.reduce((sum, result) => sum + result.overBudget, 0);
  const compared = count("equal") + count("mended") + count("unmerged");
  const seconds = (performance.now() - started) / 1000;
  printReport({
    bench: "fuzz",
    figures: {
      bodies: done,
      bodies_wanted: wanted,
      crashes: count("crash") + crashedProcesses,
      mismatches: count("mismatch"),
      over_budget: overBudget,
      rss_growth_mib: Math.round(rssGrowthMib),
      max_body_ms: Math.round(Math.max(0, ...results.map((result) => result.maxBodyMs)) * 10) / 10,
      compared_share: share(compared),
      // What the comparison rests on, and what it sets aside.
      equal: count("equal"),
      mended: count("mended"),
      both_refuse: count("both-refuse"),
      oracle_refuses: count("oracle-refuses"),
      unmerged: count("unmerged"),
      too_large: count("too-large"),
      bodies_per_s: Math.round(done / seconds),
      bytes_per_body: Math.round(results.reduce((sum, { bytes }) => sum + bytes, 0) / Math.max(1, done)),
      seconds: Math.round(seconds),
    },
    goals: [
      { figure: "crashes", op: "==", goal: 0 },
      { figure: "mismatches", op: "==", goal: 0 },
      { figure: "over_budget", op: "==", goal: 0 },
      { figure: "compared_share", op: ">=", goal: 0.7 },
    ],
  });
  process.exit(done < wanted || count("crash") + crashedProcesses + count("mismatch") + overBudget > 0 ? 1 : 0);
}

function shardsOf(each: number, seed: number, ofSignals: readonly Signal[], ofEncodings: readonly Encoding[]): Shard[] {
  const list: Shard[] = [];
  for (const signal of ofSignals)
    for (const encoding of ofEncodings)
      for (let from = 0; from < each; from += SHARD)
        list.push({ signal, encoding, seed: (seed * 1_000_003 + from) >>> 0, bodies: Math.min(SHARD, each - from) });
  return list;
}

function oneOf<T extends string>(option: string, list: readonly T[], text: string): T {
  const found = list.find((one) => one === text);
  if (found === undefined) throw new Error(`${option} must be one of ${list.join(", ")}; ${usage}`);
  return found;
}

function whole(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1)
    throw new Error(`${option} must be a whole number above 0; ${usage}`);
  return Number(text);
}
