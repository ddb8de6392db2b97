// The product's `locate` as a method of the task.
import type { Course, Rows } from "../../src/diagnose/locate/departure.ts";
import { type LocateOptions, type Location, locate } from "../../src/diagnose/locate/locate.ts";
import { columnKey } from "./scenario.ts";
import { alarmRow, type Method, type Question, type Window } from "./task.ts";

export function ours(options: LocateOptions = {}): Method {
  return (question) => locateIn(question, options).suspects.map(({ entity }) => entity);
}

export function locateIn({ scenario, target, normal, abnormal, alarm }: Question, options: LocateOptions): Location {
  const { before, during } = cutAt(abnormal, alarm);
  const courses = scenario.entities.map((entity): Course => {
    const rows = (window: Window): Rows => rowsOf(window, entity, target);
    return { normal: rows(normal), before: rows(before), during: rows(during) };
  });
  return locate(
    {
      measure: target.metric === "availability" ? "failures" : "latency",
      entities: scenario.entities,
      calls: scenario.calls,
      courses,
      target: scenario.entities.indexOf(target.node),
    },
    options,
  );
}

/** Rows that end before the alarm, and those of which most lies after it; without an alarm, as the published methods cut. */
function cutAt(window: Window, alarm: number): { readonly before: Window; readonly during: Window } {
  const { table, from, to } = window;
  if (Number.isNaN(alarm)) {
    const cut = Math.min(from + alarmRow, to);
    return { before: { table, from, to: cut - 1 }, during: { table, from: cut, to } };
  }
  const step = table.times[from + 1]! - table.times[from]!;
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  const ended = rows.filter((row) => table.times[row]! + step <= alarm).length;
  const mostly = rows.filter((row) => table.times[row]! + step / 2 < alarm).length;
  return { before: { table, from, to: from + ended }, during: { table, from: from + mostly, to } };
}

function rowsOf({ table, from, to }: Window, entity: string, { metric, statistic }: Question["target"]): Rows {
  const cut = (name: string, of: string): Float64Array =>
    (table.columns.get(columnKey(entity, name, of)) ?? new Float64Array(to).fill(Number.NaN)).slice(from, to);
  const values = cut(metric, statistic);
  return {
    requests: cut("requests", "Sum"),
    values: metric === "availability" ? values.map((percent) => 1 - percent / 100) : values,
  };
}
