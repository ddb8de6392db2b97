// Series made here and in other rooms, as raw series: the same door, limits and names as for what exporters send.
import { labelsKey } from "../model/labels.ts";
import type { MadeSample } from "../model/ports/series-sink.ts";
import type { RawPage, RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";
import type { DurationMs } from "../model/time.ts";

/** A page of the samples; every definition goes along, as the Head may have let go of it. `stepMs` is what a count covers. */
export function pageOf(samples: readonly MadeSample[], stepMs: DurationMs): RawPage {
  const series = new Map<string, RawSeries>();
  const points = samples.map((sample): RawPoint => {
    const hash = `made ${sample.tenant ?? ""} ${sample.metric} ${labelsKey(sample.resource)} ${labelsKey(sample.attributes)}`;
    if (!series.has(hash)) series.set(hash, seriesOf(sample, hash));
    const distribution = sample.kind === "distribution";
    return {
      hash,
      at: sample.at,
      start: sample.at - stepMs,
      value: distribution ? sample.sum : sample.value,
      count: distribution ? sample.counts.reduce((sum, count) => sum + count, 0) : 0,
      buckets: distribution ? sample.counts : [],
      flags: 0,
    };
  });
  return { series: [...series.values()], points, cursor: "" };
}

function seriesOf(sample: MadeSample, hash: string): RawSeries {
  const { metric, unit, resource, attributes, kind } = sample;
  return {
    hash,
    metric,
    kind: kind === "level" ? "gauge" : kind === "count" ? "sum" : "histogram",
    unit,
    cumulative: false,
    monotonic: kind !== "level",
    service: resource["service.name"] ?? "",
    resource,
    attributes,
    bounds: kind === "distribution" ? sample.bounds : [],
    additive: kind !== "level",
    ...(sample.tenant === undefined ? {} : { tenant: sample.tenant }),
  };
}
