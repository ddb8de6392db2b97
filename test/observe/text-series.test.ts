// Counts of texts as series: which, for whom, how many at most, and that the rule packs' README says the same.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ratioBounds, type SpanGroup, textCounters } from "../../src/model/ports/span-reader.ts";
import { createTextSeries } from "../../src/observe/text-series.ts";
import { textThresholds } from "../../src/store/read/text-counts.ts";
import { countingTelemetry } from "./raw.ts";

const readme = readFileSync("rules/packs/README.md", "utf8");
const counters = Object.keys(textCounters);

function group(more: Partial<SpanGroup>, counts: Partial<Record<keyof typeof textCounters, number>> = {}): SpanGroup {
  const about = { service: "s", scenario: "", operation: "", kind: "", status: "", errorType: "", tool: "" };
  const call = { model: "", genAi: "", provider: "", finishReason: "", count: 0, seconds: 0, buckets: [] };
  const amounts = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 };
  const none = { count: 0, sum: 0, buckets: [] };
  const texts = counters.map((name) => counts[name as keyof typeof textCounters] ?? 0);
  const firstTokens = { count: 0, seconds: 0, buckets: [] };
  return { at: 5000, ...about, ...call, ...amounts, texts, firstTokens, lengthRatios: none, ...more };
}

test("a flag is a series from the first time it is raised, and says zero from then on", () => {
  const series = createTextSeries(countingTelemetry());
  const told = (samples: ReturnType<typeof series.samplesOf>) =>
    samples.map((one) => [one.attributes["fact"] ?? one.metric, one.kind === "distribution" ? one.sum : one.value]);
  expect(told(series.samplesOf(group({}, { outputSeen: 3 })))).toEqual([["homeostat_text_seen_total", 3]]);
  expect(told(series.samplesOf(group({ at: 10_000 }, { outputSeen: 2, outputLoop: 1 })))).toEqual([
    ["homeostat_text_seen_total", 2],
    ["loop", 1],
  ]);
  expect(told(series.silence(15_000))).toEqual([
    ["homeostat_text_seen_total", 0],
    ["loop", 0],
  ]);
  expect(series.silence(15_000)).toEqual([]);
  expect(series.silence(1_000_000)).toEqual([]);
  expect(series.samplesOf(group({}))).toEqual([]);
});

test("scenario, model and ratio go along", () => {
  const series = createTextSeries(countingTelemetry());
  const buckets = [...ratioBounds.map(() => 0), 1];
  const [sample] = series.samplesOf(
    group({ scenario: "translation", model: "m", lengthRatios: { count: 1, sum: 20, buckets } }),
  );
  expect(sample).toMatchObject({
    metric: "homeostat_text_length_ratio",
    resource: { "service.name": "s", "homeostat.scenario": "translation" },
    attributes: { gen_ai_request_model: "m" },
    bounds: ratioBounds,
    counts: buckets,
  });
  expect(ratioBounds).toContain(1);
});

test("models, and then services, beyond the limit are told as one, and counted", () => {
  const telemetry = countingTelemetry();
  const series = createTextSeries(telemetry);
  const names = new Set<string>();
  for (let i = 0; i < 3000; i++) {
    const [sample] = series.samplesOf(group({ service: `s-${i}`, model: `m-${i}` }, { inputSeen: 1 }));
    names.add(`${sample?.resource["service.name"]} ${sample?.attributes["gen_ai_request_model"]}`);
  }
  expect(names.size).toBe(1001);
  expect(names).toContain("other other");
  expect(telemetry.counts.get("homeostat.observe.merged/text-limit")).toBe(2500);
});

test("the README names every series, label and threshold", () => {
  for (const { metric, labels } of Object.values(textCounters)) {
    expect(readme).toContain(`\`${metric}\``);
    for (const value of Object.values(labels)) expect(readme, metric).toContain(`\`${value}\``);
  }
  const { loopShare, loopCharacters, garbledShare, garbledCharacters, copiedShare, languageConfidence } =
    textThresholds;
  expect(readme).toContain(`\`loop_share\` at least ${loopShare}, of at least ${loopCharacters} characters`);
  expect(readme).toContain(`\`garbled_share\` at least ${garbledShare}, and at least ${garbledCharacters} such`);
  expect(readme).toContain(`\`copy_ratio\` at least ${copiedShare}`);
  expect(readme).toContain(`\`language_confidence\` of at least ${languageConfidence}`);
});
