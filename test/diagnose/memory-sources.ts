// Sources of telemetry kept in memory: series from arrays, changes, logs.
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Entity } from "../../src/model/entity.ts";
import type { Labels } from "../../src/model/labels.ts";
import type { ChangeLog } from "../../src/model/ports/change-log.ts";
import type { LogRecord, LogSource } from "../../src/model/ports/log-source.ts";
import type { LabelMatcher, SeriesSource } from "../../src/model/ports/series-source.ts";
import type { SeriesView } from "../../src/model/series.ts";

export interface MemorySeries extends SeriesSource {
  /** Appends a point; points of a series come in the order of time. */
  add(labels: Labels, at: number, value: number): void;
}

interface Column {
  readonly labels: Labels;
  readonly times: number[];
  readonly values: number[];
  /** The same as typed arrays, made when somebody first asks after a point was added. */
  typed?: { readonly times: Float64Array; readonly values: Float64Array } | undefined;
}

export function memorySeries(): MemorySeries {
  const byName = new Map<string, Map<string, Column>>();
  const named = (matchers: readonly LabelMatcher[]): Column[] => {
    const exact = matchers.find(({ name, op }) => name === "__name__" && op === "=")?.value;
    const groups = exact === undefined ? [...byName.values()] : [byName.get(exact) ?? new Map<string, Column>()];
    return groups.flatMap((group) => [...group.values()]);
  };
  return {
    add(labels, at, value) {
      const name = labels["__name__"] ?? "";
      const group = byName.get(name) ?? new Map<string, Column>();
      byName.set(name, group);
      const key = JSON.stringify(labels);
      const series: Column = group.get(key) ?? { labels, times: [], values: [] };
      group.set(key, series);
      series.times.push(at);
      series.values.push(value);
      series.typed = undefined;
    },
    select(matchers, range) {
      const found: SeriesView[] = [];
      for (const series of named(matchers)) {
        if (!matchers.every((matcher) => matches(matcher, series.labels[matcher.name] ?? ""))) continue;
        series.typed ??= { times: Float64Array.from(series.times), values: Float64Array.from(series.values) };
        const { times, values } = series.typed;
        const from = firstFrom(times, range.from);
        const to = firstFrom(times, range.to);
        if (to <= from) continue;
        const view = { times: times.subarray(from, to), values: values.subarray(from, to) };
        found.push({ labels: series.labels, length: to - from, ...view });
      }
      return found;
    },
  };
}

/** Index of the first time at or after `at`. */
function firstFrom(times: Float64Array, at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function matches({ op, value }: LabelMatcher, actual: string): boolean {
  if (op === "=") return actual === value;
  if (op === "!=") return actual !== value;
  return new RegExp(`^(?:${value})$`).test(actual) === (op === "=~");
}

export function memoryChanges(events: readonly ChangeEvent[] = []): ChangeLog & { events: ChangeEvent[] } {
  const log = {
    events: [...events],
    add(event: ChangeEvent) {
      log.events.push(event);
      return Promise.resolve();
    },
    within: ({ from, to }: { from: number; to: number }) =>
      Promise.resolve(log.events.filter(({ at }) => at >= from && at < to)),
  };
  return log;
}

export function memoryLogs(records: readonly LogRecord[] = []): LogSource {
  return {
    search: ({ contains, range, limit }) =>
      Promise.resolve(
        records
          .filter(({ at }) => at >= range.from && at < range.to)
          .filter(({ body }) => [contains].flat().some((text) => body.includes(text)))
          .reverse()
          .slice(0, limit * [contains].flat().length),
      ),
  };
}

export const deployment = "deployment:chat";

export function replica(name: string): Entity {
  return { id: `replica:${name}`, kind: "replica", name, parent: deployment, labels: {} };
}
