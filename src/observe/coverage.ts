// What each engine's replicas tell us, and what they tell that nobody understands yet.
import type { SignalId } from "../model/signal.ts";
import { signals } from "../model/signal.ts";

export interface EngineCoverage {
  readonly engine: string;
  /** Replicas seen within the window. */
  readonly replicas: number;
  /** Canonical signals at least one replica has now, and those none has. */
  readonly present: readonly SignalId[];
  readonly absent: readonly SignalId[];
  /** Raw metrics under the engine's prefix that feed no canonical signal, in order of their names. */
  readonly unmapped: readonly string[];
}

export interface CoverageBook {
  /** A raw metric under an engine's prefix that nothing maps. */
  unmapped(engine: string, metric: string): void;
  unmappedOf(engine: string): readonly string[];
  engines(): readonly string[];
}

const namesMax = 500;

export function createCoverageBook(): CoverageBook {
  const byEngine = new Map<string, Set<string>>();
  return {
    unmapped(engine, metric) {
      let names = byEngine.get(engine);
      if (names === undefined) {
        names = new Set();
        byEngine.set(engine, names);
      }
      if (names.size < namesMax) names.add(metric);
    },
    unmappedOf: (engine) => [...(byEngine.get(engine) ?? [])].sort((a, b) => (a < b ? -1 : 1)),
    engines: () => [...byEngine.keys()],
  };
}

/** Coverage of an engine whose replicas have the signals with these indexes. */
export function coverageOf(
  engine: string,
  replicas: number,
  seen: ReadonlySet<number>,
  unmapped: readonly string[],
): EngineCoverage {
  const ids = signals.map((signal) => signal.id);
  return {
    engine,
    replicas,
    present: ids.filter((_, index) => seen.has(index)),
    absent: ids.filter((_, index) => !seen.has(index)),
    unmapped,
  };
}
