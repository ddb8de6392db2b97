// What quick fleets are made of: kinds of applications, and a deployment drawn from one by its number and a seed.
import { createCostModel } from "./cost-model.ts";
import { type GpuId, gpus, kvBlocks, type ModelId, models } from "./hardware.ts";
import { createRandom, type Random } from "./random.ts";
import { EngineConfig, type Lengths } from "./scenario.ts";
import { lengthAt } from "./workload.ts";

export type Application = "customer-service" | "translation" | "summarisation" | "code-generation";

export interface Profile {
  /** Also the deployment's name. */
  readonly name: string;
  readonly application: Application;
  readonly model: ModelId;
  readonly gpu: GpuId;
  readonly engine: EngineConfig;
  /** Replicas it starts with, and at most. */
  readonly replicas: number;
  readonly replicasMax: number;
  /** Added and taken away with the load. */
  readonly autoscaled: boolean;
  /** Requests per second of the whole deployment on the average of a week. */
  readonly ratePerSecond: number;
  /** What the gateway lets through to each replica at most, requests per second; more is answered 429. */
  readonly limitPerReplica: number;
  /** Coefficient of variation of the time between arrivals within a minute; 1 = Poisson. */
  readonly cv: number;
  /** Swing over a day: 0 = none, 1 = nights without any traffic. */
  readonly diurnal: number;
  /** Hour of the day (UTC) with the most traffic. */
  readonly peakHour: number;
  /** Traffic of a weekend day as a share of a working day's. */
  readonly weekend: number;
  /** Relative spread of traffic around its hour's mean: slow (hours), fast (minutes). */
  readonly slowSpread: number;
  readonly fastSpread: number;
  /** Bursts a day that double to quadruple traffic for some minutes. */
  readonly burstsPerDay: number;
  /** Hours at which a batch job adds to the traffic, and by which factor. */
  readonly batchHours: readonly number[];
  readonly batchFactor: number;
  /** Runs of very long prompts a day. */
  readonly longPromptRunsPerDay: number;
  readonly prompt: Lengths;
  readonly output: Lengths;
  /** Rollouts of a new version a week; each restarts every replica in turn. */
  readonly deploysPerWeek: number;
  /** Restarts of single replicas a month. */
  readonly restartsPerMonth: number;
  /** Process start until it serves, minutes. */
  readonly coldStartMinutes: number;
}

interface Kind {
  readonly prompt: Lengths;
  readonly output: Lengths;
  readonly diurnal: readonly [number, number];
  readonly weekend: readonly [number, number];
  readonly cv: readonly [number, number];
  readonly bursts: readonly [number, number];
  readonly batches: number;
}

/** Lengths and burstiness as published for production services of these kinds; the rest is assumed. */
const kinds: Readonly<Record<Application, Kind>> = {
  "customer-service": {
    prompt: { p10: 207, p50: 1020, p90: 2735, p99: 4142, max: 7000 },
    output: { p10: 54, p50: 129, p90: 424, p99: 601, max: 1000 },
    diurnal: [0.4, 0.95],
    weekend: [0.5, 0.95],
    cv: [1, 1.4],
    bursts: [0.2, 2],
    batches: 0,
  },
  translation: {
    prompt: { p10: 60, p50: 240, p90: 900, p99: 2400, max: 4000 },
    output: { p10: 50, p50: 220, p90: 850, p99: 2200, max: 4000 },
    diurnal: [0.1, 0.6],
    weekend: [0.6, 1],
    cv: [1, 1.8],
    bursts: [0.5, 3],
    batches: 1,
  },
  summarisation: {
    prompt: { p10: 900, p50: 3200, p90: 6200, p99: 7300, max: 7600 },
    output: { p10: 80, p50: 180, p90: 350, p99: 520, max: 600 },
    diurnal: [0.2, 1],
    weekend: [0.2, 0.9],
    cv: [1.1, 2.2],
    bursts: [0.2, 2],
    batches: 2,
  },
  "code-generation": {
    prompt: { p10: 300, p50: 1469, p90: 5194, p99: 7100, max: 7400 },
    output: { p10: 8, p50: 90, p90: 420, p99: 800, max: 1200 },
    diurnal: [0.7, 1],
    weekend: [0.1, 0.4],
    cv: [1.3, 3],
    bursts: [0.5, 4],
    batches: 0,
  },
};

const applications = Object.keys(kinds) as Application[];
const replicasFrom = 3;
const replicasTo = 15;
const hoursPerDay = 24;

/** The `number`th deployment of a seed: the same two give the same one. Needs no others to be drawn before. */
export function profileOf(seed: number, number: number): Profile {
  const random = createRandom(seed + 7919 * number, "profile");
  const application = applications[number % applications.length]!;
  const kind = kinds[application];
  const model = random.uniform() < 0.6 ? "qwen3-30b-a3b" : "llama-3-8b";
  const gpu = random.uniform() < 0.7 ? "h100" : "a100";
  const engine = EngineConfig.parse({ gpu_memory_utilization: 0.92, max_num_seqs: pick(random, [64, 128, 256, 256]) });
  const replicas = replicasFrom + Math.floor(random.uniform() * (replicasTo - replicasFrom + 1));
  const autoscaled = random.uniform() < 0.3;
  const scale = Math.exp(0.35 * random.normal());
  const prompt = scaled(kind.prompt, scale, engine.max_model_len - 600);
  const output = scaled(kind.output, Math.exp(0.25 * random.normal()), 4000);
  const diurnal = between(random, kind.diurnal);
  // A few run full at their peak: saturated, queueing, and healthy all the same.
  const full = random.uniform() < 0.06;
  const peakLoad = full ? 0.95 + 0.1 * random.uniform() : 0.12 + 0.6 * random.uniform();
  const perReplica = capacityPerSecond(model, gpu, engine, prompt, output);
  const batchHours = Array.from({ length: kind.batches }, () => Math.floor(hoursPerDay * random.uniform()));
  return {
    name: `${application}-${number}`,
    application,
    model,
    gpu,
    engine,
    replicas,
    replicasMax: autoscaled ? Math.ceil(1.5 * replicas) : replicas,
    autoscaled,
    ratePerSecond: (replicas * perReplica * peakLoad) / (1 + diurnal),
    limitPerReplica: perReplica * (full ? 0.95 : 0.85),
    cv: between(random, kind.cv),
    diurnal,
    peakHour: hoursPerDay * random.uniform(),
    weekend: between(random, kind.weekend),
    slowSpread: 0.04 + 0.08 * random.uniform(),
    fastSpread: 0.02 + 0.08 * random.uniform(),
    burstsPerDay: between(random, kind.bursts),
    batchHours,
    batchFactor: 0.2 + 0.6 * random.uniform(),
    longPromptRunsPerDay: 0.5 * random.uniform(),
    prompt,
    output,
    deploysPerWeek: 0.5 + 2 * random.uniform(),
    restartsPerMonth: 0.5 + random.uniform(),
    coldStartMinutes: 1 + Math.floor(3 * random.uniform()),
  };
}

/** Mean and relative spread of the lengths that `drawLength` gives. */
export function momentsOf(lengths: Lengths): { readonly mean: number; readonly cv: number } {
  let mass = 0;
  let sum = 0;
  let squares = 0;
  for (let z = -4; z <= 4; z += 0.02) {
    const density = Math.exp(-0.5 * z * z);
    const length = lengthAt(lengths, z);
    mass += density;
    sum += density * length;
    squares += density * length * length;
  }
  const mean = sum / mass;
  return { mean, cv: Math.sqrt(Math.max(0, squares / mass / mean ** 2 - 1)) };
}

/** Requests per second that fill one replica: its batch, its KV cache or its compute, whichever is full first. */
export function capacityPerSecond(
  model: ModelId,
  gpu: GpuId,
  engine: EngineConfig,
  prompt: Lengths,
  output: Lengths,
): number {
  const cost = createCostModel(models[model], gpus[gpu], { moeConfigTuned: false, stepTimeFactor: 1 });
  const p = momentsOf(prompt);
  const o = momentsOf(output);
  const context = p.mean + 0.5 * o.mean * (1 + o.cv ** 2);
  const pool = kvBlocks(models[model], gpus[gpu], engine.gpu_memory_utilization, engine.block_size) * engine.block_size;
  const batch = Math.min(engine.max_num_seqs, (0.85 * pool) / context);
  const idle = { prefillTokens: 0, prefillAttention: 0, decodeTokens: 0, decodeContext: 0, batch: 0 };
  const decoding = { ...idle, decodeTokens: batch, decodeContext: batch * context, batch };
  const step = cost.stepMs(decoding);
  const prefill =
    cost.stepMs({ ...decoding, prefillTokens: p.mean, prefillAttention: p.mean ** 2 / 2, batch: batch + 1 }) - step;
  return 1000 / ((step * o.mean) / batch + prefill);
}

function scaled(lengths: Lengths, factor: number, max: number): Lengths {
  const by = (tokens: number): number => Math.max(1, Math.min(max, Math.round(tokens * factor)));
  return { p10: by(lengths.p10), p50: by(lengths.p50), p90: by(lengths.p90), p99: by(lengths.p99), max };
}

function between(random: Random, [low, high]: readonly [number, number]): number {
  return low + (high - low) * random.uniform();
}

function pick<T>(random: Random, all: readonly T[]): T {
  return all[Math.floor(all.length * random.uniform())]!;
}
