// Metrics of a simulated fleet as the Head reads them, without a wire and a database between.
import type { Attributes, HrTime } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { Labels } from "../../../model/labels.ts";
import type { RawPoint, RawSeries, TelemetryReader } from "../../../model/ports/telemetry-reader.ts";

export interface MetricPages extends TelemetryReader {
  add(data: ResourceMetrics): void;
}

export function createMetricPages(): MetricPages {
  const hashes = new Map<string, string>();
  let series: RawSeries[] = [];
  let points: RawPoint[] = [];
  let pages = 0;

  function addMetric(metric: MetricData, resource: Labels, resourceKey: string): void {
    const { descriptor, dataPointType } = metric;
    for (const point of metric.dataPoints) {
      const value = point.value as number | { readonly sum: number; readonly count: number; readonly buckets: Buckets };
      const histogram = typeof value === "number" ? undefined : value;
      const attributes = labelsOf(point.attributes);
      const bounds = histogram?.buckets.boundaries ?? [];
      const key = `${resourceKey} ${descriptor.name} ${JSON.stringify([attributes, bounds])}`;
      let hash = hashes.get(key);
      if (hash === undefined) {
        hash = String(hashes.size + 1);
        hashes.set(key, hash);
        series.push({
          hash,
          metric: descriptor.name,
          kind: histogram !== undefined ? "histogram" : dataPointType === DataPointType.SUM ? "sum" : "gauge",
          unit: descriptor.unit,
          cumulative:
            "aggregationTemporality" in metric && metric.aggregationTemporality === AggregationTemporality.CUMULATIVE,
          monotonic: histogram !== undefined || (dataPointType === DataPointType.SUM && metric.isMonotonic),
          service: resource["service.name"] ?? "",
          resource,
          attributes,
          bounds,
        });
      }
      points.push({
        hash,
        at: msOf(point.endTime),
        start: msOf(point.startTime),
        value: histogram?.sum ?? (value as number),
        count: histogram?.count ?? 0,
        buckets: histogram?.buckets.counts ?? [],
        flags: 0,
      });
    }
  }

  return {
    add({ resource, scopeMetrics }) {
      const labels = labelsOf(resource.attributes);
      const key = JSON.stringify(labels);
      for (const { metrics } of scopeMetrics) for (const metric of metrics) addMetric(metric, labels, key);
    },
    metricsAfter() {
      const page = { series, points, cursor: String(++pages) };
      series = [];
      points = [];
      return Promise.resolve(page);
    },
  };
}

interface Buckets {
  readonly boundaries: readonly number[];
  readonly counts: readonly number[];
}

export function labelsOf(attributes: Attributes): Labels {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
}

/** Unix ms. */
export function msOf([seconds, nanos]: HrTime): number {
  return seconds * 1000 + nanos / 1e6;
}
