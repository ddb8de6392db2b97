// What people feel of replicas, in three stretches of time: before the trouble, during it, and since the repair's checks hold.
import { quantileOf } from "../../math/quantile.ts";
import type { EntityId } from "../../model/entity.ts";
import type { SeriesSource } from "../../model/ports/series-source.ts";
import { type SeriesView, UNUSABLE } from "../../model/series.ts";
import type { TimeRange } from "../../model/time.ts";

export const stretches = ["before", "during", "after"] as const;
export type Stretch = (typeof stretches)[number];

/** Of one replica and signal: usable values of each stretch, in no order. */
export type Values = Readonly<Record<Stretch, Float64Array>>;

export interface Felt {
  readonly metric: string;
  readonly says: string;
  /** A change of the median that nobody would call one, in the signal's unit. */
  readonly least: number;
}

/** All of them harm by rising. Tokens a second follow the load, and so tell nothing here. */
export const felt: readonly Felt[] = [
  { metric: "llm:ttft_seconds:p95", says: "time to first token", least: 0.1 },
  { metric: "llm:itl_seconds:p95", says: "time between tokens", least: 0.005 },
  { metric: "llm:requests_waiting", says: "requests waiting", least: 3 },
];

export interface Replica {
  readonly entity: EntityId;
  readonly parent: EntityId | undefined;
  /** By metric of {@link felt}; absent where nothing was measured. */
  readonly values: ReadonlyMap<string, Values>;
}

/** Every replica that any of the signals tells of. Rejects when the source does. */
export async function readReplicas(
  source: SeriesSource,
  ranges: Readonly<Record<Stretch, TimeRange>>,
): Promise<ReadonlyMap<EntityId, Replica>> {
  const replicas = new Map<EntityId, { entity: EntityId; parent: EntityId | undefined; values: Map<string, Values> }>();
  const range = { from: ranges.before.from, to: ranges.after.to };
  const names = felt.map(({ metric }) => metric).join("|");
  for (const view of await source.select([{ name: "__name__", op: "=~", value: names }], range)) {
    const { entity = "", parent, __name__: metric = "" } = view.labels;
    if (!entity.startsWith("replica:")) continue;
    const one = replicas.get(entity) ?? { entity, parent, values: new Map() };
    replicas.set(entity, one);
    // Of several series of one replica (ranks, models) the first tells enough: they share its queue.
    if (!one.values.has(metric)) {
      const [before, during, after] = stretches.map((stretch) => valuesIn(view, ranges[stretch]));
      one.values.set(metric, { before: before!, during: during!, after: after! });
    }
  }
  return replicas;
}

export function median(values: Float64Array): number {
  return quantileOf(values, values.length, 0.5);
}

function valuesIn({ times, values, quality, length }: SeriesView, { from, to }: TimeRange): Float64Array {
  const kept = new Float64Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    const at = times[i]!;
    if (at < from || at >= to || ((quality?.[i] ?? 0) & UNUSABLE) !== 0 || Number.isNaN(values[i]!)) continue;
    kept[count++] = values[i]!;
  }
  return kept.slice(0, count);
}
