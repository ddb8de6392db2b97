// A measured run of vLLM played again: the same arrivals and lengths through the simulated engine, and how far its curve is off.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createCostModel, createPace } from "../../src/simulate/cost-model.ts";
import { createEngine } from "../../src/simulate/engine.ts";
import { kvBytesPerToken, models } from "../../src/simulate/hardware.ts";
import { createRequests } from "../../src/simulate/requests.ts";
import { EngineConfig } from "../../src/simulate/scenario.ts";
import { median } from "../lib/report.ts";

/** Medians and maxima of a run, as its log of statistics shows them. */
interface Curve {
  readonly tokensPerSecond: number;
  readonly runningMax: number;
  readonly pendingMax: number;
  readonly kvMax: number;
}

interface Arrival {
  readonly at: number;
  readonly prompt: number;
  readonly output: number;
}

/** A 24 GiB card of its time; the engine was vLLM V0, which does the host's part of a step between steps. */
const gpu = {
  name: "24GiB",
  memoryGib: 24,
  peakFlops: 71e12,
  bandwidthBytesPerSecond: 0.936e12,
  prefillMfu: 0.5,
  idleWatts: 20,
  tdpWatts: 350,
  clockMaxMhz: 1700,
};
/** Milliseconds of the host for each sequence: what is left of a step at 3000 tokens a second once the GPU's part is taken off. */
const hostMsPerSequence = 0.24;
/** Memory the process was seen to hold, less its weights and 1.5 GiB of activations: a small model's, unlike the fleet's. */
const usedGib = 22_535 / 1024;
const model = models["llama-3-1b"];
const weightsGib = (model.parameters * model.valueBytes) / 2 ** 30;
const blocks = Math.floor(((usedGib - weightsGib - 1.5) * 2 ** 30) / (16 * kvBytesPerToken(model)));
const charactersPerToken = 5.3;
const scales = [100, 300, 500, 700, 900, 1500];

/** Largest of the mean relative errors over all loads of tokens/s, running, pending and KV use; undefined without the data. */
export function curveErrors(folder: string): Readonly<Record<string, number>> | undefined {
  const levels = scales.filter((scale) => existsSync(join(folder, `vllm_log_scale${scale}_prompt500.csv`)));
  if (levels.length === 0) return undefined;
  const errors = { tokens: 0, running: 0, pending: 0, kv: 0 };
  for (const scale of levels) {
    const real = measured(folder, scale);
    const made = simulated(arrivalsOf(folder, scale));
    const off = (a: number, b: number, atLeast: number): number =>
      Math.abs(a - b) / Math.max(b, atLeast) / levels.length;
    errors.tokens += off(made.tokensPerSecond, real.tokensPerSecond, 1);
    errors.running += off(made.runningMax, real.runningMax, 1);
    // A queue of a few is noise; what counts is how long it gets against what may run.
    errors.pending += off(made.pendingMax, real.pendingMax, 64);
    errors.kv += off(made.kvMax, real.kvMax, 0.01);
    process.stderr.write(`scale ${scale}: measured ${JSON.stringify(real)}, simulated ${JSON.stringify(made)}\n`);
  }
  return {
    curve_error: Math.max(...Object.values(errors)),
    curve_error_tokens: errors.tokens,
    curve_error_running: errors.running,
    curve_error_pending: errors.pending,
    curve_error_kv: errors.kv,
  };
}

function measured(folder: string, scale: number): Curve {
  const rows = readFileSync(join(folder, `vllm_log_scale${scale}_prompt500.csv`), "utf8")
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").map(Number));
  const column = (i: number): number[] => rows.map((row) => row[i]!);
  return {
    tokensPerSecond: median(column(2)),
    runningMax: Math.max(...column(3)),
    pendingMax: Math.max(...column(5)),
    kvMax: Math.max(...column(6)) / 100,
  };
}

function arrivalsOf(folder: string, scale: number): readonly Arrival[] {
  const text = readFileSync(join(folder, `detail_log_scale${scale}_prompt500.json`), "utf8");
  const all = Object.values(JSON.parse(text) as Record<string, Readonly<Record<string, number>>>).map((one) => ({
    at: one["record_time"]! - one["total_chunk_time"]!,
    prompt: Math.max(1, one["sampled_in_num"]!),
    output: Math.max(1, Math.min(1024, Math.round(one["out_len"]! / charactersPerToken))),
  }));
  const first = Math.min(...all.map(({ at }) => at));
  return all.map((one) => ({ ...one, at: (one.at - first) * 1000 })).sort((a, b) => a.at - b.at);
}

function simulated(arrivals: readonly Arrival[]): Curve {
  const requests = createRequests(1024);
  const pace = { ...createPace(), hostMsPerSequence };
  const cost = createCostModel(model, gpu, { moeConfigTuned: true, stepTimeFactor: 1, pace });
  const config = EngineConfig.parse({ max_num_seqs: 256, max_num_batched_tokens: 8192, max_model_len: 8192 });
  const engine = createEngine(config, blocks, cost, requests, (slot) => requests.release(slot));
  const rates: number[] = [];
  let runningMax = 0;
  let pendingMax = 0;
  let kvMax = 0;
  let tokens = 0;
  let next = 0;
  for (let now = 500; now < 3_600_000 && (next < arrivals.length || engine.running + engine.waiting > 0); now += 500) {
    for (;;) {
      const at = arrivals[next]?.at ?? Number.POSITIVE_INFINITY;
      const first = Math.min(at, engine.stepEndsAt);
      if (first > now) break;
      if (at <= engine.stepEndsAt) {
        const { prompt, output } = arrivals[next++]!;
        const slot = requests.take();
        requests.promptTokens[slot] = prompt;
        requests.outputTokens[slot] = output;
        requests.dispatchedAt[slot] = at;
        engine.add(slot, at);
      } else engine.step();
    }
    const { stats } = engine;
    rates.push((stats.generationTokens - tokens) * 2);
    tokens = stats.generationTokens;
    runningMax = Math.max(runningMax, stats.running);
    pendingMax = Math.max(pendingMax, stats.waiting);
    kvMax = Math.max(kvMax, stats.kvUsage);
  }
  return { tokensPerSecond: median(rates), runningMax, pendingMax, kvMax };
}
