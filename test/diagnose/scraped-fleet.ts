// Scraped replicas and their caller through the real Head, rules and catalogue, in virtual time: who answers a scrape, and who is gone.
import { Config } from "../../src/app/config-schema.ts";
import { loadKnowledge } from "../../src/app/knowledge.ts";
import { createRules } from "../../src/detect/rules/engine.ts";
import { createDiagnosis } from "../../src/diagnose/diagnose.ts";
import type { ChangeEvent } from "../../src/model/change.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { RawPoint, RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import { createHead } from "../../src/observe/head.ts";
import { memoryChanges, memoryLogs } from "./memory-sources.ts";

/**
 * What a scrape of a replica comes to: its page; nobody at its port; nothing at all of it any more, though nobody ended its series
 * (what pushes and is gone); its series ended at once and silence since (what is scraped no more).
 */
export type Answer = "page" | "refused" | "silent" | "ended";

export interface FleetStory {
  readonly replicas: readonly string[];
  readonly seconds: number;
  /** At a second since the start. */
  readonly answer: (replica: string, second: number) => Answer;
  /** Share of calls that fail; absent: nobody tells of calls. */
  readonly failing?: (second: number) => number;
  readonly changes?: readonly ChangeEvent[];
  readonly scrapeSeconds?: number;
  /** Whether an `up` series tells of scrapes: not of replicas that push. Default true. */
  readonly scraped?: boolean;
  /** Pages by the names of which engine. Default: vLLM's. */
  readonly engine?: keyof typeof engines;
  /** More series of a second, `metric{entity-less attributes}`, of a service of its own. */
  readonly also?: (
    second: number,
  ) => readonly { readonly metric: string; readonly value: number; readonly attributes: Record<string, string> }[];
}

export interface Told {
  readonly second: number;
  readonly what: "opened" | "resolved" | "diagnosed";
  readonly title: string;
  readonly mode?: string;
  readonly probability?: number;
  readonly location?: string;
}

export const fleetStart = Date.UTC(2026, 0, 14, 12);
const service = "chat-engine";
export const fleet = `deployment:${service}`;
const tickSeconds = 5;
const knowledge = loadKnowledge(Config.parse({ dataDirectory: "unused", detect: { learned: false } }));

const engines = {
  vllm: [
    ["vllm:num_requests_running", "gauge", () => 3],
    ["vllm:num_requests_waiting", "gauge", () => 0],
    ["vllm:kv_cache_usage_perc", "gauge", () => 0.3],
    ["vllm:generation_tokens_total", "sum", (second: number) => 300 * second],
    ["vllm:prompt_tokens_total", "sum", (second: number) => 900 * second],
  ],
  llamacpp: [
    ["llamacpp:requests_processing", "gauge", () => 1],
    ["llamacpp:requests_deferred", "gauge", () => 0],
    ["llamacpp:tokens_predicted_total", "sum", (second: number) => 90 * second],
    ["llamacpp:prompt_tokens_total", "sum", (second: number) => 40 * second],
    ["llamacpp:n_decode_total", "sum", (second: number) => 90 * second],
  ],
} as const;

/** Plays it from a calm beginning; detectors say nothing, as on a new installation. */
export async function playFleet(story: FleetStory): Promise<readonly Told[]> {
  const { replicas, seconds, answer, failing, also, scrapeSeconds = 5, scraped = true, engine = "vllm" } = story;
  const known = new Map<string, RawSeries>();
  const page: { series: RawSeries[]; points: RawPoint[] } = { series: [], points: [] };
  const since = new Map<string, number>();
  let cursor = 0;
  const add = (
    of: {
      metric: string;
      kind: "gauge" | "sum";
      service: string;
      instance: string;
      attributes?: Record<string, string>;
    },
    second: number,
    value: number,
    flags = 0,
  ): void => {
    const { metric, kind, attributes = {} } = of;
    const key = JSON.stringify(of);
    let series = known.get(key);
    if (series === undefined) {
      const resource = { "service.name": of.service, "service.instance.id": of.instance };
      const sum = kind === "sum";
      const hash = String(known.size + 1);
      series = {
        hash,
        metric,
        kind,
        unit: "",
        cumulative: sum,
        monotonic: sum,
        service: of.service,
        resource,
        attributes,
        bounds: [],
      };
      known.set(key, series);
      page.series.push(series);
    }
    const at = fleetStart + 1000 * second;
    page.points.push({
      hash: series.hash,
      at,
      start: kind === "sum" ? fleetStart : 0,
      value,
      count: 0,
      buckets: [],
      flags,
    });
  };

  const head = createHead(
    { ...headOptions(), mappings: knowledge.mappings },
    {
      reader: {
        async metricsAfter() {
          return { series: page.series.splice(0), points: page.points.splice(0), cursor: String(++cursor) };
        },
      },
      telemetry: silentTelemetry,
    },
  );
  const rules = createRules(knowledge.ruleFiles, { source: head, telemetry: silentTelemetry, externalUrl: "" });
  const diagnose = createDiagnosis(knowledge.modes, {
    source: head,
    changes: memoryChanges(story.changes),
    logs: memoryLogs(),
    telemetry: silentTelemetry,
  });
  const told: Told[] = [];
  const open = new Map<string, string>();
  const last = new Map<string, Answer>();
  let failed = 0;
  for (let second = 0; second <= seconds; second += tickSeconds) {
    for (const replica of second % scrapeSeconds === 0 ? replicas : []) {
      const now = answer(replica, second);
      const was = last.get(replica);
      last.set(replica, now);
      if (now === "page" && was !== "page") since.set(replica, second);
      const ends = was === "page" && (now === "refused" || now === "ended");
      for (const [metric, kind, value] of engines[engine]) {
        const of = { metric, kind, service, instance: replica };
        if (now === "page") add(of, second, value(second - (since.get(replica) ?? 0)));
        else if (ends) add(of, second, Number.NaN, 1);
      }
      const up = { metric: "up", kind: "gauge", service, instance: replica } as const;
      if (scraped && (now === "page" || now === "refused")) add(up, second, now === "page" ? 1 : 0);
      else if (scraped && now === "ended" && was !== "ended") add(up, second, Number.NaN, 1);
    }
    if (failing !== undefined) {
      const ratio = failing(second);
      failed += 2 * tickSeconds * ratio;
      const calls = {
        metric: "traces_span_metrics_calls_total",
        kind: "sum",
        service: "chat-app",
        instance: "chat-app-0",
      } as const;
      const attributes = { span_kind: "SPAN_KIND_CLIENT", gen_ai_operation_name: "chat", gen_ai_request_model: "m" };
      add({ ...calls, attributes: { ...attributes, status_code: "STATUS_CODE_ERROR" } }, second, failed);
      add({ ...calls, attributes: { ...attributes, status_code: "STATUS_CODE_UNSET" } }, second, 2 * second - failed);
    }
    for (const { metric, value, attributes } of also?.(second) ?? [])
      add(
        { metric, kind: "gauge", service: "kube-state-metrics", instance: "kube-state-metrics:8080", attributes },
        second,
        value,
      );
    const now = fleetStart + 1000 * second;
    await head.refresh(now);
    for (const frame of head.frames(now)) {
      await rules.evaluate(frame.at);
      const alerts = rules.all().filter(({ state }) => state === "firing");
      const out = await diagnose.step({
        at: frame.at,
        anomalies: [],
        alerts,
        entities: head.entities(),
        silenceTells: false,
      });
      for (const { id, state, title } of out.incidents) {
        const what = state === "resolved" ? "resolved" : "opened";
        if (open.get(id) !== what) told.push({ second, what, title });
        open.set(id, what);
      }
      for (const { causes } of out.diagnoses) {
        const { failureMode, probability, location, title } = causes[0]!;
        told.push({ second, what: "diagnosed", title, mode: failureMode, probability, location });
      }
    }
  }
  return told;
}

function headOptions() {
  const { window, step, rateWindow, lateness, idle, maxSeries } = Config.parse({ dataDirectory: "unused" }).observe;
  return { windowMs: window, stepMs: step, rateWindowMs: rateWindow, latenessMs: lateness, idleMs: idle, maxSeries };
}
