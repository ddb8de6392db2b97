// What a method is asked, as the task was published, and how its answers are scored.
import type { Issue, Scenario, Table, Target } from "./scenario.ts";

/** Rows `from..to-1` of a table. */
export interface Window {
  readonly table: Table;
  readonly from: number;
  readonly to: number;
}

export interface Question {
  readonly scenario: Scenario;
  readonly target: Target;
  readonly normal: Window;
  readonly abnormal: Window;
  /** When the alarm went off (s); NaN where nothing is told. */
  readonly alarm: number;
}

/** Names entities, likeliest first; none when it holds all to be normal. */
export type Method = (question: Question) => readonly string[];

export interface Answer {
  readonly scenario: string;
  readonly issue: Issue;
  readonly named: readonly string[];
}

/** The row the published methods take for the first of the incident. */
export const alarmRow = 2;

export function answers(method: Method, scenario: Scenario): readonly Answer[] {
  return scenario.issues.map((issue) => {
    const abnormal = { table: issue.table, from: 0, to: issue.table.times.length };
    const normal = whole(scenario.normal);
    const named = method({ scenario, target: issue.target, normal, abnormal, alarm: issue.alarm });
    return { scenario: scenario.name, issue, named };
  });
}

export function recall(list: readonly Answer[], k: number): number {
  return list.filter(({ issue, named }) => named.slice(0, k).includes(issue.root)).length / list.length;
}

/** Per target metric, whether nothing was said on each split of normal operation into a before and an after. */
export function silences(method: Method, scenario: Scenario): ReadonlyMap<string, readonly boolean[]> {
  const length = scenario.normal.times.length;
  const splits: number[] = [];
  for (let split = Math.floor(length / 2); split < length - 3; split += Math.floor(length * 0.1)) splits.push(split);
  return silencesAt(
    method,
    scenario,
    splits.map((split) => [split, length]),
  );
}

/** The same for windows as short as the incidents, at every row of the second half. */
export function shortSilences(method: Method, scenario: Scenario, rows = 5): ReadonlyMap<string, readonly boolean[]> {
  const length = scenario.normal.times.length;
  const windows: [number, number][] = [];
  for (let from = Math.floor(length / 2); from + rows <= length; from++) windows.push([from, from + rows]);
  return silencesAt(method, scenario, windows);
}

function silencesAt(
  method: Method,
  scenario: Scenario,
  windows: readonly (readonly [number, number])[],
): ReadonlyMap<string, readonly boolean[]> {
  const targets = new Map(scenario.issues.map(({ target }) => [JSON.stringify(target), target]));
  const silent = new Map<string, boolean[]>();
  for (const target of targets.values()) {
    const list = silent.get(target.metric) ?? [];
    silent.set(target.metric, list);
    for (const [from, to] of windows) {
      const normal = { table: scenario.normal, from: 0, to: from };
      const abnormal = { table: scenario.normal, from, to };
      list.push(method({ scenario, target, normal, abnormal, alarm: Number.NaN }).length === 0);
    }
  }
  return silent;
}

function whole(table: Table): Window {
  return { table, from: 0, to: table.times.length };
}
