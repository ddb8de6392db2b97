// Which canonical signals a raw series feeds, by its name and type.
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { type SignalId, signals } from "../model/signal.ts";
import type { Reading, SignalMapping, SignalSource } from "./mapping.ts";
import type { Behaviour } from "./raw-series.ts";

/** A place in a signal's list of sources. */
export interface Target {
  /** Index into `signals`. */
  readonly signal: number;
  /** Lower is better: order of the mapping, then of the source in it. */
  readonly rank: number;
  readonly source: SignalSource;
  readonly mapping: SignalMapping;
}

export interface Resolver {
  /** Signals the series feeds; empty for one that is not mapped. */
  resolve(series: RawSeries, behaviour: Behaviour): readonly Target[];
  /** Signals that series of this name and type may feed, depending on their attributes. */
  mayFeed(series: RawSeries, behaviour: Behaviour): readonly number[];
  /** The engine whose prefix the metric name has, mapped or not. */
  engineOf(metric: string): string | undefined;
}

const needs: Readonly<Record<Reading, Behaviour>> = {
  last: "gauge",
  rate: "counter",
  p95: "histogram",
  mean: "histogram",
  rate_of_sum: "histogram",
  rate_of_count: "histogram",
};

const rankStep = 1000;

export function createResolver(mappings: readonly SignalMapping[]): Resolver {
  const byName = new Map<string, Target[]>();
  const prefixes: { readonly prefix: string; readonly engine: string }[] = [];
  for (const [position, mapping] of mappings.entries()) {
    for (const prefix of mapping.prefixes) prefixes.push({ prefix: flatten(prefix), engine: mapping.engine });
    for (const [signal, { id }] of signals.entries()) addSources(mapping, position, signal, id);
  }
  return {
    resolve(series, behaviour) {
      const targets = byName.get(lookupName(series.metric));
      if (targets === undefined) return [];
      return targets.filter(({ source }) => needs[source.read] === behaviour && has(series, source));
    },
    mayFeed(series, behaviour) {
      const targets = byName.get(lookupName(series.metric)) ?? [];
      return targets.filter(({ source }) => needs[source.read] === behaviour).map(({ signal }) => signal);
    },
    engineOf(metric) {
      const name = flatten(metric);
      return prefixes.find(({ prefix }) => name.startsWith(prefix))?.engine;
    },
  };

  function addSources(mapping: SignalMapping, position: number, signal: number, id: SignalId): void {
    for (const [order, source] of (mapping.signals[id] ?? []).entries()) {
      const target: Target = { signal, rank: position * rankStep + order, source, mapping };
      const names = new Set(
        mapping.prefixes.flatMap((prefix) => source.names.map((name) => lookupName(prefix + name))),
      );
      for (const name of names) byName.set(name, [...(byName.get(name) ?? []), target]);
    }
  }
}

/** Ray puts `ray_` before a name; it and some pipelines turn `:` and `.` into `_`. */
function flatten(metric: string): string {
  return metric.replace(/^ray_/, "").replace(/[:.]/g, "_");
}

/** Pipelines add or trim `_total`: it says nothing sure about the type, which is checked by itself. */
function lookupName(metric: string): string {
  return flatten(metric).replace(/_total$/, "");
}

function has(series: RawSeries, source: SignalSource): boolean {
  return Object.entries(source.where).every(([name, value]) => (series.attributes[name] ?? "") === value);
}
