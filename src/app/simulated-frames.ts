// Frames of a simulated vLLM fleet without the wire between: raw points through the shipped mapping and the Head, as fast as it goes. For training.

import type { Frame } from "../model/frame.ts";
import type { Labels } from "../model/labels.ts";
import { silentTelemetry } from "../model/ports/telemetry.ts";
import type { RawPoint, RawSeries } from "../model/ports/telemetry-reader.ts";
import { createHead } from "../observe/head.ts";
import { loadMappings } from "../observe/mapping.ts";
import { createFleet } from "../simulate/fleet.ts";
import { engineLabels, families } from "../simulate/metrics.ts";
import type { Replica } from "../simulate/replica.ts";
import type { Scenario } from "../simulate/scenario.ts";
import { shipped } from "./paths.ts";

export const simulatedStart = 1_800_000_000_000;

/** Calls `each` with every frame of the run. Exports and steps are `stepMs` apart. */
export async function simulate(
  scenario: Scenario,
  lengthMs: number,
  stepMs: number,
  each: (frame: Frame) => Promise<void> | void,
): Promise<void> {
  const fleet = createFleet(scenario);
  const { mappings } = await loadMappings(shipped.signals);
  let page: { series: RawSeries[]; points: RawPoint[] } = { series: [], points: [] };
  let cursor = 0;
  const reader = {
    metricsAfter() {
      const out = { ...page, cursor: String(++cursor) };
      page = { series: [], points: [] };
      return Promise.resolve(out);
    },
  };
  const options = {
    windowMs: 1_800_000,
    stepMs,
    rateWindowMs: 30_000,
    latenessMs: 0,
    idleMs: 15_000,
    maxSeries: 10_000,
    mappings,
  };
  const head = createHead(options, { reader, telemetry: silentTelemetry });
  const known = new Set<string>();
  for (let at = stepMs; at <= lengthMs; at += stepMs) {
    fleet.advance(at);
    for (const replica of fleet.replicas) if (replica.state === "serving") scrape(replica, at);
    await head.refresh(simulatedStart + at);
    for (const frame of head.frames(simulatedStart + at)) await each(frame);
  }

  function scrape(replica: Replica, at: number): void {
    for (const family of families) {
      if (family.kind === "histogram") {
        const { bounds, counts, sum, count } = family.histogram(replica.engine.stats);
        add(
          replica,
          family.name,
          "histogram",
          engineLabels(scenario),
          at,
          { value: sum, count, buckets: [...counts] },
          bounds,
        );
      } else {
        for (const { labels, value } of family.samples(replica, scenario, at)) {
          add(replica, family.name, family.kind === "counter" ? "sum" : "gauge", labels, at, { value }, []);
        }
      }
    }
  }

  function add(
    replica: Replica,
    metric: string,
    kind: RawSeries["kind"],
    attributes: Labels,
    at: number,
    point: Partial<RawPoint>,
    bounds: readonly number[],
  ): void {
    const resource = {
      "service.name": scenario.deployment,
      "service.instance.id": replica.name,
      "service.version": replica.spec.version,
    };
    const hash = JSON.stringify([metric, resource, attributes]);
    if (!known.has(hash)) {
      known.add(hash);
      page.series.push({
        hash,
        metric,
        kind,
        unit: "",
        cumulative: true,
        monotonic: kind === "sum",
        service: scenario.deployment,
        resource,
        attributes,
        bounds,
      });
    }
    page.points.push({
      hash,
      at: simulatedStart + at,
      start: simulatedStart + replica.startedAt,
      value: 0,
      count: 0,
      buckets: [],
      flags: 0,
      ...point,
    });
  }
}
