// Mutilated OTLP bodies through the decoders, judged against protobufjs: `fuzz.ts [--bodies N] [--seed N]`.
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import type { Encoding, Signal } from "../src/receive/decoder.ts";
import { requests } from "../test/receive/arbitraries.ts";
import { encode, messages, otlpJson } from "../test/receive/otlp-proto.ts";
import { createChoose } from "./fuzz/choose.ts";
import { createJudge, type Verdict } from "./fuzz/judge.ts";
import { mutateJson } from "./fuzz/mutate-json.ts";
import { mutateProtobuf } from "./fuzz/mutate-protobuf.ts";
import { printReport } from "./lib/report.ts";

const usage = "fuzz [--bodies N] [--seed N]: N mutilated bodies for each signal in each encoding (default 100000)";
/** Bodies that edits start from, for each signal. */
const SEEDS = 2000;
/** A body that takes longer hangs: the largest here is some ten KiB, and 1 ms is usual. */
const BUDGET_MS = 1000;
/** Failures written out in full; all are counted. */
const SHOWN = 20;

const { values } = parseArgs({
  options: { bodies: { type: "string" }, seed: { type: "string" }, help: { type: "boolean" } },
});
if (values.help === true) {
  console.error(usage);
  process.exit(0);
}
const bodies = whole("--bodies", values.bodies ?? "100000");
const seed = whole("--seed", values.seed ?? "1");

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const verdicts = new Map<Verdict, number>();
let maxBodyMs = 0;
let overBudget = 0;
let shown = 0;
let rssGrowthMib = 0;

for (const signal of ["traces", "logs", "metrics"] as const)
  for (const encoding of ["protobuf", "json"] as const) fuzz(signal, encoding);

const count = (verdict: Verdict): number => verdicts.get(verdict) ?? 0;
printReport({
  bench: "fuzz",
  figures: {
    bodies: bodies * 6,
    crashes: count("crash"),
    mismatches: count("mismatch"),
    over_budget: overBudget,
    rss_growth_mib: Math.round(rssGrowthMib),
    max_body_ms: Math.round(maxBodyMs * 10) / 10,
    // What the comparison rests on, and what it sets aside.
    equal: count("equal"),
    mended: count("mended"),
    both_refuse: count("both-refuse"),
    oracle_refuses: count("oracle-refuses"),
    refused_groups: count("group"),
    too_large: count("too-large"),
  },
  goals: [
    { figure: "crashes", op: "==", goal: 0 },
    { figure: "mismatches", op: "==", goal: 0 },
    { figure: "over_budget", op: "==", goal: 0 },
  ],
});
if (count("crash") + count("mismatch") + overBudget > 0) process.exitCode = 1;

function fuzz(signal: Signal, encoding: Encoding): void {
  const judge = createJudge(signal, encoding);
  const choose = createChoose(seed);
  const type = messages[signal];
  const wholeBodies = fc
    .sample(requests[signal], { numRuns: SEEDS, seed })
    .map((message) => (encoding === "json" ? otlpJson(signal, message) : encode(signal, message)));
  const make = (): Uint8Array => {
    const [body, other] = [choose.of(wholeBodies), choose.of(wholeBodies)];
    if (typeof body === "string") return mutateJson(body, String(other), choose);
    return typeof other === "string" ? body : mutateProtobuf(type, body, other, choose);
  };
  // Memory is measured from where the columns have grown to their working size.
  const warm = Math.floor(bodies / 5);
  let rssBefore = 0;
  for (let i = 0; i < bodies; i++) {
    if (i === warm) rssBefore = rss();
    const body = make();
    const { verdict, why, tookMs } = judge(body);
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    maxBodyMs = Math.max(maxBodyMs, tookMs);
    if (tookMs > BUDGET_MS) overBudget++;
    if (verdict === "crash" || verdict === "mismatch" || tookMs > BUDGET_MS)
      show(`${signal} ${encoding} #${i}: ${verdict} in ${Math.round(tookMs)} ms: ${why}`, body, encoding);
  }
  rssGrowthMib = Math.max(rssGrowthMib, (rss() - rssBefore) / 2 ** 20);
  console.error(`${signal} ${encoding}: done`);
}

function show(says: string, body: Uint8Array, encoding: Encoding): void {
  if (shown++ >= SHOWN) return;
  console.error(says);
  const bytes = Buffer.from(body);
  console.error(`  ${encoding === "json" ? bytes.toString("utf8") : bytes.toString("base64")}`.slice(0, 3000));
}

function rss(): number {
  collect();
  return process.memoryUsage.rss();
}

function whole(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) < 1)
    throw new Error(`${option} must be a whole number above 0; ${usage}`);
  return Number(text);
}
