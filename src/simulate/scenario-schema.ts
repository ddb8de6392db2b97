// The scenario file: engines, load, faults, distractors, telemetry and ground truth, as people write them in YAML.
import { z } from "zod";
import { Duration, Offset } from "./durations.ts";
import { faultKinds } from "./faults/registry.ts";
import { GroundTruth } from "./ground-truth.ts";
import type { GpuId, ModelId } from "./hardware.ts";
import { knownObject } from "./known-object.ts";
import { requestClasses } from "./scenario.ts";
import { sources } from "./sources.ts";

/** Names of models and GPUs in scenario files. */
export const modelNames: Readonly<Record<string, ModelId>> = {
  "llama3.1-8b": "llama-3-8b",
  "llama3.1-70b": "llama-3-70b",
  "llama3.2-1b": "llama-3-1b",
  "qwen3-30b-a3b": "qwen3-30b-a3b",
};
export const gpuNames: Readonly<Record<string, GpuId>> = { H100: "h100", A100: "a100", L40S: "l40s", A10: "a10" };

const oneOf = (names: readonly string[]) => z.enum(names as [string, ...string[]], { error: listed(names) });
const share = z.number().min(0).max(1);

const Engine = knownObject(
  {
    model: oneOf(Object.keys(modelNames)).default("llama3.1-8b"),
    gpu: oneOf(Object.keys(gpuNames)).default("H100"),
    tp: z.int().min(1).max(8).default(1),
    replicas: z.int().min(1).max(16).default(4),
    max_num_seqs: z.int().min(1).max(4096).default(256),
    max_num_batched_tokens: z.int().min(64).max(131_072).default(8192),
    version: z.string().min(1).default("A"),
    // Further flags and surroundings of the engine.
    max_model_len: z.int().min(256).max(131_072).optional(),
    gpu_memory_utilization: z.number().gt(0).max(1).default(0.9),
    long_prefill_token_threshold: z.int().min(0).default(0),
    enable_prefix_caching: z.boolean().default(true),
    num_speculative_tokens: z.int().min(0).max(8).default(0),
    max_loras: z.int().min(0).max(64).default(0),
    lora_adapters: z.int().min(0).max(256).default(0),
    gpus_per_node: z.int().min(1).max(16).default(2),
    router: oneOf(["least_request", "round_robin"]).default("least_request"),
    request_timeout: Duration.default(300_000),
    cold_start: Duration.default(120_000),
  },
  "a key of engine",
);

const WorkloadPart = knownObject(
  {
    source: oneOf(Object.keys(sources)).default("azure-conv"),
    /** Times the source's own rate for each replica. */
    scale: z.number().positive().max(20).default(1),
    classes: knownObject(
      Object.fromEntries(requestClasses.map((name) => [name, z.number().min(0).max(1).optional()])),
      "a class of requests",
    ).default({ chat: 1 } as never),
    span_ratio: share.default(0.05),
  },
  "a key of workload",
);

const Span = {
  id: z
    .string()
    .regex(/^[\w-]{1,64}$/)
    .optional(),
  target: z.string().min(1).optional(),
  at: Duration,
  ramp: Duration.default(0),
  hold: Duration.optional(),
};
const kindList = listed(faultKinds.map((each) => each.kind));

const FaultPart = z.discriminatedUnion(
  "kind",
  faultKinds.map((each) =>
    knownObject(
      { ...Span, kind: z.literal(each.kind), params: each.params.prefault({}).describe(each.says) },
      "a key of a fault",
    ),
  ) as unknown as [z.ZodObject<{ kind: z.ZodLiteral<string> }>],
  { error: (issue) => (issue.code === "invalid_union" ? `there is no such kind; it ${kindList}` : undefined) },
);

const Entries = z.array(FaultPart).max(64).default([]);

const TelemetryPart = knownObject(
  {
    scrape: Duration.pipe(z.number().min(1000, { error: "must be at least 1s" })).default(15_000),
    drop: z.number().min(0).max(0.9).default(0),
    skew: z.record(z.string().regex(/^node:\d+$/, { error: "must be a node such as node:3" }), Offset).default({}),
    dcgm_csv: oneOf(["default", "full"]).default("default"),
  },
  "a key of telemetry",
);

/** As written; {@link ScenarioFile} is what it says. */
export const ScenarioSchema = knownObject(
  {
    scenario: knownObject(
      {
        id: z
          .string({ error: "must be a name such as fm01-kv-storm-017" })
          .regex(/^[\w.-]{1,100}$/, { error: "must be letters, digits, dots and dashes" }),
        seed: z.int({ error: "must be a whole number" }).min(0).max(4_294_967_295),
        duration: Duration.pipe(z.number().positive()).default(3_600_000),
      },
      "a key of scenario",
    ),
    engine: Engine.prefault({}),
    workload: WorkloadPart.prefault({}),
    faults: Entries,
    distractors: Entries,
    telemetry: TelemetryPart.prefault({}),
    ground_truth: GroundTruth,
  },
  "a part of a scenario file",
);

/** One entry of `faults` or `distractors`, checked. Times in milliseconds. */
export interface FaultEntry {
  readonly kind: string;
  readonly id?: string;
  readonly target?: string;
  readonly at: number;
  readonly ramp: number;
  readonly hold?: number;
  readonly params: Readonly<Record<string, unknown>>;
}

/** The JSON Schema for editors. */
export function scenarioJsonSchema(): unknown {
  return z.toJSONSchema(ScenarioSchema, { io: "input", unrepresentable: "any" });
}

function listed(names: readonly string[]): string {
  return `must be one of ${names.join(", ")}`;
}
