// An exposition page as raw points of one instant, without a service: for looking at what a page would become.
import type { Labels } from "../model/labels.ts";
import type { RawPage, RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";
import type { Instant } from "../model/time.ts";
import type { Family, Sample } from "../receive/prometheus/exposition.ts";

/** Counters and histograms twice, from zero `overMs` before: so that what they hold now is seen as what came in that time. */
export function pageToPoints(families: readonly Family[], at: Instant, overMs: number): RawPage {
  const series: RawSeries[] = [];
  const points: RawPoint[] = [];
  for (const family of families) {
    for (const { attributes, value, count, buckets, bounds, metric } of readFamily(family)) {
      const kind = family.type === "histogram" ? "histogram" : family.type === "counter" ? "sum" : "gauge";
      const hash = JSON.stringify([metric, attributes]);
      const resource = { "service.name": "page", "service.instance.id": "page" };
      const shape = { cumulative: true, monotonic: kind !== "gauge", bounds };
      series.push({ hash, metric, kind, unit: family.unit, service: "page", resource, attributes, ...shape });
      const start = at - overMs;
      const zero = { hash, at: start, start, value: 0, count: 0, buckets: buckets.map(() => 0), flags: 0 };
      if (kind !== "gauge") points.push(zero);
      points.push({ hash, at, start, value, count, buckets, flags: 0 });
    }
  }
  return { series, points, cursor: "1" };
}

interface Reading {
  readonly metric: string;
  readonly attributes: Labels;
  readonly value: number;
  readonly count: number;
  readonly buckets: readonly number[];
  readonly bounds: readonly number[];
}

function readFamily(family: Family): readonly Reading[] {
  if (family.type !== "histogram")
    return family.samples.map(({ name, labels, value }) => ({
      metric: name,
      attributes: Object.fromEntries(labels),
      value,
      count: 0,
      buckets: [],
      bounds: [],
    }));
  const groups = new Map<string, Sample[]>();
  for (const sample of family.samples) {
    const key = JSON.stringify(withoutLe(sample));
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].map((samples) => readHistogram(family.name, samples));
}

function readHistogram(metric: string, samples: readonly Sample[]): Reading {
  const steps = samples
    .flatMap((sample) => {
      const le = sample.labels.find(([name]) => name === "le")?.[1];
      return le === undefined
        ? []
        : [{ le: /^\+?inf$/i.test(le) ? Number.POSITIVE_INFINITY : Number(le), count: sample.value }];
    })
    .sort((a, b) => a.le - b.le);
  const sampleOf = (suffix: string): number => samples.find((sample) => sample.name === metric + suffix)?.value ?? 0;
  const bounds = steps.map(({ le }) => le).filter(Number.isFinite);
  const counts = [
    ...steps.filter(({ le }) => Number.isFinite(le)).map((step) => step.count),
    steps.at(-1)?.count ?? sampleOf("_count"),
  ];
  return {
    metric,
    attributes: withoutLe(samples[0] as Sample),
    value: sampleOf("_sum"),
    count: counts.at(-1) ?? 0,
    buckets: counts.map((count, i) => Math.max(0, count - (counts[i - 1] ?? 0))),
    bounds,
  };
}

function withoutLe({ labels }: Sample): Labels {
  return Object.fromEntries(labels.filter(([name]) => name !== "le"));
}
