// Series of replicas as means of short slots of time, and how full a replica's batch was over a stretch of time.
import { METRIC_NAME } from "../model/labels.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { UNUSABLE } from "../model/series.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";

/** By replica's name, then by the beginning of the slot. */
export type BySlot = ReadonlyMap<string, ReadonlyMap<Instant, number>>;

export const minuteMs = 60_000;
/** A scrape's usual distance; over long ranges a minute, so that there are not too many. */
const slotsMs = { short: 15_000, long: minuteMs, longFromMs: 6 * 3_600_000 };
/** A slot so near may stand in for one that has none. */
const nearMs = minuteMs;

/** Length of slots in a range. */
export function slotOf({ from, to }: TimeRange): DurationMs {
  return to - from > slotsMs.longFromMs ? slotsMs.long : slotsMs.short;
}

/** Means of the metric's points in every slot. Points that are of no use count as none. */
export async function slotsOfMetric(source: SeriesSource, metric: string, range: TimeRange): Promise<BySlot> {
  const slotMs = slotOf(range);
  const found = new Map<string, Map<number, { sum: number; count: number }>>();
  for (const view of await source.select([{ name: METRIC_NAME, op: "=", value: metric }], range)) {
    const replica = (view.labels["entity"] ?? "").replace(/^\w+:/, "");
    const slots = found.get(replica) ?? new Map<number, { sum: number; count: number }>();
    found.set(replica, slots);
    for (let i = 0; i < view.length; i++) {
      const value = view.values[i] as number;
      if (!Number.isFinite(value) || ((view.quality?.[i] ?? 0) & UNUSABLE) !== 0) continue;
      const slot = Math.floor((view.times[i] as number) / slotMs) * slotMs;
      const mean = slots.get(slot) ?? { sum: 0, count: 0 };
      slots.set(slot, mean);
      mean.sum += value;
      mean.count++;
    }
  }
  return new Map(
    [...found].map(([replica, slots]) => [
      replica,
      new Map([...slots].map(([slot, { sum, count }]) => [slot, sum / count])),
    ]),
  );
}

/** Mean of the slots that `from` to `to` touches, or of the nearest one; NaN where there is none near. */
export function meanOver(
  slots: ReadonlyMap<Instant, number> | undefined,
  slotMs: DurationMs,
  from: Instant,
  to: Instant,
): number {
  if (slots === undefined) return Number.NaN;
  let [sum, count] = [0, 0];
  const [first, last] = [Math.floor(from / slotMs) * slotMs, Math.floor(to / slotMs) * slotMs];
  for (let slot = first; slot <= last; slot += slotMs) {
    const value = slots.get(slot);
    if (value === undefined) continue;
    sum += value;
    count++;
  }
  if (count > 0) return sum / count;
  for (let away = slotMs; away <= nearMs; away += slotMs) {
    const near = slots.get(last + away) ?? slots.get(first - away);
    if (near !== undefined) return near;
  }
  return Number.NaN;
}
