// A rule whose series nobody emits never fires. Every selector of every pack is held against what really arrives: engines' and
// exporters' metrics by the mappings and pages, series made of spans and texts by making them, own metrics by the source.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseRuleFile } from "../../src/detect/rules/rule-file.ts";
import type { LabelMatcher } from "../../src/model/ports/series-source.ts";
import { ratioBounds, type SpanGroup, spanBounds, textCounters } from "../../src/model/ports/span-reader.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { catalogue } from "../../src/model/signal.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { createSpanSeries } from "../../src/observe/span-series.ts";
import { measures } from "../../src/probe/canary.ts";
import { createProbeSeries } from "../../src/probe/series.ts";
import { compileMatcher } from "../../src/promql/matcher.ts";

const directory = "rules/packs";
const packs = readdirSync(directory).filter((name) => name.endsWith(".rules.yaml"));
const { mappings } = await loadMappings("rules/signals");

/** Metrics of what engines run on that become no canonical signal: exporters that are there all the same. */
const ofOtherExporters = new Set([
  "up",
  // Of the process collector of Prometheus's client libraries, which vLLM and SGLang answer with.
  "process_start_time_seconds",
  "apiserver_request_duration_seconds",
  "controller_runtime_reconcile_total",
  "kubelet_volume_stats_available_bytes",
  "kubelet_volume_stats_capacity_bytes",
  // Of the endpoint picker of the Gateway API Inference Extension, and of Knative.
  "inference_pool_average_kv_cache_utilization",
  "inference_pool_average_queue_size",
  "inference_pool_ready_pods",
  "revision_request_count",
]);

/** What users send themselves, as rules/packs/README.md says. */
const sentByUsers = new Set(["homeostat_feedback_total", "homeostat_budget_usd_per_day"]);

/** Labels that any series has, or that a collector's connector adds where it is told to. */
const labelsOfAll = ["job", "instance", "entity", "service_name", "homeostat_scenario", "tenant", "le"];

interface Selected {
  readonly rule: string;
  readonly metric: string;
  readonly matchers: readonly LabelMatcher[];
}

function selectorsOf(pack: string): Selected[] {
  const { file } = parseRuleFile(pack, readFileSync(join(directory, pack), "utf8"));
  const rules = file!.groups.flatMap((group) => group.rules);
  const recorded = new Set(rules.filter(({ kind }) => kind === "record").map(({ name }) => name));
  return rules.flatMap(({ name, expr }) =>
    expr.selectors
      .map(({ matchers }) => ({
        rule: name,
        metric: nameOf(matchers),
        matchers: matchers.filter((matcher) => matcher.name !== "__name__"),
      }))
      .filter(({ metric }) => !recorded.has(metric)),
  );
}

/** Of those that take many names, a canonical one that is among them. */
function nameOf(matchers: readonly LabelMatcher[]): string {
  const named = matchers.filter(({ name }) => name === "__name__");
  const exact = named.find(({ op }) => op === "=")?.value;
  if (exact !== undefined || named.length === 0) return exact ?? "";
  const tests = named.map(compileMatcher);
  return catalogue.find(({ metric }) => tests.every((test) => test(metric)))?.metric ?? "";
}

/** Names as they go by whatever way: Ray's prefix, `:` as `_`, with or without `_total`, whole or in pieces. */
function plain(name: string): string {
  const flat = name.replace(/[:.]/g, "_").replace(/^ray_(?=(?:vllm|sglang|llamacpp|trtllm)_)/, "");
  return flat.replace(/_(bucket|sum|count)$/, "").replace(/_total$/, "");
}

/** Canonical series are made of whatever an engine or an application reports. */
const known = new Set(catalogue.map(({ metric }) => plain(metric)));
for (const { prefixes, signals, unmapped } of mappings) {
  const names = Object.values(signals)
    .flat()
    .flatMap(({ names, plus, per }) => [...names, ...plus, ...per]);
  for (const name of [...names, ...unmapped.flatMap((one) => one.names)])
    for (const prefix of prefixes) known.add(plain(prefix + name));
}
const isKnown = (metric: string): boolean => {
  const name = plain(metric);
  if (known.has(name)) return true;
  if (ofOtherExporters.has(metric) || ofOtherExporters.has(metric.replace(/_(bucket|sum|count)$/, ""))) return true;
  return [...known].some((pattern) => pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1)));
};

/** All that is made of a probe of a canary that had an answer. */
function probeSamples() {
  const series = createProbeSeries("canary", { model: "m" }, 60_000);
  const about = { probe: "canary", case: "a", target: "t", entity: "replica:a", model: "m", at: 0, reason: "" };
  const verdicts = measures.map((measure) => ({ measure, pValue: 1, worse: 0, better: 0, isWorse: false }));
  series.note([{ ...about, outcome: "passed", says: "", seconds: 1, tokens: 1, score: 1 }], verdicts, 0);
  return series.samples({ "service.name": "s", parent: "deployment:s" }, 0, 0);
}

/** Labels and their values of all that is made from a span that says everything, and of probes, by metric. */
function madeSeries(): Map<string, Map<string, Set<string>>> {
  const buckets = [...spanBounds.map(() => 1), 1];
  const group: SpanGroup = {
    at: 10_000,
    service: "s",
    scenario: "translation",
    operation: "chat",
    kind: "Client",
    status: "Error",
    errorType: "429",
    model: "m",
    genAi: "chat",
    provider: "p",
    tool: "t",
    finishReason: "length",
    count: 2,
    seconds: 2,
    buckets,
    firstTokens: { count: 1, seconds: 1, buckets },
    inputTokens: 1,
    outputTokens: 1,
    cachedTokens: 1,
    costUsd: 1,
    texts: Object.keys(textCounters).map(() => 1),
    lengthRatios: { count: 1, sum: 1, buckets: [...ratioBounds.map(() => 1), 1] },
  };
  const made = new Map<string, Map<string, Set<string>>>();
  const ofSpans = createSpanSeries(5000, silentTelemetry).samplesOf([group], 10_000);
  for (const { metric, resource, attributes } of [...ofSpans, ...probeSamples()]) {
    const labels = made.get(metric) ?? new Map<string, Set<string>>();
    made.set(metric, labels);
    for (const [name, value] of Object.entries({ ...resource, ...attributes })) {
      const label = name.replace(/\W/g, "_");
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
  }
  return made;
}

const made = madeSeries();
/** Labels whose every value the product itself gives. */
const closedLabels = ["side", "fact", "claim", "empty", "token_type", "status_code", "measure"];

const source = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(join("src", name), "utf8"))
  .join("\n");
const ownNames = new Set([...source.matchAll(/"(homeostat\.[a-z_.]+)"/g)].map(([, name]) => name!.replace(/\./g, "_")));

describe.each(packs)("%s", (pack) => {
  const selected = selectorsOf(pack);

  it("reads series that really come", () => {
    const unknown = selected.filter(({ metric }) => {
      if (made.has(metric.replace(/_(bucket|sum|count)$/, "")) || sentByUsers.has(metric)) return false;
      if (metric.startsWith("homeostat_")) return !ownNames.has(metric.replace(/_total$/, ""));
      return !isKnown(metric) && !catalogue.some((signal) => signal.metric === metric);
    });
    expect(unknown.map(({ rule, metric }) => `${rule}: ${metric}`)).toEqual([]);
  });

  it("asks series made of spans and texts for labels and values that they have", () => {
    const wrong: string[] = [];
    for (const { rule, metric, matchers } of selected) {
      const labels = made.get(metric.replace(/_(bucket|sum|count)$/, ""));
      if (labels === undefined) continue;
      for (const matcher of matchers) {
        const values = labels.get(matcher.name);
        const { name, op, value } = matcher;
        if (values === undefined && !labelsOfAll.includes(name)) wrong.push(`${rule}: ${metric} has no label ${name}`);
        else if (closedLabels.includes(name) && ![...(values ?? [])].some(compileMatcher(matcher)))
          wrong.push(`${rule}: no ${metric} has ${name}${op}"${value}"`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
