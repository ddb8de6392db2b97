// RED series of services and GenAI facts, from counted spans: names as OpenTelemetry's spanmetrics connector has them.
import type { Labels } from "../model/labels.ts";
import type { MadeSample } from "../model/ports/series-sink.ts";
import { type SpanGroup, spanBounds } from "../model/ports/span-reader.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../model/time.ts";
import { createTextSeries, ownerOf, resourceOf } from "./text-series.ts";

export interface SpanSeries {
  /**
   * Samples of the groups. An operation seen within ten minutes that had no span says zero at `upTo`, so that nothing called
   * is told from nothing known.
   */
  samplesOf(groups: readonly SpanGroup[], upTo: Instant): readonly MadeSample[];
}

interface Known {
  readonly tenant?: string;
  readonly resource: Labels;
  readonly attributes: Labels;
  /** Types of its errors; a call that failed without one has "". */
  readonly errors: Set<string>;
  lastAt: Instant;
  toldAt: Instant;
}

const operationsMax = 1000;
/** Services whose further operations are told as one. */
const servicesMax = 200;
/** Types of errors told apart of one operation; the rest is `other`. */
const errorTypesMax = 20;
const quietMs = 600_000;
const prefix = "traces_span_metrics_";
const prefixes = [prefix, "homeostat_text_", "homeostat_retrieval_", "log_template_"];
const none = spanBounds.map(() => 0).concat(0);

export function createSpanSeries(stepMs: DurationMs, telemetry: Telemetry): SpanSeries {
  const known = new Map<string, Known>();
  const texts = createTextSeries(telemetry);

  return {
    samplesOf(groups, upTo) {
      const samples: MadeSample[] = [];
      for (const group of groups) {
        if (group.count > 0) samples.push(...samplesOfGroup(group, remember(group)));
        samples.push(...texts.samplesOf(group));
      }
      const step = Math.floor(upTo / stepMs) * stepMs;
      for (const [key, operation] of known) {
        if (step - operation.lastAt > quietMs) known.delete(key);
        else if (step > operation.toldAt) {
          operation.toldAt = step;
          samples.push(...silence(operation, step));
        }
      }
      samples.push(...texts.silence(step));
      return samples;
    },
  };

  /** Labels of the group's operation. Beyond the limit the operations of a service are told as one, and then services. */
  function remember(group: SpanGroup): Known {
    let resource = resourceOf(group.service, group.scenario);
    let attributes = attributesOf(group);
    let key = JSON.stringify([group.tenant, resource, attributes]);
    if (!known.has(key) && known.size >= operationsMax) {
      telemetry.count("homeostat.observe.merged", group.count, { reason: "operation-limit" });
      resource = resourceOf(known.size >= operationsMax + servicesMax ? "other" : group.service, "");
      attributes = { span_name: "other", span_kind: kindOf(group) };
      key = JSON.stringify([group.tenant, resource, attributes]);
    }
    let operation = known.get(key);
    if (operation === undefined) {
      operation = { ...ownerOf(group), resource, attributes, errors: new Set(), lastAt: group.at, toldAt: group.at };
      known.set(key, operation);
    }
    operation.lastAt = Math.max(operation.lastAt, group.at);
    operation.toldAt = Math.max(operation.toldAt, group.at);
    return operation;
  }
}

/** Whether a series counts spans, here or in a collector, the texts in them, or log lines: it is of a service, not of a replica. */
export function isOfSpans({ metric }: { readonly metric: string }): boolean {
  return prefixes.some((each) => metric.startsWith(each));
}

function samplesOfGroup(group: SpanGroup, { resource, attributes, errors }: Known): readonly MadeSample[] {
  const { at, count, firstTokens } = group;
  const about = { ...ownerOf(group), at, resource, unit: "" };
  const counted = (metric: string, value: number, more: Labels = {}): MadeSample => ({
    ...about,
    kind: "count",
    metric: prefix + metric,
    attributes: { ...attributes, ...more },
    value,
  });
  const failed = group.status === "Error" ? count : 0;
  const samples: MadeSample[] = [
    counted("calls_total", failed, errorLabels(errors, group.errorType)),
    counted("calls_total", count - failed, { status_code: "STATUS_CODE_UNSET" }),
    distribution("duration_seconds", group.seconds, group.buckets),
  ];
  if (firstTokens.count > 0)
    samples.push(distribution("time_to_first_token_seconds", firstTokens.seconds, firstTokens.buckets));
  if (group.costUsd > 0) samples.push(counted("cost_usd_total", group.costUsd));
  if (group.finishReason !== "")
    samples.push(counted("finish_reasons_total", count, { finish_reason: group.finishReason }));
  if (group.genAi !== "" || group.inputTokens + group.outputTokens > 0) {
    samples.push(
      counted("tokens_total", group.inputTokens, { token_type: "input" }),
      counted("tokens_total", group.outputTokens, { token_type: "output" }),
    );
    if (group.cachedTokens > 0) samples.push(counted("tokens_total", group.cachedTokens, { token_type: "cached" }));
  }
  return samples;

  function distribution(metric: string, sum: number, counts: readonly number[]): MadeSample {
    return {
      ...about,
      kind: "distribution",
      metric: prefix + metric,
      unit: "s",
      attributes,
      sum,
      bounds: spanBounds,
      counts,
    };
  }
}

function silence(operation: Known, at: Instant): readonly MadeSample[] {
  const { resource, attributes, errors } = operation;
  const about = { ...ownerOf(operation), at, resource, unit: "" };
  const calls = (labels: Labels): MadeSample => ({
    ...about,
    kind: "count",
    metric: `${prefix}calls_total`,
    attributes: { ...attributes, ...labels },
    value: 0,
  });
  const durations: MadeSample = {
    ...about,
    kind: "distribution",
    metric: `${prefix}duration_seconds`,
    unit: "s",
    attributes,
    sum: 0,
    bounds: spanBounds,
    counts: none,
  };
  const failed = [...new Set(["", ...errors])].map((type) => calls(errorLabels(errors, type)));
  return [...failed, calls({ status_code: "STATUS_CODE_UNSET" }), durations];
}

function errorLabels(errors: Set<string>, type: string): Labels {
  const known = errors.has(type) || errors.size < errorTypesMax ? type : "other";
  errors.add(known);
  return { status_code: "STATUS_CODE_ERROR", ...(known === "" ? {} : { error_type: known }) };
}

function attributesOf(group: SpanGroup): Labels {
  const { operation, model, genAi, provider, tool } = group;
  const labels: Record<string, string> = { span_name: operation, span_kind: kindOf(group) };
  if (model !== "") labels["gen_ai_request_model"] = model;
  if (genAi !== "") labels["gen_ai_operation_name"] = genAi;
  if (provider !== "") labels["gen_ai_provider_name"] = provider;
  if (tool !== "") labels["gen_ai_tool_name"] = tool;
  return labels;
}

function kindOf({ kind }: SpanGroup): string {
  return `SPAN_KIND_${kind.toUpperCase()}`;
}
