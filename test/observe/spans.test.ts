// Spans sent over the wire become RED series and GenAI facts that PromQL finds and that feed the signals of a service.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SpanGroup, spanBounds } from "../../src/model/ports/span-reader.ts";
import { pageOf } from "../../src/observe/made-series.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { createSpanSeries } from "../../src/observe/span-series.ts";
import { evaluateInstantSync } from "../../src/promql/evaluate.ts";
import { parsed } from "../promql/helpers.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";
import { countingTelemetry } from "./raw.ts";
import { framesOf, setUp } from "./set-up.ts";

const folder = temporaryFolder();
const { mappings } = await loadMappings("rules/signals");
let service: Awaited<ReturnType<typeof serviceIn>>;
beforeAll(async () => {
  service = await serviceIn(folder.path);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  folder.remove();
});

const begin = Math.floor(Date.now() / 60_000) * 60_000 - 120_000;
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

/** A chat call that took `tookMs` and began `afterMs` in. */
function span(i: number, afterMs: number, tookMs: number, failed: boolean) {
  const nano = (ms: number): string => `${begin + ms}000000`;
  return {
    traceId: i.toString(16).padStart(32, "a"),
    spanId: i.toString(16).padStart(16, "b"),
    name: "chat model-x",
    kind: 3,
    startTimeUnixNano: nano(afterMs),
    endTimeUnixNano: nano(afterMs + tookMs),
    status: { code: failed ? 2 : 0 },
    attributes: [
      text("gen_ai.operation.name", "chat"),
      text("gen_ai.system", "openai"),
      text("gen_ai.request.model", "model-x"),
      { key: "gen_ai.usage.prompt_tokens", value: { intValue: "100" } },
      { key: "gen_ai.usage.output_tokens", value: { intValue: "20" } },
      { key: "gen_ai.latency.time_to_first_token", value: { doubleValue: 0.3 } },
      {
        key: "gen_ai.response.finish_reasons",
        value: { arrayValue: { values: [{ stringValue: i % 4 === 0 ? "length" : "stop" }] } },
      },
      text("gen_ai.input.messages", "x".repeat(50)),
    ],
  };
}

async function send(spans: readonly object[]): Promise<void> {
  const resource = { attributes: [text("service.name", "shop")] };
  const body = JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${service.otlpUrl}/v1/traces`, { method: "POST", headers, body });
  expect(answer.status).toBe(200);
}

describe("spans", () => {
  test("are counted in the engine by what they have in common, each once, and become series", async () => {
    // Two calls a second for a minute: of 2 s, every tenth fails.
    const spans = Array.from({ length: 120 }, (_, i) => span(i + 1, i * 500, 2000, (i + 1) % 10 === 0));
    await send(spans.slice(0, 70));
    await send(spans.slice(70));
    const stepMs = 5000;
    const groups: SpanGroup[] = [];
    let cursor = "";
    await until(async () => {
      const page = await service.store.spans.spansAfter(cursor, 0, stepMs);
      cursor = page.cursor;
      groups.push(...page.groups);
      return groups.reduce((sum, { count }) => sum + count, 0) >= 120;
    });
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(120);
    const [one] = groups;
    expect(one).toMatchObject({ service: "shop", kind: "Client", model: "model-x", genAi: "chat", provider: "openai" });
    expect(groups.every((group) => group.seconds === group.count * 2 && group.inputTokens === group.count * 100)).toBe(
      true,
    );
    const two = spanBounds.indexOf(2);
    expect(
      groups.every((group) => group.buckets[two] === group.count && group.buckets.length === spanBounds.length + 1),
    ).toBe(true);
    const [seen, characters] = [0, 1];
    expect(groups.every(({ texts, count }) => texts[seen] === count && texts[characters] === count * 50)).toBe(true);

    const { head, reader } = setUp({ mappings, latenessMs: 0 }, undefined, service.store.spans);
    const frames = await framesOf(head, reader, [], [], begin + 61_000);
    expect(frames.length).toBeGreaterThan(0);
    const at = begin + 60_000;
    const value = (query: string): number | undefined => {
      const result = evaluateInstantSync(parsed(query), at, head);
      return result.kind === "vector" ? result.samples[0]?.value : undefined;
    };
    expect(value("app:requests:rate")).toBeCloseTo(2);
    expect(value("app:errors:rate")).toBeCloseTo(0.2);
    expect(value("app:error_ratio")).toBeCloseTo(0.1);
    expect(value("app:input_tokens:rate")).toBeCloseTo(200);
    expect(value("app:output_tokens:rate")).toBeCloseTo(40);
    expect(value("app:truncated_ratio")).toBeCloseTo(0.25, 1);
    expect(value("app:text_length_characters:mean")).toBeCloseTo(50);
    expect(value("app:duration_seconds:p95")).toBeCloseTo(1.5 + 0.5 * 0.95);
    expect(value("app:first_chunk_seconds:p95")).toBeCloseTo(0.2 + 0.2 * 0.95);
    expect(
      value(
        'sum(rate(traces_span_metrics_calls_total{service_name="shop",span_name="chat model-x"}[20s])) by (service_name)',
      ),
    ).toBeCloseTo(2, 0);
    // Any quantile, not only the one that has a name.
    expect(
      value("histogram_quantile(0.5, sum(rate(traces_span_metrics_duration_seconds_bucket[20s])) by (le))"),
    ).toBeCloseTo(1.75);
    expect(value("histogram_quantile(0.5, sum(rate(app:duration_seconds_bucket[20s])) by (le))")).toBeCloseTo(1.75);
  });

  test("that are too many to tell apart are told as one, and counted", () => {
    const telemetry = countingTelemetry();
    const series = createSpanSeries(5000, telemetry);
    const groups = Array.from({ length: 1500 }, (_, i) => group(`op-${i}`));
    const samples = series.samplesOf(groups, 5000);
    const names = new Set(samples.map((sample) => sample.attributes["span_name"]));
    expect(names.size).toBe(1001);
    expect(names.has("other")).toBe(true);
    expect(telemetry.counts.get("homeostat.observe.merged/operation-limit")).toBe(500);
  });

  test("an operation that falls silent says zero for a while, then nothing", () => {
    const series = createSpanSeries(5000, countingTelemetry());
    series.samplesOf([group("op")], 5000);
    const calls = (upTo: number): number[] =>
      series.samplesOf([], upTo).flatMap((sample) => (sample.kind === "count" ? [sample.value] : []));
    expect(calls(12_000)).toEqual([0, 0]);
    expect(calls(13_000)).toEqual([]);
    expect(calls(1_000_000)).toEqual([]);
  });

  test("of several tenants are each its own, in silence too", () => {
    const series = createSpanSeries(5000, countingTelemetry());
    const groups = ["default", "acme"].map((tenant) => ({ ...group("a"), tenant }));
    for (const samples of [series.samplesOf(groups, 5000), series.samplesOf([], 10_000)]) {
      const { series: made } = pageOf(samples, 5000);
      expect(new Set(made.map(({ hash }) => hash)).size).toBe(6);
      expect(made.map(({ tenant }) => tenant)).toEqual([...Array(3).fill("default"), ...Array(3).fill("acme")]);
    }
  });
});

function group(operation: string): SpanGroup {
  const buckets = [...spanBounds.map(() => 0), 1];
  const about = { service: "s", scenario: "", kind: "Server", status: "Ok", errorType: "", tool: "" };
  const facts = { ...about, model: "", genAi: "", provider: "", finishReason: "", texts: [] };
  const amounts = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 };
  const lengthRatios = { count: 0, sum: 0, buckets: [] };
  const firstTokens = { count: 0, seconds: 0, buckets };
  return { at: 5000, operation, count: 1, seconds: 1, buckets, firstTokens, lengthRatios, ...facts, ...amounts };
}
