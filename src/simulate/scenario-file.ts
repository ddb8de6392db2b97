// A scenario file read: every mistake with its line, or the scenario and its ground truth.
import type { Parsed } from "../model/yaml.ts";
import { type Mistake, parseYamlAs, type YamlDocument } from "../model/yaml.ts";
import { wouldNotStart } from "./actions.ts";
import { kindNamed } from "./faults/registry.ts";
import type { GroundTruth } from "./ground-truth.ts";
import { type Fault, type RequestClass, Scenario } from "./scenario.ts";
import { type FaultEntry, gpuNames, modelNames, ScenarioSchema } from "./scenario-schema.ts";
import { sources } from "./sources.ts";
import { parseTarget, targetForms } from "./targets.ts";

export interface ScenarioFile {
  /** What is simulated; `scenario.faults` holds faults and distractors. */
  readonly scenario: Scenario;
  readonly durationMs: number;
  /** Ids of the faults, in their order: distractors are not among them. */
  readonly faults: readonly string[];
  readonly truth: GroundTruth;
}

/** As the schema hands it over. */
interface Raw {
  readonly scenario: { readonly id: string; readonly seed: number; readonly duration: number };
  readonly engine: Readonly<Record<string, never>> & RawEngine;
  readonly workload: {
    readonly source: string;
    readonly scale: number;
    readonly classes: Partial<Record<RequestClass, number>>;
    readonly span_ratio: number;
  };
  readonly faults: readonly FaultEntry[];
  readonly distractors: readonly FaultEntry[];
  readonly telemetry: {
    readonly scrape: number;
    readonly drop: number;
    readonly skew: Readonly<Record<string, number>>;
    readonly dcgm_csv: "default" | "full";
  };
  readonly ground_truth: GroundTruth;
}

interface RawEngine {
  readonly model: string;
  readonly gpu: string;
  readonly tp: number;
  readonly replicas: number;
  readonly version: string;
  readonly max_num_seqs: number;
  readonly max_num_batched_tokens: number;
  readonly max_model_len?: number;
  readonly gpu_memory_utilization: number;
  readonly long_prefill_token_threshold: number;
  readonly enable_prefix_caching: boolean;
  readonly num_speculative_tokens: number;
  readonly max_loras: number;
  readonly lora_adapters: number;
  readonly gpus_per_node: number;
  readonly router: Scenario["router"];
  readonly request_timeout: number;
  readonly cold_start: number;
}

type Path = readonly (string | number)[];
type Tell = (path: Path, says: string) => void;

/** `file` is only named in mistakes. */
export function parseScenario(file: string, text: string): Parsed<ScenarioFile> {
  const parsed = parseYamlAs(file, text, ScenarioSchema as never) as Parsed<unknown> as Parsed<Raw>;
  if (!parsed.ok) return parsed;
  const { value: raw, document } = parsed;
  const mistakes: Mistake[] = [];
  const tell = teller(file, document, mistakes);
  const scenario = scenarioOf(raw, tell);
  if (scenario !== undefined) check(raw, scenario, tell);
  if (scenario === undefined || mistakes.length > 0) return { ok: false, mistakes };
  return {
    ok: true,
    document,
    value: {
      scenario,
      durationMs: raw.scenario.duration,
      faults: raw.faults.map((fault, i) => fault.id ?? `f${i + 1}`),
      truth: raw.ground_truth,
    },
  };
}

function teller(file: string, document: YamlDocument, mistakes: Mistake[]): Tell {
  return (path, says) => void mistakes.push({ file, ...document.place(path), says: `${path.join(".")}: ${says}` });
}

function scenarioOf(raw: Raw, tell: Tell): Scenario | undefined {
  const { engine, workload, telemetry } = raw;
  const source = sources[workload.source]!;
  const nodeOf = (name: string): string => name.replace("node:", "");
  const input = {
    id: raw.scenario.id,
    seed: raw.scenario.seed,
    replicas: engine.replicas,
    model: modelNames[engine.model],
    gpu: gpuNames[engine.gpu],
    tp: engine.tp,
    gpusPerNode: engine.gpus_per_node,
    version: engine.version,
    engine: {
      gpu_memory_utilization: engine.gpu_memory_utilization,
      max_model_len: engine.max_model_len ?? source.maxModelLen,
      max_num_seqs: engine.max_num_seqs,
      max_num_batched_tokens: engine.max_num_batched_tokens,
      long_prefill_token_threshold: engine.long_prefill_token_threshold,
      enable_prefix_caching: engine.enable_prefix_caching,
      num_speculative_tokens: engine.num_speculative_tokens,
      max_loras: engine.max_loras,
    },
    loraAdapters: engine.lora_adapters,
    workload: { ...source.workload, ratePerReplica: source.workload.ratePerReplica * workload.scale },
    classes: workload.classes,
    router: engine.router,
    requestTimeoutMs: engine.request_timeout,
    coldStartMs: engine.cold_start,
    spanRatio: workload.span_ratio,
    telemetry: {
      scrapeMs: telemetry.scrape,
      drop: telemetry.drop,
      skewMs: Object.fromEntries(Object.entries(telemetry.skew).map(([name, ms]) => [nodeOf(name), ms])),
      dcgm: telemetry.dcgm_csv,
    },
    faults: [...raw.faults, ...raw.distractors].map(faultOf),
  };
  const scenario = Scenario.safeParse(input);
  if (scenario.success) return scenario.data;
  for (const issue of scenario.error.issues) tell(issue.path.slice(0, 1).map(String), issue.message);
  return undefined;
}

function faultOf(entry: FaultEntry): Fault {
  const first = kindNamed(entry.kind)!.targets[0]!;
  return {
    kind: entry.kind,
    target: entry.target ?? (targetForms[first].includes(":") ? `${first}:0` : first),
    atMs: entry.at,
    rampMs: entry.ramp,
    ...(entry.hold === undefined ? {} : { holdMs: entry.hold }),
    params: { ...entry.params },
  };
}

/** What no part of the file can know by itself. */
function check(raw: Raw, scenario: Scenario, tell: Tell): void {
  const seen = new Set<string>();
  for (const part of ["faults", "distractors"] as const) {
    for (const [i, entry] of raw[part].entries()) {
      checkEntry(entry, [part, i], raw.scenario.duration, scenario, tell);
      if (entry.id !== undefined && seen.has(entry.id)) tell([part, i, "id"], `"${entry.id}" is taken already`);
      seen.add(entry.id ?? "");
    }
  }
  for (const name of Object.keys(raw.telemetry.skew)) {
    const target = parseTarget(name, scenario, ["node"]);
    if (typeof target === "string") tell(["telemetry", "skew", name], target);
  }
  const { mode, onset, root, acceptable_actions } = raw.ground_truth;
  if (mode !== "NONE" && onset === null) tell(["ground_truth"], "onset is missing: when does it begin?");
  if (onset !== null && onset > raw.scenario.duration) tell(["ground_truth", "onset"], "is after the scenario's end");
  if (root.component !== null) {
    const target = parseTarget(root.component, scenario);
    if (typeof target === "string") tell(["ground_truth", "root", "component"], target);
  }
  for (const [i, { target }] of acceptable_actions.entries()) {
    const found = target === undefined ? undefined : parseTarget(target, scenario);
    if (typeof found === "string") tell(["ground_truth", "acceptable_actions", i, "target"], found);
  }
}

function checkEntry(entry: FaultEntry, path: Path, durationMs: number, scenario: Scenario, tell: Tell): void {
  const kind = kindNamed(entry.kind)!;
  if (entry.at >= durationMs) tell([...path, "at"], "is after the scenario's end");
  if (entry.hold !== undefined && entry.ramp > entry.hold) tell([...path, "ramp"], "is longer than hold");
  if (entry.target === undefined && targetForms[kind.targets[0]!].includes(":")) {
    tell(
      [...path],
      `target is missing: ${kind.kind} strikes ${kind.targets.map((one) => targetForms[one]).join(", ")}`,
    );
    return;
  }
  const target = parseTarget(faultOf(entry).target, scenario, kind.targets);
  if (typeof target === "string") tell([...path, "target"], target);
  const share = entry.params["gpu_memory_utilization"];
  if (typeof share !== "number") return;
  const reason = wouldNotStart(scenario, { ...scenario.engine, gpu_memory_utilization: share });
  if (reason !== undefined) tell([...path, "params", "gpu_memory_utilization"], reason);
}
