// Series of what texts look like, by service, model and scenario: from facts alone, no text comes this far.
import type { Labels } from "../model/labels.ts";
import type { MadeSample } from "../model/ports/series-sink.ts";
import { ratioBounds, type SpanGroup, textCounters } from "../model/ports/span-reader.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { Instant } from "../model/time.ts";

export interface TextSeries {
  /** Samples of the group's texts; none if it has none. */
  samplesOf(group: SpanGroup): readonly MadeSample[];
  /** Zeros at `step` for whoever had texts within ten minutes and none in this step: nothing asked is not nothing known. */
  silence(step: Instant): readonly MadeSample[];
}

interface Known {
  readonly tenant?: string;
  readonly resource: Labels;
  readonly attributes: Labels;
  /** Places in `counters` that were ever above zero: only those are series. */
  readonly begun: Set<number>;
  lastAt: Instant;
  toldAt: Instant;
}

const applicationsMax = 500;
const quietMs = 600_000;
const counters = Object.values(textCounters);

export function createTextSeries(telemetry: Telemetry): TextSeries {
  const known = new Map<string, Known>();

  return {
    samplesOf(group) {
      const { at, texts, lengthRatios } = group;
      if (lengthRatios.count === 0 && texts.every((count) => count === 0)) return [];
      const one = remember(group);
      for (const [i, count] of texts.entries()) if (count > 0) one.begun.add(i);
      const samples = countsOf(one, at, texts);
      if (lengthRatios.count > 0) samples.push(ratios(one, at, lengthRatios));
      return samples;
    },
    silence(step) {
      const samples: MadeSample[] = [];
      for (const [key, one] of known) {
        if (step - one.lastAt > quietMs) known.delete(key);
        else if (step > one.toldAt) {
          one.toldAt = step;
          samples.push(...countsOf(one, step, []));
        }
      }
      return samples;
    },
  };

  /** Beyond the limit models are told as one, and then services. */
  function remember({ tenant, service, scenario, model, at }: SpanGroup): Known {
    let key = JSON.stringify([tenant, service, scenario, model]);
    let one = known.get(key);
    if (one === undefined) {
      const merged = known.size >= applicationsMax;
      if (merged) telemetry.count("homeostat.observe.merged", 1, { reason: "text-limit" });
      const name = known.size >= applicationsMax * 2 ? "other" : service;
      const labels = merged ? { gen_ai_request_model: "other" } : model === "" ? {} : { gen_ai_request_model: model };
      const resource = resourceOf(name, merged ? "" : scenario);
      if (merged) key = JSON.stringify([tenant, name, "", "other"]);
      one = known.get(key) ?? {
        ...ownerOf({ tenant }),
        resource,
        attributes: labels,
        begun: new Set(),
        lastAt: at,
        toldAt: at,
      };
      known.set(key, one);
    }
    one.lastAt = Math.max(one.lastAt, at);
    one.toldAt = Math.max(one.toldAt, at);
    return one;
  }
}

/** What a service's series are about. */
export function resourceOf(service: string, scenario: string): Labels {
  const about = { "service.name": service, "service.instance.id": service };
  return scenario === "" ? about : { ...about, "homeostat.scenario": scenario };
}

/** Whose it is, in the shape of a sample. */
export function ownerOf({ tenant }: { readonly tenant?: string | undefined }): { readonly tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

function countsOf(
  { tenant, resource, attributes, begun }: Known,
  at: Instant,
  counts: readonly number[],
): MadeSample[] {
  return [...begun].flatMap((i) => {
    const counter = counters[i];
    if (counter === undefined) return [];
    const { metric, labels } = counter;
    return [
      {
        ...ownerOf({ tenant }),
        kind: "count" as const,
        metric,
        unit: "",
        at,
        resource,
        attributes: { ...attributes, ...labels },
        value: counts[i] ?? 0,
      },
    ];
  });
}

function ratios(
  { tenant, resource, attributes }: Known,
  at: Instant,
  { sum, buckets }: SpanGroup["lengthRatios"],
): MadeSample {
  const metric = "homeostat_text_length_ratio";
  return {
    ...ownerOf({ tenant }),
    kind: "distribution",
    metric,
    unit: "1",
    at,
    resource,
    attributes,
    sum,
    bounds: ratioBounds,
    counts: buckets,
  };
}
