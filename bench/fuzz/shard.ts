// A run of bodies of one signal and encoding, made from a seed of its own and judged: what one process does at a time.
import { performance } from "node:perf_hooks";
import type { Encoding, Signal } from "../../src/receive/decoder.ts";
import { messages } from "../../test/receive/otlp-proto.ts";
import { type Choose, createChoose } from "./choose.ts";
import { createJudge, type Verdict } from "./judge.ts";
import { mutateJson } from "./mutate-json.ts";
import { mutateProtobuf } from "./mutate-protobuf.ts";
import { planOf } from "./plan.ts";
import { growTree } from "./tree.ts";
import { writeJson } from "./write-json.ts";
import { writeProtobuf } from "./write-protobuf.ts";

export interface Shard {
  readonly signal: Signal;
  readonly encoding: Encoding;
  readonly seed: number;
  readonly bodies: number;
}

export interface Failure {
  readonly says: string;
  /** Base64 of protobuf, JSON as it is. */
  readonly body: string;
}

export interface ShardResult {
  readonly shard: Shard;
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>;
  readonly failures: readonly Failure[];
  readonly overBudget: number;
  readonly maxBodyMs: number;
  readonly bytes: number;
  readonly tookMs: number;
}

/** A body that takes longer hangs: the largest here is some ten KiB, and 1 ms is usual. */
const BUDGET_MS = 1000;
/** One body in so many is broken on purpose; the others are messages, if odd ones. */
const HARSH = 6;
const SHOWN = 5;

export function runShard(shard: Shard): ShardResult {
  const { signal, encoding } = shard;
  const judge = createJudge(signal, encoding);
  const choose = createChoose(shard.seed);
  const make = maker(signal, encoding, choose);
  const verdicts: Partial<Record<Verdict, number>> = {};
  const failures: Failure[] = [];
  const started = performance.now();
  let overBudget = 0;
  let maxBodyMs = 0;
  let bytes = 0;
  for (let i = 0; i < shard.bodies; i++) {
    const body = make();
    bytes += body.length;
    const { verdict, why, tookMs } = judge(body);
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
    maxBodyMs = Math.max(maxBodyMs, tookMs);
    const slow = tookMs > BUDGET_MS;
    if (slow) overBudget++;
    if ((slow || verdict === "crash" || verdict === "mismatch") && failures.length < SHOWN) {
      const says = `${signal} ${encoding} seed ${shard.seed} #${i}: ${verdict} in ${Math.round(tookMs)} ms: ${why}`;
      failures.push({ says, body: Buffer.from(body).toString(encoding === "json" ? "utf8" : "base64") });
    }
  }
  const tookMs = performance.now() - started;
  return { shard, verdicts, failures, overBudget, maxBodyMs, bytes, tookMs };
}

function maker(signal: Signal, encoding: Encoding, choose: Choose): () => Uint8Array {
  const type = messages[signal];
  const plan = planOf(type);
  if (encoding === "json") {
    let other = "{}";
    return () => {
      const text = writeJson(growTree(plan, choose), choose);
      if (choose.below(HARSH) > 0) return new TextEncoder().encode(text);
      const body = mutateJson(text, other, choose);
      other = text;
      return body;
    };
  }
  let other: Uint8Array = new Uint8Array(0);
  return () => {
    const whole = writeProtobuf(growTree(plan, choose), choose);
    if (choose.below(HARSH) > 0) return whole;
    const body = mutateProtobuf(type, whole, other, choose);
    other = whole;
    return body;
  };
}
