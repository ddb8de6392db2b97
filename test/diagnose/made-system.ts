// A made system of services that passes cost up along its calls, with noise, and the question where its incident began.
import type { Course, Measure, Rows } from "../../src/diagnose/locate/departure.ts";
import { type LocateOptions, type Location, locate } from "../../src/diagnose/locate/locate.ts";
import { normal, seededRandom } from "../../src/math/random.ts";

const normalRows = 200;
const beforeRows = 2;
export const duringRows = 4;

interface Made {
  /** Calls of each entity: whom, and how often a request of its own. */
  readonly calls: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Own cost of a request: seconds, or share failing. */
  readonly own: Readonly<Record<string, number>>;
  /** What is added to it during the incident. */
  readonly fault: Readonly<Record<string, number>>;
  readonly measure?: Measure;
  readonly requests?: number;
  /** Factor on the requests during the incident. */
  readonly traffic?: number;
  readonly noise?: number;
  /** Added from before the incident on: the system is not what it was in normal operation. */
  readonly since?: Readonly<Record<string, number>>;
  readonly seed?: number;
}

export interface System {
  readonly names: readonly string[];
  readonly courses: (Course | undefined)[];
  readonly calls: Int32Array;
}

/** Rows of every entity; requests come to `web` and go on along the calls (which have no cycle). */
export function make({
  calls,
  own,
  fault,
  measure = "latency",
  requests = 600,
  traffic = 1,
  noise = 0.05,
  since = {},
  seed = 1,
}: Made): System {
  const names = Object.keys(own);
  const random = seededRandom(seed);
  const rows = normalRows + beforeRows + duringRows;
  const counts = new Map(names.map((name) => [name, new Float64Array(rows)]));
  const values = new Map(names.map((name) => [name, new Float64Array(rows)]));
  for (let row = 0; row < rows; row++) {
    const incident = row >= normalRows + beforeRows;
    const visit = (name: string, count: number): void => {
      counts.get(name)![row]! += count;
      for (const [callee, times] of Object.entries(calls[name] ?? {})) visit(callee, count * times);
    };
    visit("web", Math.round(requests * (incident ? traffic : 1) * (1 + 0.03 * normal(random))));
    const cost = new Map<string, number>();
    const costOf = (name: string): number => {
      const known = cost.get(name);
      if (known !== undefined) return known;
      const drift = row >= normalRows ? (since[name] ?? 0) : 0;
      let sum = own[name]! + drift + (incident ? (fault[name] ?? 0) : 0);
      // A mean of fewer requests is noisier.
      const spread = noise * Math.sqrt(requests / counts.get("web")![row]!);
      if (measure === "latency") sum *= Math.max(0.1, 1 + spread * normal(random));
      for (const [callee, times] of Object.entries(calls[name] ?? {})) sum += times * costOf(callee);
      cost.set(name, sum);
      return sum;
    };
    for (const name of names) {
      const count = counts.get(name)![row]!;
      const mean = costOf(name);
      values.get(name)![row] = measure === "latency" ? mean : Math.min(1, Math.round(mean * count) / count);
    }
  }
  const cut = (name: string, from: number, to: number): Rows => ({
    requests: counts.get(name)!.slice(from, to),
    values: values.get(name)!.slice(from, to),
  });
  return {
    names,
    courses: names.map((name) => ({
      normal: cut(name, 0, normalRows),
      before: cut(name, normalRows, normalRows + beforeRows),
      during: cut(name, normalRows + beforeRows, rows),
    })),
    calls: Int32Array.from(
      Object.entries(calls).flatMap(([caller, callees]) =>
        Object.keys(callees).flatMap((callee) => [names.indexOf(caller), names.indexOf(callee)]),
      ),
    ),
  };
}

export function ask(system: System, measure: Measure = "latency", options?: LocateOptions): Location {
  const { names, courses, calls } = system;
  return locate({ measure, entities: names, calls, courses, target: names.indexOf("web") }, options);
}

export const shop = {
  calls: { web: { search: 1, pay: 0.5 }, search: { table: 2 }, pay: { bank: 1 } },
  own: { web: 0.02, search: 0.01, table: 0.004, pay: 0.05, bank: 0.1, idle: 0.3 },
} as const;
export const failing = {
  ...shop,
  measure: "failures",
  own: { web: 0.002, search: 0, table: 0, pay: 0, bank: 0, idle: 0 },
} as const;

export const entities = (found: Location): readonly string[] => found.suspects.map(({ entity }) => entity);
