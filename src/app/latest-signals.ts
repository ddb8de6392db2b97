// The newest value of every canonical signal, for the API.
import type { EntityId } from "../model/entity.ts";
import { METRIC_NAME } from "../model/labels.ts";
import type { SeriesSource } from "../model/ports/series-source.ts";
import { catalogue } from "../model/signal.ts";
import type { Instant } from "../model/time.ts";

export interface LatestSignal {
  readonly entity: EntityId;
  readonly signal: string;
  readonly at: Instant;
  readonly value: number;
  readonly quality: number;
}

const lookBackMs = 10 * 60_000;

/** One a signal and entity, as far as there was a point within ten minutes before `now`. `source` must answer at once. */
export function latestSignals(source: SeriesSource, now: Instant): readonly LatestSignal[] {
  return catalogue.flatMap(({ id, metric }) => {
    const views = source.select([{ name: METRIC_NAME, op: "=", value: metric }], {
      from: now - lookBackMs,
      to: now + lookBackMs,
    });
    if (views instanceof Promise) return [];
    return views.flatMap((view) => {
      const last = view.length - 1;
      if (last < 0) return [];
      const entity = view.labels["entity"] ?? "";
      return [
        { entity, signal: id, at: view.times[last]!, value: view.values[last]!, quality: view.quality?.[last] ?? 0 },
      ];
    });
  });
}
