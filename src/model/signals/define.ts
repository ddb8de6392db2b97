// What a canonical signal is, and a catalogue entry from one row of a table.
import type { EntityKind } from "../entity.ts";

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

/** Id, metric, title, unit, kind, direction of harm, and the greatest possible value where there is one. */
export type SignalRow = readonly [
  id: string,
  metric: string,
  title: string,
  unit: string,
  kind: SignalKind,
  harm: Harm,
  max?: number,
];

/** Ratios lie in 0..1, all else from 0 upwards; what may be negative is defined without this. */
export function defineSignals(entity: EntityKind, rows: readonly SignalRow[]): readonly Signal<string>[] {
  return rows.map(([id, metric, title, unit, kind, harm, max]) => ({
    id,
    metric,
    title,
    unit,
    kind,
    harm,
    range: { min: 0, max: max ?? (kind === "ratio" ? 1 : Number.POSITIVE_INFINITY) },
    entity,
  }));
}
