// Canonical signals: the one language all engines are translated to before anything thinks about them.
import { applicationSignals } from "./signals/application.ts";
import type { Harm, Signal, SignalId, SignalKind } from "./signals/define.ts";
import { engineSignals } from "./signals/engine.ts";
import { engineDetailSignals } from "./signals/engine-detail.ts";
import { enginePartSignals } from "./signals/engine-parts.ts";
import { gpuSignals } from "./signals/gpu.ts";
import { hostSignals } from "./signals/host.ts";

export type { Signal, SignalId } from "./signals/define.ts";

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
  ...engineDetailSignals,
  ...enginePartSignals,
  ...gpuSignals,
  ...hostSignals,
  ...applicationSignals,
];

/** The six signals of the joint (learned) view of an engine, in the order of its input columns. */
export const coreSignals: readonly SignalId[] = ["ttft", "itl", "running", "waiting", "kv_usage", "generated_tokens"];

const byId = new Map<string, Signal<string>>(catalogue.map((signal) => [signal.id, signal]));

const byMetric = new Map<string, Signal<string>>(catalogue.map((signal) => [signal.metric, signal]));

/** The canonical signal that PromQL finds under this name; undefined if it is none's. */
export function signalOfMetric(metric: string): Signal<string> | undefined {
  return byMetric.get(metric);
}

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
