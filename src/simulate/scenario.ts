// What a simulated run is: engines, load and faults, as plain data.
import { z } from "zod";
import { type GpuId, gpus, kvBlocks, type ModelId, models } from "./hardware.ts";

const ModelIds = Object.keys(models) as [ModelId, ...ModelId[]];
const GpuIds = Object.keys(gpus) as [GpuId, ...GpuId[]];

/** Flags of `vllm serve`, by their own names. */
export const EngineConfig = z.strictObject({
  gpu_memory_utilization: z.number().gt(0).max(1).default(0.92),
  max_model_len: z.int().min(256).max(131_072).default(8192),
  max_num_seqs: z.int().min(1).max(4096).default(256),
  max_num_batched_tokens: z.int().min(64).max(131_072).default(8192),
  /** Chunk of a prompt one step may take at most; 0 = only the budget limits it. */
  long_prefill_token_threshold: z.int().min(0).default(0),
  block_size: z.literal(16).default(16),
  enable_prefix_caching: z.boolean().default(false),
  /** Tokens a draft proposes at each step; 0 = no speculative decoding. */
  num_speculative_tokens: z.int().min(0).max(8).default(0),
  /** Adapters one batch may hold; 0 = no LoRA. */
  max_loras: z.int().min(0).max(64).default(0),
});
export type EngineConfig = z.infer<typeof EngineConfig>;

/** Token lengths by their quantiles: lognormal between p10, p50, p90 and p99, cut at `max`. */
const Lengths = z.strictObject({
  p10: z.int().positive(),
  p50: z.int().positive(),
  p90: z.int().positive(),
  p99: z.int().positive(),
  max: z.int().positive(),
});
export type Lengths = z.infer<typeof Lengths>;

/** Kinds of requests, by what asks them. */
export const requestClasses = ["chat", "rag", "agent", "code", "batch"] as const;
export type RequestClass = (typeof requestClasses)[number];

export const Workload = z.strictObject({
  /** Requests per second for each replica, on the average of a day. */
  ratePerReplica: z.number().positive().max(100),
  /** Coefficient of variation of the time between arrivals; 1 = Poisson. */
  cv: z.number().positive().max(20),
  /** Swing around the average over a day: 0.08 = 8 % up and down. */
  diurnal: z.number().min(0).max(0.9),
  prompt: Lengths,
  output: Lengths,
  /** Share of a prompt that it has in common with others of its group: system prompts, documents, earlier turns. */
  prefixShare: z.number().min(0).max(0.95).default(0),
  prefixGroups: z.int().min(1).max(4096).default(64),
});
export type Workload = z.infer<typeof Workload>;

export const Fault = z.strictObject({
  /** One of `faults/registry.ts`, or `none`. */
  kind: z.string().min(1),
  /** As `targets.ts` writes them. */
  target: z.string().min(1),
  /** Virtual milliseconds from the start of the run. */
  atMs: z.number().min(0),
  /** Time from its beginning until it is there in full. */
  rampMs: z.number().min(0).default(0),
  /** Undone by itself after so long; absent = stays until repaired. */
  holdMs: z.number().positive().optional(),
  params: z.record(z.string(), z.unknown()).default({}),
});
export type Fault = z.infer<typeof Fault>;

const Telemetry = z.strictObject({
  scrapeMs: z.number().min(1000).default(15_000),
  /** Share of scrapes that get lost. */
  drop: z.number().min(0).max(0.9).default(0),
  /** How far the clock of a node is ahead, milliseconds, by the node's number. */
  skewMs: z.record(z.string(), z.number()).default({}),
  /** Which counters the GPU exporter's CSV lists; `none` = nothing but the engines is scraped. */
  dcgm: z.enum(["none", "default", "full"]).default("none"),
});

export const Scenario = z
  .strictObject({
    id: z.string().min(1),
    seed: z.int().min(0),
    deployment: z
      .string()
      .regex(/^[a-z0-9-]+$/)
      .default("vllm-chat"),
    replicas: z.int().min(1).max(16).default(4),
    model: z.enum(ModelIds).default("qwen3-30b-a3b"),
    gpu: z.enum(GpuIds).default("h100"),
    /** GPUs a replica is spread over. */
    tp: z.int().min(1).max(8).default(1),
    gpusPerNode: z.int().min(1).max(16).default(2),
    version: z.string().min(1).default("0.10.2"),
    engine: EngineConfig.prefault({}),
    /** Whether vLLM finds a tuned fused-MoE kernel configuration for this model and GPU. */
    moeConfigTuned: z.boolean().default(false),
    workload: Workload,
    /** LoRA adapters that requests ask for; 0 = only the base model. */
    loraAdapters: z.int().min(0).max(256).default(0),
    /** Weight of each kind of request. */
    classes: z.partialRecord(z.enum(requestClasses), z.number().min(0)).default({ chat: 1 }),
    router: z.enum(["least_request", "round_robin"]).default("least_request"),
    /** The gateway gives a request up after so long. */
    requestTimeoutMs: z.number().positive().default(300_000),
    /** Process start until it serves again. Real ones take minutes; a demo should not. */
    coldStartMs: z.number().positive().default(8000),
    /** Share of finished requests that get a span. */
    spanRatio: z.number().min(0).max(1).default(0.2),
    telemetry: Telemetry.prefault({}),
    faults: z.array(Fault).max(64).default([]),
  })
  .superRefine((scenario, context) => {
    const tokens = poolTokens(scenario.model, scenario.gpu, scenario.engine, scenario.tp);
    if (tokens < scenario.engine.max_model_len) {
      context.addIssue({
        code: "custom",
        path: ["engine"],
        message: `the KV cache holds ${tokens} tokens, less than max_model_len ${scenario.engine.max_model_len}: raise gpu_memory_utilization or lower max_model_len`,
      });
    }
  });
export type Scenario = z.infer<typeof Scenario>;

/** Tokens the KV cache of such an engine holds. vLLM does not start when that is less than `max_model_len`. */
export function poolTokens(model: ModelId, gpu: GpuId, engine: EngineConfig, tp: number): number {
  const blocks = kvBlocks(models[model], gpus[gpu], engine.gpu_memory_utilization, engine.block_size, tp);
  return blocks * engine.block_size;
}

/** Conversation traffic: length quantiles and burstiness as published for a large provider's production service. */
export const conversation: Workload = {
  ratePerReplica: 5,
  cv: 1.09,
  diurnal: 0.08,
  prompt: { p10: 207, p50: 1020, p90: 2735, p99: 4142, max: 7000 },
  output: { p10: 54, p50: 129, p90: 424, p99: 601, max: 1000 },
  prefixShare: 0,
  prefixGroups: 64,
};

export type ScenarioOverrides = Partial<z.input<typeof Scenario>>;

/** A fleet with nothing wrong. Throws a ZodError on overrides that make no sense. */
export function healthyScenario(seed: number, overrides: ScenarioOverrides = {}): Scenario {
  return Scenario.parse({ id: "healthy", seed, workload: conversation, ...overrides });
}

export interface FaultOptions {
  /** Virtual milliseconds from the start of the run. Default 10 minutes. */
  readonly atMs?: number;
  readonly holdMs?: number;
  /** Default: one replica, picked by the seed. */
  readonly target?: string;
  readonly params?: Fault["params"];
}

/** The fault that shows each failure mode the fleet can play, by the mode's slug. */
export const faultOfFailureMode: Readonly<Record<string, { kind: string; params: Fault["params"] }>> = {
  "kv-cache-saturation": { kind: "kv_pool_shrink", params: { gpu_memory_utilization: 0.84 } },
  "stuck-engine": { kind: "engine_hang", params: {} },
  "upgrade-regression": { kind: "canary_regress", params: { version: "0.11.0", factor: 2.2 } },
  none: { kind: "none", params: {} },
};

/** A fleet in which the given failure mode sets in. Undefined for a mode the fleet cannot play. */
export function scenarioFor(
  failureMode: string,
  seed: number,
  fault: FaultOptions = {},
  overrides: ScenarioOverrides = {},
): Scenario | undefined {
  const template = Object.hasOwn(faultOfFailureMode, failureMode) ? faultOfFailureMode[failureMode] : undefined;
  if (template === undefined) return undefined;
  const healthy = healthyScenario(seed, overrides);
  if (template.kind === "none") return healthy;
  return Scenario.parse({
    ...healthy,
    id: failureMode,
    faults: [
      {
        kind: template.kind,
        target: fault.target ?? `replica:vllm-${seed % healthy.replicas}`,
        atMs: fault.atMs ?? 600_000,
        ...(fault.holdMs === undefined ? {} : { holdMs: fault.holdMs }),
        params: { ...template.params, ...fault.params },
      },
    ],
  });
}
