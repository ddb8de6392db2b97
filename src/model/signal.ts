// Canonical signals: the one language all engines are translated to before anything thinks about them.

/** Whether a rise, a fall, or either is bad for the people served. */
export type Harm = "rise" | "fall" | "either";

/** How a canonical value is made from raw series. */
export type SignalKind = "gauge" | "rate" | "quantile" | "ratio";

export interface Signal {
  readonly id: SignalId;
  /** Metric name under which PromQL (rules, failure modes, checks) finds it, labelled by `entity`, `parent` and engine facts. */
  readonly metric: string;
  readonly title: string;
  /** UCUM, as OpenTelemetry writes units: `s`, `1` for ratios, `{request}`, `{token}/s`. */
  readonly unit: string;
  readonly kind: SignalKind;
  readonly harm: Harm;
  /** Possible values; the store quarantines what lies outside. */
  readonly range: { readonly min: number; readonly max: number };
}

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

/** The signals every engine is asked for. The first six are the ones detectors and the learned model look at. */
export const signals: readonly Signal[] = [
  {
    id: "ttft",
    metric: "llm:ttft_seconds:p95",
    title: "Time to first token, p95",
    unit: "s",
    kind: "quantile",
    harm: "rise",
    range: unbounded,
  },
  {
    id: "itl",
    metric: "llm:itl_seconds:p95",
    title: "Inter-token latency, p95",
    unit: "s",
    kind: "quantile",
    harm: "rise",
    range: unbounded,
  },
  {
    id: "running",
    metric: "llm:requests_running",
    title: "Requests running",
    unit: "{request}",
    kind: "gauge",
    harm: "either",
    range: unbounded,
  },
  {
    id: "waiting",
    metric: "llm:requests_waiting",
    title: "Requests waiting",
    unit: "{request}",
    kind: "gauge",
    harm: "rise",
    range: unbounded,
  },
  {
    id: "kv_usage",
    metric: "llm:kv_cache_usage_ratio",
    title: "KV-cache use",
    unit: "1",
    kind: "ratio",
    harm: "rise",
    range: { min: 0, max: 1 },
  },
  {
    id: "generated_tokens",
    metric: "llm:generated_tokens:rate",
    title: "Generated tokens per second",
    unit: "{token}/s",
    kind: "rate",
    harm: "fall",
    range: unbounded,
  },
  {
    id: "prompt_tokens",
    metric: "llm:prompt_tokens:rate",
    title: "Prompt tokens per second",
    unit: "{token}/s",
    kind: "rate",
    harm: "either",
    range: unbounded,
  },
  {
    id: "preemptions",
    metric: "llm:preemptions:rate",
    title: "Preemptions per second",
    unit: "{preemption}/s",
    kind: "rate",
    harm: "rise",
    range: unbounded,
  },
  {
    id: "finished",
    metric: "llm:requests_finished:rate",
    title: "Requests finished per second",
    unit: "{request}/s",
    kind: "rate",
    harm: "fall",
    range: unbounded,
  },
];

/** The six signals of the joint (learned) view of an engine, in the order of its input columns. */
export const coreSignals: readonly SignalId[] = ["ttft", "itl", "running", "waiting", "kv_usage", "generated_tokens"];

const byId = new Map(signals.map((signal) => [signal.id, signal]));

/** The definition of a canonical signal. */
export function signalOf(id: SignalId): Signal {
  const signal = byId.get(id);
  if (signal === undefined) throw new Error(`unknown signal ${id}`);
  return signal;
}
