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

export function memorySeries(): MemorySeries {
  const all = new Map<string, { labels: Labels; times: number[]; values: number[] }>();
  return {
    add(labels, at, value) {
      const key = JSON.stringify(labels);
      const series = all.get(key) ?? { labels, times: [], values: [] };
      series.times.push(at);
      series.values.push(value);
      all.set(key, series);
    },
    select(matchers, range) {
      const found: SeriesView[] = [];
      for (const { labels, times, values } of all.values()) {
        if (!matchers.every((matcher) => matches(matcher, labels[matcher.name] ?? ""))) continue;
        const from = times.findIndex((time) => time >= range.from);
        const end = times.findIndex((time) => time >= range.to);
        const to = end < 0 ? times.length : end;
        if (from < 0 || to <= from) continue;
        found.push({
          labels,
          length: to - from,
          times: Float64Array.from(times.slice(from, to)),
          values: Float64Array.from(values.slice(from, to)),
        });
      }
      return found;
    },
  };
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
