// Series of any time, read from the store as queries ask for them: the same names, labels and canonical signals as in the Head.
import { METRIC_NAME } from "../model/labels.ts";
import type { LabelMatcher } from "../model/ports/series-source.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { TelemetryHistory } from "../model/ports/telemetry-history.ts";
import type { RawSeries } from "../model/ports/telemetry-reader.ts";
import { catalogue } from "../model/signal.ts";
import type { DurationMs, Instant, TimeRange } from "../model/time.ts";
import { limitFailure } from "../promql/errors.ts";
import { compileMatcher, compileMatchers } from "../promql/matcher.ts";
import { createEntityBook } from "./entities.ts";
import { entityKindOf } from "./entity-kind.ts";
import { createGpuNames, type GpuNames } from "./gpu-names.ts";
import type { SignalMapping } from "./mapping.ts";
import { createStoredSeries } from "./raw-series.ts";
import { createResolver } from "./resolver.ts";
import { metricName, selectablesOf } from "./selection.ts";
import { createStretch, type Stretch } from "./stretch.ts";
import type { LabelledSource } from "./united.ts";

export interface HistoryOptions {
  readonly stepMs: DurationMs;
  readonly rateWindowMs: DurationMs;
  readonly mappings: readonly SignalMapping[];
  /** Where GPUs sit. Default: nothing is known of it, so that a GPU named by its bus address only is one by itself. */
  readonly gpus?: GpuNames;
  /** Raw series one selector may read. Default 20,000. */
  readonly seriesMax?: number;
  /** Points one selector may read; where there are more, a minute's last point stands for the minute. Default 2 million. */
  readonly pointsMax?: number;
  /** Selectors whose series are kept in memory, so that the next look reads only what is new. Default 32. */
  readonly keptMax?: number;
}

/** Its `labelSets` read no points: those of the days of the range. */
export interface History extends LabelledSource {
  /** Raw and canonical metrics with series on the days of the range, under their Prometheus names. */
  metadata(range: TimeRange): Promise<readonly MetricMetadata[]>;
}

export interface MetricMetadata {
  readonly name: string;
  /** As Prometheus has it: `counter`, `gauge`, `histogram`. */
  readonly type: string;
  readonly help: string;
  readonly unit: string;
}

interface Kept {
  readonly stretch: Stretch;
  from: Instant;
  to: Instant;
  readonly thinToMs: DurationMs;
  series: readonly RawSeries[];
  /** How far in time the series above were looked for. */
  seriesTo: Instant;
  readonly known: Set<string>;
}

const thinToMs = 60_000;
/** A series that begins within this time after the last look may be missing until the next one. */
const lookAgainMs = 60_000;
/** Points may arrive this much later than their neighbours: read again at the seam of two reads. */
const seamMs = 60_000;

/**
 * Rejects with a `QueryFailure` (reason `limit`) when a selector would read too much, and as the store does. Blind to:
 * peaks between the points of a thinned range; series of rules, which are not stored.
 */
export function createHistory(
  options: HistoryOptions,
  { stored, telemetry }: { readonly stored: TelemetryHistory; readonly telemetry: Telemetry },
): History {
  const gpus = options.gpus ?? createGpuNames(telemetry);
  const { seriesMax = 20_000, pointsMax = 2_000_000, keptMax = 32 } = options;
  const resolver = createResolver(options.mappings);
  const kept = new Map<string, Kept>();
  let running: Promise<unknown> = Promise.resolve();

  return {
    select(matchers, range) {
      // One after another: two reads of the same stretch would take in its points twice.
      const next = running.then(() => select(matchers, range));
      running = next.catch(() => {});
      return next;
    },
    async metadata(range) {
      const raw = (await stored.metrics(range)).map(({ metric, kind, unit }) => {
        return { name: metricName(metric), type: kind === "sum" ? "counter" : kind, help: "", unit };
      });
      const canonical = catalogue.map(({ metric, title, unit }) => ({
        name: metric,
        type: "gauge",
        help: title,
        unit,
      }));
      return [...raw, ...canonical];
    },
    async labelSets(matchers, range) {
      const accepts = compileMatchers(matchers);
      return (await candidates(matchers, range)).flatMap(({ labels }) => labels.filter((one) => accepts(one)));
    },
  };

  async function select(matchers: readonly LabelMatcher[], range: TimeRange) {
    const lengthMs = range.to - range.from;
    // Ranges of like length slide along together; a much longer one is another reading, perhaps a thinned one.
    const lengthClass = Math.ceil(Math.log2(lengthMs));
    const key = JSON.stringify([lengthClass, ...matchers.map(({ name, op, value }) => [name, op, value])]);
    let found = kept.get(key);
    if (found === undefined || range.from < found.from || range.from >= found.to) {
      found = await begin(matchers, range);
    } else if (range.to > found.to) {
      await extend(found, matchers, range.to);
    }
    // The newest use last: what was not asked for longest goes first.
    kept.delete(key);
    kept.set(key, found);
    for (const oldest of kept.keys()) {
      if (kept.size <= keptMax && pointsKept() <= pointsMax * 2) break;
      if (oldest === key) break;
      kept.delete(oldest);
    }
    // Twice its length back, so that the others of its class find what they need.
    const keepFrom = range.from - lengthMs;
    found.stretch.forget(keepFrom);
    found.from = Math.max(found.from, keepFrom);
    return found.stretch.select(matchers, range);
  }

  async function begin(matchers: readonly LabelMatcher[], range: TimeRange): Promise<Kept> {
    const series = await wanted(matchers, range);
    const points = await stored.countPoints(series, range);
    const thin = points > pointsMax ? thinToMs : 0;
    const least = thin === 0 ? points : Math.min(points, (series.length * (range.to - range.from)) / thinToMs);
    if (least > pointsMax) {
      throw limitFailure(
        "maxSamples",
        `a selector would read about ${Math.round(least)} points of ${series.length} series from history, more than ${pointsMax} (maxSamples); ask for less time or fewer series`,
      );
    }
    const windows = { stepMs: options.stepMs, rateWindowMs: Math.max(options.rateWindowMs, thin * 3) };
    const stretch = createStretch(
      {
        ...windows,
        mappings: options.mappings,
        gpus,
        windowMs: range.to - range.from,
        seriesMax,
        measures: measured(matchers),
      },
      telemetry,
    );
    const entry: Kept = {
      stretch,
      from: range.from,
      to: range.to,
      thinToMs: thin,
      series,
      seriesTo: range.to,
      known: new Set(),
    };
    await read(entry, range);
    return entry;
  }

  async function extend(entry: Kept, matchers: readonly LabelMatcher[], to: Instant): Promise<void> {
    if (to - entry.seriesTo >= lookAgainMs) {
      entry.series = await wanted(matchers, { from: entry.from, to });
      entry.seriesTo = to;
    }
    await read(entry, { from: entry.to - seamMs, to });
    entry.to = to;
  }

  async function read(entry: Kept, range: TimeRange): Promise<void> {
    const fresh = entry.series.filter(({ hash }) => !entry.known.has(hash));
    for (const { hash } of fresh) entry.known.add(hash);
    entry.stretch.take({ series: fresh, points: [], cursor: "" });
    for await (const points of stored.points(entry.series, range, entry.thinToMs)) {
      entry.stretch.take({ series: [], points, cursor: "" });
      if (entry.stretch.points() > pointsMax * 1.5) {
        throw limitFailure(
          "maxSamples",
          `a selector reads more than ${pointsMax} points from history (maxSamples); ask for less time or fewer series`,
        );
      }
    }
    entry.stretch.measure(range);
  }

  /** Raw series that a selector needs: those it names, and those its canonical signals are made from. */
  async function wanted(matchers: readonly LabelMatcher[], range: TimeRange): Promise<readonly RawSeries[]> {
    const accepts = compileMatchers(matchers);
    const named = compileMatchers(matchers.filter(({ name }) => name === METRIC_NAME));
    return (await candidates(matchers, range))
      .filter(({ labels, feeds }) => labels.some(accepts) || feeds.some((metric) => named({ [METRIC_NAME]: metric })))
      .map(({ series }) => series);
  }

  async function candidates(matchers: readonly LabelMatcher[], range: TimeRange) {
    const nameTests = matchers.filter(({ name }) => name === METRIC_NAME).map(compileMatcher);
    const fits = (name: string): boolean => nameTests.every((test) => test(name));
    const metrics = (await stored.metrics(range)).filter((one) => {
      // Name and type decide what it is called and what it feeds; attributes do not.
      const { names, feeds } = meaning({ ...blank, metric: one.metric, kind: one.kind, unit: one.unit });
      return names.some(fits) || feeds.some(fits);
    });
    const series = await stored.series(
      metrics.map(({ metric }) => metric),
      range,
      seriesMax + 1,
    );
    if (series.length > seriesMax) {
      throw limitFailure(
        "maxSeries",
        `a selector finds more than ${seriesMax} series in history (maxSeries); narrow its matchers`,
      );
    }
    const identities = createEntityBook(gpus);
    return series.map((one) => {
      const state = createStoredSeries(one);
      const identity = identities.identify(one, entityKindOf(one, resolver.resolve(one, state.behaviour)));
      const labels = selectablesOf(state, identity).map((selectable) => selectable.labels);
      return { series: one, labels, feeds: feedsOf(one) };
    });
  }

  function meaning(definition: RawSeries): { readonly names: readonly string[]; readonly feeds: readonly string[] } {
    const identity = createEntityBook().identify(definition, "replica");
    // Sums may be cumulative and monotonic or neither: both kinds of meaning count.
    const variants = definition.kind === "sum" ? [definition, { ...definition, monotonic: false }] : [definition];
    return {
      names: selectablesOf(createStoredSeries(definition), identity).map(({ labels }) => labels[METRIC_NAME] ?? ""),
      feeds: variants.flatMap(feedsOf),
    };
  }

  /** Canonical metrics a raw series feeds, whatever attributes the mapping asks for. */
  function feedsOf(definition: RawSeries): readonly string[] {
    return resolver
      .mayFeed(definition, createStoredSeries(definition).behaviour)
      .map((signal) => catalogue[signal]!.metric);
  }

  function measured(matchers: readonly LabelMatcher[]): readonly number[] {
    const tests = matchers.filter(({ name }) => name === METRIC_NAME).map(compileMatcher);
    return [...catalogue.keys()].filter((signal) => tests.every((test) => test(catalogue[signal]!.metric)));
  }

  function pointsKept(): number {
    let total = 0;
    for (const { stretch } of kept.values()) total += stretch.points();
    return total;
  }
}

const blank: RawSeries = {
  hash: "0",
  metric: "",
  kind: "gauge",
  unit: "",
  cumulative: true,
  monotonic: true,
  service: "",
  resource: {},
  attributes: {},
  bounds: [],
};
