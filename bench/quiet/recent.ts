// The last half hour of a group's frames, as diagnosis looks things up: canonical series by event time.
import type { Entity } from "../../src/model/entity.ts";
import type { LabelMatcher, SeriesSource } from "../../src/model/ports/series-source.ts";
import type { SeriesView } from "../../src/model/series.ts";
import { signals } from "../../src/model/signal.ts";
import { compileMatchers } from "../../src/promql/matcher.ts";

export interface Recent {
  /** Begins the minute at `atMs`. */
  begin(atMs: number): void;
  put(slot: number, values: Float64Array, flags: Uint8Array, offset: number): void;
  /** Series of these replicas; `slots[i]` is the place of `entities()[i]`. */
  sourceOf(entities: () => readonly Entity[], slots: readonly number[]): SeriesSource;
}

const keptMinutes = 32;
const width = signals.length;

export function createRecent(slotCount: number): Recent {
  const times = new Float64Array(keptMinutes).fill(Number.NEGATIVE_INFINITY);
  const values = Array.from({ length: keptMinutes }, () => new Float64Array(slotCount * width));
  const flags = Array.from({ length: keptMinutes }, () => new Uint8Array(slotCount * width));
  let now = keptMinutes - 1;

  return {
    begin(atMs) {
      now = (now + 1) % keptMinutes;
      times[now] = atMs;
      values[now]!.fill(Number.NaN);
    },
    put(slot, from, marks, offset) {
      const to = slot * width;
      for (let column = 0; column < width; column++) {
        values[now]![to + column] = from[offset + column]!;
        flags[now]![to + column] = marks[offset + column]!;
      }
    },
    sourceOf: (entities, slots) => ({
      select(matchers: readonly LabelMatcher[], range) {
        const accepts = compileMatchers(matchers);
        const out: SeriesView[] = [];
        for (const [i, entity] of entities().entries()) {
          for (const [column, { metric }] of signals.entries()) {
            const labels = {
              ...entity.labels,
              __name__: metric,
              entity: entity.id,
              ...(entity.parent === undefined ? {} : { parent: entity.parent }),
            };
            if (!accepts(labels)) continue;
            const view = viewOf(slots[i]! * width + column, labels, range.from, range.to);
            if (view.length > 0) out.push(view);
          }
        }
        return out;
      },
    }),
  };

  function viewOf(index: number, labels: SeriesView["labels"], from: number, to: number): SeriesView {
    const at: number[] = [];
    const points: number[] = [];
    const marks: number[] = [];
    for (let back = keptMinutes - 1; back >= 0; back--) {
      const minute = (now - back + keptMinutes) % keptMinutes;
      const value = values[minute]![index]!;
      if (times[minute]! < from || times[minute]! >= to || Number.isNaN(value)) continue;
      at.push(times[minute]!);
      points.push(value);
      marks.push(flags[minute]![index]!);
    }
    return {
      labels,
      length: at.length,
      times: Float64Array.from(at),
      values: Float64Array.from(points),
      quality: Uint8Array.from(marks),
    };
  }
}
