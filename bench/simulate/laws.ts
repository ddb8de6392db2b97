// What must hold of any queue, and two published observations: work lost to preemption, decoding while a long prompt is computed.
import { admissionMs, createCostModel } from "../../src/simulate/cost-model.ts";
import { createEngine } from "../../src/simulate/engine.ts";
import { createFleet } from "../../src/simulate/fleet.ts";
import { gpus, models } from "../../src/simulate/hardware.ts";
import { createRequests } from "../../src/simulate/requests.ts";
import { EngineConfig, healthyScenario, scenarioFor } from "../../src/simulate/scenario.ts";

/** Requests that came and are neither answered, refused, given up nor there; at every second of a run with a fault. */
export function conservation(): number {
  const fleet = createFleet(scenarioFor("kv-cache-saturation", 1, { atMs: 60_000 })!);
  let missing = 0;
  for (let t = 1000; t <= 600_000; t += 1000) {
    fleet.advance(t);
    const { gateway, inFlight } = fleet.observe();
    const { arrived, finished, shed, full, timedOut, lost } = gateway;
    missing = Math.max(missing, Math.abs(arrived - finished - shed - full - timedOut - lost - inFlight));
  }
  return missing;
}

/** How far the mean number in a replica is from rate times mean time there, at worst. */
export function littleError(): number {
  const scenario = healthyScenario(2);
  const fleet = createFleet(scenario);
  const seen = scenario.replicas;
  const held = new Float64Array(seen);
  const untilMs = 900_000;
  const everyMs = 20;
  for (let t = everyMs; t <= untilMs; t += everyMs) {
    fleet.advance(t);
    for (const { index, engine } of fleet.replicas) held[index] = held[index]! + engine.running + engine.waiting;
  }
  const errors = fleet.replicas.map(({ index, engine }) => {
    const { e2e, queue } = engine.stats;
    // The histogram adds the API process's part to every request; the engine does not hold it so long.
    const admissionS = admissionMs / 1000;
    const inSystem = (e2e.sum - admissionS * e2e.count) / (untilMs / 1000);
    const mean = held[index]! / (untilMs / everyMs);
    return queue.count === 0 ? 1 : Math.abs(mean - inSystem) / mean;
  });
  return Math.max(...errors);
}

/** Published: shares of computed tokens that preemption threw away, in a pool that holds this share of the blocks needed. */
const published = [
  [2800, 0],
  [1600, 0.32],
  [800, 0.58],
  [400, 0.79],
] as const;
const neededBlocks = 4200;

/** Points between the published shares and those of a batch of equal requests that needs as many blocks; the worst. */
export function preemptionWasteError(): { readonly worst: number; readonly shares: readonly number[] } {
  const shares = published.map(([blocks]) => waste(blocks));
  return { worst: Math.max(...shares.map((share, i) => Math.abs(share - published[i]![1]))), shares };
}

function waste(blocks: number): number {
  const requests = createRequests(1024);
  const cost = createCostModel(models["llama-3-8b"], gpus.h100, { moeConfigTuned: true, stepTimeFactor: 1 });
  const config = EngineConfig.parse({ max_model_len: 8192, max_num_batched_tokens: 512, max_num_seqs: 1024 });
  const engine = createEngine(config, blocks, cost, requests, (slot) => requests.release(slot));
  // The published workload is not known; of equal requests these come nearest.
  const count = 60;
  const prompt = Math.round((neededBlocks / count) * 16 * 0.8);
  const output = (neededBlocks / count) * 16 - prompt;
  for (let i = 0; i < count; i++) {
    const slot = requests.take();
    requests.promptTokens[slot] = prompt;
    requests.outputTokens[slot] = Math.round(output);
    requests.dispatchedAt[slot] = 0;
    engine.add(slot, 0);
  }
  while (engine.stepEndsAt < Number.POSITIVE_INFINITY) engine.step();
  return engine.stats.recomputedTokens / engine.stats.computedTokens;
}

/** What decoding falls to while a prompt of 65 535 tokens is computed, as a change: -0.976 was seen. */
export function longPrefillDrop(): number {
  const requests = createRequests(64);
  const cost = createCostModel(models["llama-3-8b"], gpus.h100, { moeConfigTuned: true, stepTimeFactor: 1 });
  const config = EngineConfig.parse({ max_model_len: 131_072, max_num_batched_tokens: 8192 });
  const engine = createEngine(config, 26_000, cost, requests, (slot) => requests.release(slot));
  const send = (prompt: number, output: number, at: number): number => {
    const slot = requests.take();
    requests.promptTokens[slot] = prompt;
    requests.outputTokens[slot] = output;
    requests.dispatchedAt[slot] = at;
    engine.add(slot, at);
    return slot;
  };
  for (let i = 0; i < 3; i++) send(200, 100_000, 0);
  const rate = (untilMs: number): number => {
    const from = engine.stepEndsAt;
    const before = engine.stats.generationTokens;
    while (engine.stepEndsAt < untilMs) engine.step();
    return (engine.stats.generationTokens - before) / (engine.stepEndsAt - from);
  };
  const alone = rate(10_000);
  const long = send(65_535, 4, engine.stepEndsAt);
  const from = engine.stepEndsAt;
  const before = engine.stats.generationTokens;
  while (requests.generated[long]! === 0) engine.step();
  return (engine.stats.generationTokens - before) / (engine.stepEndsAt - from) / alone - 1;
}
