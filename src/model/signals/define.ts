// A catalogue entry from one row of a table.
import type { EntityKind } from "../entity.ts";
import type { Harm, Signal, SignalKind } from "../signal.ts";

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
