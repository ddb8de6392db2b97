// Telemetry of the fleet as the OpenTelemetry SDK's exporters take it, with virtual timestamps.
import { type HrTime, SpanKind, SpanStatusCode, TraceFlags, ValueType } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableLogRecord } from "@opentelemetry/sdk-logs";
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type Histogram as OtlpHistogram,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { Instant } from "../model/time.ts";
import type { FinishedRequest } from "./fleet.ts";
import { models } from "./hardware.ts";
import type { LogLine } from "./log-lines.ts";
import { engineLabels, type Family, families } from "./metrics.ts";
import type { Random } from "./random.ts";
import type { Replica } from "./replica.ts";
import type { Scenario } from "./scenario.ts";

export interface Recorder {
  /** Notes what a scrape of every replica would give at this virtual time. */
  scrape(replicas: readonly Replica[], nowMs: number): void;
  log(replica: Replica, line: LogLine): void;
  span(replica: Replica, request: FinishedRequest): void;
  /** Everything noted since the last call, oldest first; metrics one entry for each replica and version. */
  take(): Recorded;
}

export interface Recorded {
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
const upFamily = { name: "up", help: "The scraping was successful" };

/** `startAt` is the Unix time of virtual time zero. What it notes grows until taken; the caller takes often. */
export function createRecorder(scenario: Scenario, startAt: Instant, random: Random): Recorder {
  const labels = { ...engineLabels(scenario) };
  const resources = new Map<string, Resource>();
  let scraped = new Map<string, Scraped>();
  let logs: ReadableLogRecord[] = [];
  let spans: ReadableSpan[] = [];

  const time = (ms: number): HrTime => hrTime(startAt + ms);

  function resourceOf(replica: Replica): Resource {
    const key = `${replica.name} ${replica.spec.version}`;
    let resource = resources.get(key);
    if (resource === undefined) {
      resource = resourceFromAttributes({
        "service.name": scenario.deployment,
        "service.instance.id": replica.name,
        "service.version": replica.spec.version,
        "k8s.deployment.name": scenario.deployment,
        "k8s.pod.name": replica.name,
        "host.name": replica.host,
      });
      resources.set(key, resource);
    }
    return resource;
  }

  function scrapedOf(replica: Replica): Scraped {
    const key = `${replica.name} ${replica.spec.version}`;
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
    const endTime = time(nowMs);
    for (const replica of replicas) {
      const entry = scrapedOf(replica);
      const serving = replica.state === "serving";
      entry.up.push({ startTime: endTime, endTime, attributes: {}, value: serving ? 1 : 0 });
      entry.points++;
      if (!serving) continue;
      const startTime = time(replica.startedAt);
      families.forEach((family, i) => {
        if (family.kind === "histogram") {
          const { bounds, counts, count, sum } = family.histogram(replica.engine.stats);
          const value = { buckets: { boundaries: [...bounds], counts: [...counts] }, count, sum };
          entry.histograms[i]!.push({ startTime, endTime, attributes: labels, value });
          entry.points++;
          return;
        }
        for (const sample of family.samples(replica, scenario)) {
          entry.scalars[i]!.push({ startTime, endTime, attributes: sample.labels, value: sample.value });
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
    const taken = { metrics, logs, spans };
    scraped = new Map();
    logs = [];
    spans = [];
    return taken;
  }

  function log(replica: Replica, line: LogLine): void {
    logs.push({
      hrTime: time(line.atMs),
      hrTimeObserved: time(line.atMs),
      severityText: line.severity,
      severityNumber: SeverityNumber[line.severity === "WARNING" ? "WARN" : line.severity],
      body: line.body,
      resource: resourceOf(replica),
      instrumentationScope: loggerScope(line.logger),
      attributes: {},
      droppedAttributesCount: 0,
    });
  }

  function span(replica: Replica, request: FinishedRequest): void {
    const { dispatchedAt, scheduledAt, firstTokenAt, finishedAt } = request;
    const traceId = random.hex(16);
    const spanId = random.hex(8);
    const seconds = (fromMs: number, toMs: number): number => (toMs - fromMs) / 1000;
    spans.push({
      name: "llm_request",
      kind: SpanKind.SERVER,
      spanContext: () => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED }),
      startTime: time(dispatchedAt),
      endTime: time(finishedAt),
      duration: hrTime(finishedAt - dispatchedAt),
      status: { code: SpanStatusCode.UNSET },
      attributes: {
        "gen_ai.request.id": `chatcmpl-${request.id}`,
        "gen_ai.request.max_tokens": scenario.workload.output.max,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.n": 1,
        "gen_ai.response.model": models[scenario.model].name,
        "gen_ai.usage.prompt_tokens": request.promptTokens,
        "gen_ai.usage.completion_tokens": request.generatedTokens,
        "gen_ai.latency.time_in_queue": seconds(dispatchedAt, scheduledAt),
        "gen_ai.latency.time_to_first_token": seconds(dispatchedAt, firstTokenAt),
        "gen_ai.latency.e2e": seconds(dispatchedAt, finishedAt),
        "gen_ai.latency.time_in_model_prefill": seconds(scheduledAt, firstTokenAt),
        "gen_ai.latency.time_in_model_decode": seconds(firstTokenAt, finishedAt),
        "gen_ai.latency.time_in_model_inference": seconds(scheduledAt, finishedAt),
      },
      links: [],
      events: [],
      ended: true,
      resource: resourceOf(replica),
      instrumentationScope: traceScope,
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    });
  }

  // The exporter groups records by the identity of their scope.
  const scopes = new Map<string, { name: string }>();
  function loggerScope(name: string): { name: string } {
    const known = scopes.get(name) ?? { name };
    scopes.set(name, known);
    return known;
  }

  return { scrape, log, span, take };
}

function metricData(family: Family, scalars: DataPoint<number>[], histograms: DataPoint<OtlpHistogram>[]): MetricData {
  const descriptor = { name: family.name, description: family.help, unit: "", valueType: ValueType.DOUBLE };
  const aggregationTemporality = AggregationTemporality.CUMULATIVE;
  switch (family.kind) {
    case "histogram":
      return { descriptor, aggregationTemporality, dataPointType: DataPointType.HISTOGRAM, dataPoints: histograms };
    case "gauge":
      return { descriptor, aggregationTemporality, dataPointType: DataPointType.GAUGE, dataPoints: scalars };
    case "counter":
      return {
        descriptor,
        aggregationTemporality,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: scalars,
      };
  }
}

/** Milliseconds as the SDK writes time: seconds and nanoseconds. */
export function hrTime(ms: number): HrTime {
  const microseconds = Math.round(ms * 1000);
  const seconds = Math.floor(microseconds / 1_000_000);
  return [seconds, (microseconds - seconds * 1_000_000) * 1000];
}
