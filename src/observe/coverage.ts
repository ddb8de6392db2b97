// What each engine tells us, which signals that becomes, and what nobody understands yet.
import { catalogue, signals } from "../model/signal.ts";
import type { EntityState } from "./canonical.ts";
import { isThere } from "./canonical.ts";
import type { SignalMapping } from "./mapping.ts";

export interface EngineCoverage {
  readonly engine: string;
  /** Replicas, GPUs, nodes and so on of it seen within the window. */
  readonly entities: number;
  /** Canonical signals at least one of them has now, and those its mapping knows that none has. */
  readonly present: readonly string[];
  readonly absent: readonly string[];
  /** Raw metrics under the engine's prefix, in order of their names: what they feed, why they feed nothing, or neither. */
  readonly mapped: readonly { readonly metric: string; readonly signals: readonly string[] }[];
  readonly leftOut: readonly { readonly metric: string; readonly reason: string }[];
  readonly unmapped: readonly string[];
}

export interface CoverageBook {
  /** A raw metric that arrived: the engine its name belongs to (none: ""), and the signals it feeds. */
  note(engine: string, metric: string, signalIds: readonly string[], reason: string | undefined): void;
  coverage(mappings: readonly SignalMapping[], states: readonly EntityState[]): readonly EngineCoverage[];
}

interface Seen {
  readonly signals: Set<string>;
  readonly reason: string | undefined;
}

const namesMax = 2000;

export function createCoverageBook(): CoverageBook {
  const byEngine = new Map<string, Map<string, Seen>>();
  return {
    note(engine, metric, signalIds, reason) {
      let metrics = byEngine.get(engine);
      if (metrics === undefined) {
        metrics = new Map();
        byEngine.set(engine, metrics);
      }
      const seen = metrics.get(metric);
      if (seen === undefined && metrics.size < namesMax) metrics.set(metric, { signals: new Set(signalIds), reason });
      else for (const id of signalIds) seen?.signals.add(id);
    },
    coverage(mappings, states) {
      const engines = new Set([...mappings.map((mapping) => mapping.engine), ...byEngine.keys()]);
      return [...engines].flatMap((engine) => {
        const own = states.filter((state) => state.entity.labels["engine"] === engine);
        const metrics = byEngine.get(engine);
        if (own.length === 0 && metrics === undefined) return [];
        const known = mappings.find((mapping) => mapping.engine === engine)?.signals ?? {};
        return [coverageOf(engine, own, known, metrics ?? new Map())];
      });
    },
  };
}

function coverageOf(
  engine: string,
  own: readonly EntityState[],
  known: SignalMapping["signals"],
  metrics: ReadonlyMap<string, Seen>,
): EngineCoverage {
  const seen = new Set<number>();
  for (const state of own) {
    for (const [signal, { history }] of state.tracked) if (isThere(history)) seen.add(signal);
  }
  const judged = own.some((state) => state.judged) ? signals.map((signal) => signal.id as string) : [];
  const ids = catalogue.map((signal) => signal.id);
  const sorted = [...metrics].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    engine,
    entities: own.length,
    present: ids.filter((_, index) => seen.has(index)),
    absent: ids.filter((id, index) => !seen.has(index) && (known[id] !== undefined || judged.includes(id))),
    mapped: sorted.flatMap(([metric, { signals: fed }]) => (fed.size > 0 ? [{ metric, signals: [...fed] }] : [])),
    leftOut: sorted.flatMap(([metric, { signals: fed, reason }]) =>
      fed.size === 0 && reason !== undefined ? [{ metric, reason }] : [],
    ),
    unmapped: sorted.flatMap(([metric, { signals: fed, reason }]) =>
      fed.size === 0 && reason === undefined ? [metric] : [],
    ),
  };
}
