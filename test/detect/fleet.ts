// Frames of a made-up fleet for tests: load that drifts over the day, bursts, noise that remembers, and faults on demand.

import { normal, type Random, seededRandom } from "../../src/math/random.ts";
import type { Entity } from "../../src/model/entity.ts";
import type { Frame } from "../../src/model/frame.ts";
import { quality } from "../../src/model/series.ts";
import { type SignalId, signals } from "../../src/model/signal.ts";

export type Values = Record<SignalId, number>;
/** Changes a replica's values at a step; NaN = missing. */
export type Fault = (values: Values, step: number, replica: number) => void;

export const start = 1_800_000_000_000;

export interface FleetOptions {
  readonly seed: number;
  readonly replicas?: number;
  readonly stepMs?: number;
  readonly fault?: Fault;
}

interface Replica {
  load: number;
  burst: number;
  queue: number;
}

/** Calls give the next frame. */
export function createFleet({ seed, replicas = 4, stepMs = 5000, fault }: FleetOptions): () => Frame {
  const random = seededRandom(seed);
  const states: Replica[] = Array.from({ length: replicas }, () => ({ load: 0, burst: 0, queue: 0 }));
  const entities = states.map(
    (_, i): Entity => ({
      id: `replica:vllm-${i}`,
      kind: "replica",
      name: `vllm-${i}`,
      parent: "deployment:chat",
      labels: { engine: "vllm", model: "m" },
    }),
  );
  const slots = Int32Array.from(entities, (_, i) => i);
  let step = 0;
  return () => {
    const at = start + step * stepMs;
    const day = 1 + 0.4 * Math.sin((2 * Math.PI * at) / 86_400_000);
    const values = new Float64Array(replicas * signals.length);
    const flags = new Uint8Array(replicas * signals.length);
    for (const [i, state] of states.entries()) {
      const now = valuesOf(state, day, random);
      fault?.(now, step, i);
      for (const [column, signal] of signals.entries()) {
        const index = i * signals.length + column;
        values[index] = now[signal.id];
        if (Number.isNaN(now[signal.id])) flags[index] = quality.MISSING;
      }
    }
    step++;
    return { at, stepMs, entities, slots, signals: signals.map((signal) => signal.id), values, quality: flags };
  };
}

function valuesOf(state: Replica, day: number, random: Random): Values {
  state.load = 0.97 * state.load + 0.03 * normal(random);
  if (random() < 0.004) state.burst = 0.2 + 0.3 * random();
  state.burst *= 0.93;
  const load = day * Math.exp(state.load) * (1 + state.burst);
  const running = Math.max(0, Math.round(24 * load + Math.sqrt(24 * load) * 0.4 * normal(random)));
  state.queue = Math.max(0, Math.floor(0.5 * state.queue + Math.max(0, 6 * state.burst + normal(random) - 0.8)));
  const jitter = (share: number) => Math.exp(share * normal(random));
  return {
    ttft: 0.12 * (1 + 0.8 * load + 0.15 * state.queue) * jitter(0.15),
    itl: 0.018 * (1 + 0.5 * load) * jitter(0.06),
    running,
    waiting: state.queue,
    kv_usage: Math.min(1, Math.max(0, 0.28 * load * jitter(0.04))),
    generated_tokens: 1500 * load * jitter(0.08),
    prompt_tokens: 4000 * load * jitter(0.25),
    preemptions: 0,
    finished: 6 * load * jitter(0.15),
  };
}
