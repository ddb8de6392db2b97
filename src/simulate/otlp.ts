// Telemetry of the fleet as the OpenTelemetry SDK's exporters take it, with virtual timestamps.
import { type HrTime, SpanKind } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import type { DataPoint, Histogram as OtlpHistogram, ResourceMetrics } from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Labels } from "../model/labels.ts";
import type { Instant } from "../model/time.ts";
import type { FinishedRequest } from "./fleet.ts";
import type { LogLine } from "./log-lines.ts";
import { engineLabels, type Family, families } from "./metrics.ts";
import { type AppSpan, addPoint, hrTime, metricData, readableSpan, type Sampled } from "./otlp-parts.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Source } from "./samples.ts";
import type { Scenario } from "./scenario.ts";
import { engineAttributes } from "./span-attributes.ts";

export interface Recorder {
  /** Notes what a scrape of every replica would give at this virtual time. */
  scrape(replicas: readonly Replica[], nowMs: number): void;
  log(replica: Replica, line: LogLine): void;
  span(replica: Replica, request: FinishedRequest): void;
  /** Notes what any other exporter's page holds at this virtual time. */
  sample(source: Source, nowMs: number): void;
  /** A line of a log that is no engine's. */
  line(about: Labels, line: LogLine, attributes?: Labels): void;
  /** A span of an application or of the gateway; they share the trace if `traceId` is the same. */
  appSpan(span: AppSpan): void;
  /** Everything noted since the last call, oldest first; metrics one entry for each replica and version. */
  take(): Recorded;
}

export interface Recorded {
  /** `replica` names the source: a replica, or an exporter. */
  readonly metrics: readonly { readonly replica: string; readonly data: ResourceMetrics; readonly points: number }[];
  readonly logs: ReadableLogRecord[];
  readonly spans: ReadableSpan[];
}

interface Scraped {
  readonly replica: string;
  readonly resource: Resource;
  readonly up: DataPoint<number>[];
  /** By index in `families`. */
  readonly scalars: DataPoint<number>[][];
  readonly histograms: DataPoint<OtlpHistogram>[][];
  points: number;
}

const scrapeScope = { name: "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/prometheusreceiver" };
const traceScope = { name: "vllm.llm_engine" };
const genAiScope = { name: "opentelemetry.instrumentation.openai_v2" };
const upFamily = { name: "up", help: "The scraping was successful" };

/** `startAt` is the Unix time of virtual time zero. What it notes grows until taken; the caller takes often. */
export function createRecorder(scenario: Scenario, startAt: Instant, random: Random): Recorder {
  const labels = { ...engineLabels(scenario) };
  const resources = new Map<string, Resource>();
  const abouts = new Map<string, Resource>();
  let sampled = new Map<string, Sampled>();
  let scraped = new Map<string, Scraped>();
  let logs: ReadableLogRecord[] = [];
  let spans: ReadableSpan[] = [];

  const time = (ms: number): HrTime => hrTime(startAt + ms);

  function resourceOf(replica: Replica): Resource {
    const key = `${replica.name} ${replica.spec.version} ${replica.host}`;
    let resource = resources.get(key);
    if (resource === undefined) {
      resource = resourceFromAttributes({
        "service.name": scenario.deployment,
        "service.instance.id": replica.name,
        "service.version": replica.spec.version,
        "k8s.deployment.name": scenario.deployment,
        "k8s.pod.name": replica.name,
        "k8s.node.name": replica.host,
        "host.name": replica.host,
      });
      resources.set(key, resource);
    }
    return resource;
  }

  /** The exporter groups records by the identity of their resource. */
  function aboutOf(about: Labels): Resource {
    const key = JSON.stringify(about);
    const known = abouts.get(key) ?? resourceFromAttributes(about);
    abouts.set(key, known);
    return known;
  }

  function scrapedOf(replica: Replica): Scraped {
    const key = `${replica.name} ${replica.spec.version} ${replica.host}`;
    let entry = scraped.get(key);
    if (entry === undefined) {
      const scalars = families.map(() => []);
      const histograms = families.map(() => []);
      entry = { replica: replica.name, resource: resourceOf(replica), up: [], scalars, histograms, points: 0 };
      scraped.set(key, entry);
    }
    return entry;
  }

  function scrape(replicas: readonly Replica[], nowMs: number): void {
    for (const replica of replicas) {
      const endTime = time(nowMs + replica.clockMs);
      const entry = scrapedOf(replica);
      const serving = replica.state === "serving";
      entry.up.push({ startTime: endTime, endTime, attributes: {}, value: serving ? 1 : 0 });
      entry.points++;
      if (!serving) continue;
      const startTime = time(replica.startedAt + replica.clockMs);
      families.forEach((family, i) => {
        if (family.kind === "histogram") {
          const { bounds, counts, count, sum } = family.histogram(replica.engine.stats);
          const value = { buckets: { boundaries: [...bounds], counts: [...counts] }, count, sum };
          entry.histograms[i]!.push({ startTime, endTime, attributes: labels, value });
          entry.points++;
          return;
        }
        const epoch = family.moment === true ? startAt / 1000 : 0;
        for (const sample of family.samples(replica, scenario, nowMs)) {
          entry.scalars[i]!.push({ startTime, endTime, attributes: sample.labels, value: epoch + sample.value });
          entry.points++;
        }
      });
    }
  }

  function take(): Recorded {
    const metrics = [...scraped.values()].map((entry) => {
      const all = [metricData({ ...upFamily, kind: "gauge", samples: () => [] }, entry.up, [])];
      families.forEach((family, i) => {
        all.push(metricData(family, entry.scalars[i]!, entry.histograms[i]!));
      });
      const data = {
        resource: entry.resource,
        scopeMetrics: [{ scope: scrapeScope, metrics: all.filter((metric) => metric.dataPoints.length > 0) }],
      };
      return { replica: entry.replica, data, points: entry.points };
    });
    for (const { replica, resource, metrics: all, points } of sampled.values()) {
      const data = [...all].map(([name, { kind, points: of }]) => {
        const family = { name, help: "", kind } as Family;
        const scalars = kind === "histogram" ? [] : (of as DataPoint<number>[]);
        return metricData(family, scalars, kind === "histogram" ? (of as DataPoint<OtlpHistogram>[]) : []);
      });
      metrics.push({ replica, points, data: { resource, scopeMetrics: [{ scope: scrapeScope, metrics: data }] } });
    }
    const taken = { metrics, logs, spans };
    sampled = new Map();
    scraped = new Map();
    logs = [];
    spans = [];
    return taken;
  }

  function line_(resource: Resource, line: LogLine, attributes: Labels): void {
    logs.push({
      hrTime: time(line.atMs),
      hrTimeObserved: time(line.atMs),
      severityText: line.severity,
      severityNumber: SeverityNumber[line.severity === "WARNING" ? "WARN" : line.severity],
      body: line.body,
      resource,
      instrumentationScope: loggerScope(line.logger),
      attributes,
      droppedAttributesCount: 0,
    });
  }

  function span(replica: Replica, request: FinishedRequest): void {
    const { dispatchedAt, finishedAt } = request;
    const ids = { traceId: random.hex(16), spanId: random.hex(8) };
    const shift = replica.clockMs;
    const from = dispatchedAt + shift;
    const attributes = engineAttributes(scenario, request);
    const told = {
      ...ids,
      service: "",
      name: "llm_request",
      kind: SpanKind.SERVER,
      from,
      to: finishedAt + shift,
      attributes,
    };
    spans.push(readableSpan(told, resourceOf(replica), traceScope, time));
  }

  function sample(source: Source, nowMs: number): void {
    const shift = source.clockMs();
    const endTime = time(nowMs + shift);
    const page = source.page(nowMs);
    const about = source.resource();
    const key = `${source.key} ${about["service.instance.id"]}`;
    let entry = sampled.get(key);
    if (entry === undefined) {
      entry = { replica: source.key, resource: resourceFromAttributes(about), metrics: new Map(), points: 0 };
      sampled.set(key, entry);
    }
    const startTime = time(source.since() + shift);
    addPoint(entry, "up", "gauge", { startTime: endTime, endTime, attributes: {}, value: page === undefined ? 0 : 1 });
    for (const series of page ?? []) {
      const { name, kind, labels: attributes } = series;
      if (kind === "histogram") {
        const { bounds, counts, count, sum } = series.histogram;
        const value = { buckets: { boundaries: [...bounds], counts: [...counts] }, count, sum };
        addPoint(entry, name, kind, { startTime, endTime, attributes, value });
      } else addPoint(entry, name, kind, { startTime, endTime, attributes, value: series.value });
    }
  }

  // The exporter groups records by the identity of their scope.
  const scopes = new Map<string, { name: string }>();
  function loggerScope(name: string): { name: string } {
    const known = scopes.get(name) ?? { name };
    scopes.set(name, known);
    return known;
  }

  return {
    scrape,
    log: (replica, line) => line_(resourceOf(replica), { ...line, atMs: line.atMs + replica.clockMs }, {}),
    line: (about, line, attributes = {}) => line_(aboutOf(about), line, attributes),
    span,
    appSpan(told) {
      spans.push(readableSpan(told, aboutOf({ "service.name": told.service }), genAiScope, time));
    },
    sample,
    take,
  };
}
