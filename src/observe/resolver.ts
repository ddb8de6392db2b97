// Which canonical signals a raw series feeds, by its name and type.
import type { EntityKind } from "../model/entity.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { catalogue } from "../model/signal.ts";
import type { AttributeFilter, Reading, SignalMapping, SignalSource } from "./mapping.ts";
import type { Behaviour } from "./raw-series.ts";

/** `value`: what is read. `per`: part of what it is a share of. `bucket`: one bucket of a histogram that came in pieces. */
export type Role = "value" | "per" | "bucket";

/** A place in a signal's list of sources. */
export interface Target {
  /** Index into `catalogue`. */
  readonly signal: number;
  /** Lower is better: order of the mapping, then of the source in it. */
  readonly rank: number;
  readonly source: SignalSource;
  readonly role: Role;
  /** Place in `source.plus` or `source.per`, so that what is added up is told apart. */
  readonly term: number;
  readonly mapping: SignalMapping;
}

export interface Resolver {
  /** Signals the series feeds; empty for one that is not mapped. */
  resolve(series: RawSeries, behaviour: Behaviour): readonly Target[];
  /** Signals that series of this name and type may feed, depending on their attributes. */
  mayFeed(series: RawSeries, behaviour: Behaviour): readonly number[];
  /** The engine whose prefix the metric name has, mapped or not. */
  engineOf(metric: string): string | undefined;
  /** What a metric that cannot stand still is about; undefined for all others. */
  restlessOf(metric: string): EntityKind | undefined;
  /** Why a metric is left out on purpose. */
  reasonFor(metric: string): string | undefined;
}

const needs: Readonly<Record<Reading, Behaviour>> = {
  last: "gauge",
  changed: "gauge",
  label: "gauge",
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
  // Whoever answers a scrape uses the CPU for it.
  const restless = new Map<string, EntityKind>([["process_cpu_seconds", "replica"]]);
  const reasons = new Map<string, string>();
  const reasonPatterns: { readonly beginning: string; readonly reason: string }[] = [];
  for (const [position, mapping] of mappings.entries()) {
    for (const prefix of mapping.prefixes) prefixes.push({ prefix: flatten(prefix), engine: mapping.engine });
    for (const [signal, { id }] of catalogue.entries()) {
      for (const [order, source] of (mapping.signals[id] ?? []).entries())
        addSource(mapping, signal, (mapping.first ? position - mappings.length : position) * rankStep + order, source);
    }
    for (const name of mapping.restless) {
      for (const prefix of mapping.prefixes) restless.set(lookupName(prefix + name), kindOf(mapping));
    }
    for (const { names, reason } of mapping.unmapped) {
      for (const name of names.flatMap((one) => mapping.prefixes.map((prefix) => prefix + one))) {
        if (name.endsWith("*")) reasonPatterns.push({ beginning: flatten(name.slice(0, -1)), reason });
        else reasons.set(lookupName(name), reason);
      }
    }
  }
  prefixes.sort((a, b) => b.prefix.length - a.prefix.length);

  return {
    resolve(series, behaviour) {
      const targets = byName.get(lookupName(series.metric));
      if (targets === undefined) return [];
      return targets.filter(
        (target) => fits(target, behaviour) && has(series, filterOf(target)) && allowed(series, target),
      );
    },
    mayFeed(series, behaviour) {
      const targets = byName.get(lookupName(series.metric)) ?? [];
      return targets.filter((target) => fits(target, behaviour)).map(({ signal }) => signal);
    },
    engineOf(metric) {
      const name = flatten(metric);
      return prefixes.find(({ prefix }) => name.startsWith(prefix))?.engine;
    },
    restlessOf: (metric) => restless.get(lookupName(metric)),
    reasonFor(metric) {
      const name = flatten(metric);
      const whole = name.replace(/_(bucket|sum|count)$/, "");
      return (
        reasons.get(lookupName(metric)) ??
        reasons.get(whole) ??
        reasonPatterns.find(({ beginning }) => name.startsWith(beginning))?.reason
      );
    },
  };

  function addSource(mapping: SignalMapping, signal: number, rank: number, source: SignalSource): void {
    add(source.names, { signal, rank, source, role: "value", term: 0, mapping });
    for (const [place, name] of source.plus.entries())
      add([name], { signal, rank, source, role: "value", term: place + 1, mapping });
    for (const [term, name] of source.per.entries()) add([name], { signal, rank, source, role: "per", term, mapping });
    if (needs[source.read] !== "histogram") return;
    const pieces = inPieces(source);
    const target = { signal, rank: rank + 0.5, source: pieces, term: 0, mapping };
    if (source.read === "p95") add(pieces.names, { ...target, role: "bucket" });
    else add(pieces.names, { ...target, role: "value" });
    for (const name of pieces.per) add([name], { ...target, role: "per" });
  }

  function add(names: readonly string[], target: Target): void {
    const full = new Set(target.mapping.prefixes.flatMap((prefix) => names.map((name) => lookupName(prefix + name))));
    for (const name of full) byName.set(name, [...(byName.get(name) ?? []), target]);
  }
}

/** What an exporter is about: the entity of its first signal. */
function kindOf(mapping: SignalMapping): EntityKind {
  return catalogue.find(({ id }) => mapping.signals[id] !== undefined)?.entity ?? "replica";
}

/**
 * The same histogram as Prometheus remote write sends it, every part a series of its own: buckets for a quantile, sum and
 * count for the rest. Types may be lost on the way.
 */
function inPieces(source: SignalSource): SignalSource {
  const part = (suffix: string): readonly string[] => source.names.map((name) => name + suffix);
  const shared = { ...source, untyped: true };
  if (source.read === "p95") return { ...shared, names: part("_bucket") };
  if (source.read === "rate_of_count")
    return { ...shared, read: "rate", names: part("_count"), per: source.per.map((name) => `${name}_count`) };
  const sum: SignalSource = { ...shared, read: "rate", names: part("_sum") };
  return source.read === "mean"
    ? { ...sum, per: part("_count"), perWhere: source.where, perWhereNot: source.whereNot }
    : sum;
}

function fits({ source, role }: Target, behaviour: Behaviour): boolean {
  const wanted = role === "bucket" ? "counter" : needs[source.read];
  return wanted === behaviour || (source.untyped && wanted !== "histogram" && behaviour !== "histogram");
}

function filterOf({ source, role }: Target): AttributeFilter {
  return role === "per" ? source.perWhere : source.where;
}

function has({ attributes }: RawSeries, filter: AttributeFilter): boolean {
  return Object.entries(filter).every(([name, values]) => values.includes(attributes[name] ?? ""));
}

function allowed({ attributes }: RawSeries, { source, role }: Target): boolean {
  return Object.entries(role === "per" ? source.perWhereNot : source.whereNot).every(
    ([name, values]) => !values.includes(attributes[name] ?? ""),
  );
}

/** Ray puts `ray_` before the names of engines; it and some pipelines turn `:` and `.` into `_`. */
function flatten(metric: string): string {
  return metric.replace(/[:.]/g, "_").replace(/^ray_(?=(?:vllm|sglang|llamacpp|lmdeploy|trtllm)_)/, "");
}

/** Pipelines add or trim `_total`: it says nothing sure about the type, which is checked by itself. */
function lookupName(metric: string): string {
  return flatten(metric).replace(/_total$/, "");
}
