// Canonical signals: the one language all engines are translated to before anything thinks about them.
import type { EntityKind } from "./entity.ts";
import { applicationSignals } from "./signals/application.ts";
import { engineSignals } from "./signals/engine.ts";
import { gpuSignals } from "./signals/gpu.ts";
import { hostSignals } from "./signals/host.ts";

/** Whether a rise, a fall, or either is bad for the people served. */
export type Harm = "rise" | "fall" | "either";

/** How a canonical value is made from raw series. `mean`: of the observations of a window. */
export type SignalKind = "gauge" | "rate" | "quantile" | "mean" | "ratio";

export interface Signal<Id extends string = SignalId> {
  readonly id: Id;
  /** Metric name under which PromQL (rules, failure modes, checks) finds it, labelled by `entity`, `parent` and engine facts. */
  readonly metric: string;
  readonly title: string;
  /** UCUM, as OpenTelemetry writes units: `s`, `1` for ratios, `{request}`, `{token}/s`. */
  readonly unit: string;
  readonly kind: SignalKind;
  readonly harm: Harm;
  /** Possible values; the store quarantines what lies outside. */
  readonly range: { readonly min: number; readonly max: number };
  /** What it is measured of. */
  readonly entity: EntityKind;
}

/** The signals detectors judge. */
export type SignalId =
  | "ttft"
  | "itl"
  | "running"
  | "waiting"
  | "kv_usage"
  | "generated_tokens"
  | "prompt_tokens"
  | "preemptions"
  | "finished";

const unbounded = { min: 0, max: Number.POSITIVE_INFINITY };

/** The signals every engine is asked for and detectors judge, a column of a frame each. The first six are the learned model's. */
export const signals: readonly Signal[] = [
  judged("ttft", "llm:ttft_seconds:p95", "Time to first token, p95", "s", "quantile", "rise"),
  judged("itl", "llm:itl_seconds:p95", "Inter-token latency, p95", "s", "quantile", "rise"),
  judged("running", "llm:requests_running", "Requests running", "{request}", "gauge", "either"),
  judged("waiting", "llm:requests_waiting", "Requests waiting", "{request}", "gauge", "rise"),
  judged("kv_usage", "llm:kv_cache_usage_ratio", "KV-cache use", "1", "ratio", "rise"),
  judged("generated_tokens", "llm:generated_tokens:rate", "Generated tokens per second", "{token}/s", "rate", "fall"),
  judged("prompt_tokens", "llm:prompt_tokens:rate", "Prompt tokens per second", "{token}/s", "rate", "either"),
  judged("preemptions", "llm:preemptions:rate", "Preemptions per second", "{preemption}/s", "rate", "rise"),
  judged("finished", "llm:requests_finished:rate", "Requests finished per second", "{request}/s", "rate", "fall"),
];

/** Every canonical signal there is: the judged ones first, in their order, then those that explain and complete them. */
export const catalogue: readonly Signal<string>[] = [
  ...signals,
  ...engineSignals,
  ...gpuSignals,
  ...hostSignals,
  ...applicationSignals,
];

/** The six signals of the joint (learned) view of an engine, in the order of its input columns. */
export const coreSignals: readonly SignalId[] = ["ttft", "itl", "running", "waiting", "kv_usage", "generated_tokens"];

const byId = new Map<string, Signal<string>>(catalogue.map((signal) => [signal.id, signal]));

/** The definition of a canonical signal. Throws for a name that is none. */
export function signalOf<Id extends string>(id: Id): Signal<Id> {
  const signal = byId.get(id);
  if (signal === undefined) throw new Error(`unknown signal ${id}`);
  return signal as Signal<Id>;
}

function judged(id: SignalId, metric: string, title: string, unit: string, kind: SignalKind, harm: Harm): Signal {
  const range = kind === "ratio" ? { min: 0, max: 1 } : unbounded;
  return { id, metric, title, unit, kind, harm, range, entity: "replica" };
}
