// RED series of services and GenAI facts, from counted spans: names as OpenTelemetry's spanmetrics connector has them.
import type { Labels } from "../model/labels.ts";
import type { MadeSample } from "../model/ports/series-sink.ts";
import { type SpanGroup, spanBounds } from "../model/ports/span-reader.ts";
import type { Telemetry } from "../model/ports/telemetry.ts";
import type { DurationMs, Instant } from "../model/time.ts";

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
  lastAt: Instant;
  toldAt: Instant;
}

const operationsMax = 1000;
const quietMs = 600_000;
const prefix = "traces_span_metrics_";
const none = spanBounds.map(() => 0).concat(0);

export function createSpanSeries(stepMs: DurationMs, telemetry: Telemetry): SpanSeries {
  const known = new Map<string, Known>();

  return {
    samplesOf(groups, upTo) {
      const samples: MadeSample[] = [];
      for (const group of groups) samples.push(...samplesOfGroup(group, remember(group)));
      const step = Math.floor(upTo / stepMs) * stepMs;
      for (const [key, operation] of known) {
        if (step - operation.lastAt > quietMs) known.delete(key);
        else if (step > operation.toldAt) {
          operation.toldAt = step;
          samples.push(...silence(operation, step));
        }
      }
      return samples;
    },
  };

  /** Labels of the group's operation. Beyond the limit operations are told as one. */
  function remember(group: SpanGroup): Known {
    let attributes = attributesOf(group, group.operation);
    let key = JSON.stringify([group.tenant, group.service, attributes]);
    if (!known.has(key) && known.size >= operationsMax) {
      telemetry.count("homeostat.observe.merged", group.count, { reason: "operation-limit" });
      attributes = attributesOf(group, "other");
      key = JSON.stringify([group.tenant, group.service, attributes]);
    }
    let operation = known.get(key);
    if (operation === undefined) {
      const resource = { "service.name": group.service, "service.instance.id": group.service };
      operation = { ...ownerOf(group), resource, attributes, lastAt: group.at, toldAt: group.at };
      known.set(key, operation);
    }
    operation.lastAt = Math.max(operation.lastAt, group.at);
    operation.toldAt = Math.max(operation.toldAt, group.at);
    return operation;
  }
}

/** Whether a series counts spans, here or in a collector. */
export function isOfSpans({ metric }: { readonly metric: string }): boolean {
  return metric.startsWith(prefix);
}

function samplesOfGroup(group: SpanGroup, { resource, attributes }: Known): readonly MadeSample[] {
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
    counted("calls_total", failed, { status_code: "STATUS_CODE_ERROR" }),
    counted("calls_total", count - failed, { status_code: "STATUS_CODE_UNSET" }),
    distribution("duration_seconds", group.seconds, group.buckets),
  ];
  if (firstTokens.count > 0)
    samples.push(distribution("time_to_first_token_seconds", firstTokens.seconds, firstTokens.buckets));
  if (group.texts > 0)
    samples.push(counted("texts_total", group.texts), counted("text_characters_total", group.characters));
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
  const { resource, attributes } = operation;
  const about = { ...ownerOf(operation), at, resource, unit: "" };
  const calls = (status: string): MadeSample => ({
    ...about,
    kind: "count",
    metric: `${prefix}calls_total`,
    attributes: { ...attributes, status_code: status },
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
  return [calls("STATUS_CODE_ERROR"), calls("STATUS_CODE_UNSET"), durations];
}

function ownerOf({ tenant }: { readonly tenant?: string }): { readonly tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

function attributesOf({ kind, model, genAi, provider }: SpanGroup, operation: string): Labels {
  const labels: Record<string, string> = { span_name: operation, span_kind: `SPAN_KIND_${kind.toUpperCase()}` };
  if (model !== "") labels["model"] = model;
  if (genAi !== "") labels["gen_ai_operation_name"] = genAi;
  if (provider !== "") labels["gen_ai_provider_name"] = provider;
  return labels;
}
