// Scenario files: what they say, and every mistake in them by its line.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formatMistake } from "../../src/model/yaml.ts";
import { parseScenario, type ScenarioFile } from "../../src/simulate/scenario-file.ts";
import { scenarioJsonSchema } from "../../src/simulate/scenario-schema.ts";

const good = `
scenario: { id: fm01-kv-storm-017, seed: 17, duration: 3600s }
engine: { model: llama3.1-8b, gpu: H100, tp: 1, replicas: 4, max_num_seqs: 256, max_num_batched_tokens: 8192, version: A }
workload: { source: azure-conv, scale: 1.4, classes: { chat: .7, rag: .2, agent: .1 } }
faults:
  - { id: f1, kind: kv_pool_shrink, target: "replica:2", at: 900s, ramp: 0s, hold: 1200s, params: { factor: 0.4 } }
telemetry: { scrape: 15s, drop: 0.01, skew: { "node:3": 2.5s }, dcgm_csv: full }
ground_truth:
  mode: FM-01
  onset: 900s
  root: { component: "replica:2", change: null }
  causal_path: [kv_blocks, preemption, recompute_prefill, ttft]
  acceptable_actions: [shed, { action: scale_out, within: 300s }]
  harmful_actions: [restart_all, drain_node]
  recovery: { metric: ttft_p95, below: 1.2x_baseline, within: 600s }
`;

function read(text: string): ScenarioFile {
  const parsed = parseScenario("s.yaml", text);
  if (!parsed.ok) throw new Error(parsed.mistakes.map(formatMistake).join("\n"));
  return parsed.value;
}

function mistakes(text: string): string[] {
  const parsed = parseScenario("s.yaml", text);
  return parsed.ok ? [] : parsed.mistakes.map(formatMistake);
}

test("a scenario says what is simulated and what is true", () => {
  const { scenario, durationMs, faults, truth } = read(good);
  expect(durationMs).toBe(3_600_000);
  expect(faults).toEqual(["f1"]);
  expect(scenario).toMatchObject({
    id: "fm01-kv-storm-017",
    seed: 17,
    model: "llama-3-8b",
    gpu: "h100",
    version: "A",
    classes: { chat: 0.7, rag: 0.2, agent: 0.1 },
    telemetry: { scrapeMs: 15_000, drop: 0.01, skewMs: { "3": 2500 }, dcgm: "full" },
    faults: [
      {
        kind: "kv_pool_shrink",
        target: "replica:2",
        atMs: 900_000,
        rampMs: 0,
        holdMs: 1_200_000,
        params: { factor: 0.4 },
      },
    ],
  });
  expect(scenario.workload.ratePerReplica).toBeCloseTo(7.742, 9);
  expect(truth).toEqual({
    mode: "FM-01",
    onset: 900_000,
    root: { component: "replica:2", change: null },
    causal_path: ["kv_blocks", "preemption", "recompute_prefill", "ttft"],
    acceptable_actions: [{ action: "shed" }, { action: "scale_out", within: 300_000 }],
    harmful_actions: ["restart_all", "drain_node"],
    recovery: { metric: "ttft_p95", below: "1.2x_baseline", within: 600_000 },
  });
});

test("parameters have defaults", () => {
  const text = good.replace("kv_pool_shrink", "canary_regress").replace(", params: { factor: 0.4 }", "");
  expect(read(text).scenario.faults[0]!.params).toEqual({ factor: 2.2, version: "0.11.0" });
});

describe("a mistake is told with its place, and what would be right", () => {
  test.each([
    [["kv_pool_shrink", "kv_pool_shrnk"], /^s\.yaml:6:\d+: faults\.0\.kind: there is no such kind.*kv_pool_shrink/],
    [
      ["{ factor: 0.4 }", "{ facto: 0.4 }"],
      /^s\.yaml:6:\d+: .*facto: is not a parameter of kv_pool_shrink; known are factor/,
    ],
    [["{ factor: 0.4 }", "{ gpu_memory_utilization: 0.25 }"], /^s\.yaml:6:\d+: .*would not start/],
    [
      ['"replica:2", at', '"replica:4", at'],
      /^s\.yaml:6:\d+: faults\.0\.target: no such target replica:4; .*replica:3/,
    ],
    [
      ['"replica:2", at', '"gateway", at'],
      /^s\.yaml:6:\d+: faults\.0\.target: "gateway" is no target here; write replica:N/,
    ],
    [["at: 900s", "at: 900"], /^s\.yaml:6:\d+: faults\.0\.at: must be a duration such as 900s/],
    [["at: 900s", "at: 2h"], /^s\.yaml:6:\d+: faults\.0\.at: is after the scenario's end/],
    [
      ["scale: 1.4", "scala: 1.4"],
      /^s\.yaml:4:\d+: workload\.scala: is not a key of workload; known are source, scale/,
    ],
    [["azure-conv", "azure"], /^s\.yaml:4:\d+: workload\.source: must be one of azure-conv, mooncake-conversation/],
    [["llama3.1-8b", "llama"], /^s\.yaml:3:\d+: engine\.model: must be one of llama3\.1-8b/],
    [["replicas: 4", "replicas: 4, tp: 1, gpu_memory_utilization: 0.2"], /^s\.yaml:3:\d+: .*/],
    [["mode: FM-01", "mode: KV"], /^s\.yaml:9:\d+: ground_truth\.mode: must be a code of the catalogue/],
    [["[shed,", "[pray,"], /^s\.yaml:13:\d+: ground_truth\.acceptable_actions\.0: must be one of restart_replica/],
    [["below: 1.2x_baseline, ", ""], /^s\.yaml:15:\d+: ground_truth\.recovery: needs below, or above/],
    [['"node:3"', '"node:9"'], /^s\.yaml:7:\d+: telemetry\.skew\.node:9: no such target node:9/],
  ] as const)("%j", ([from, to], expected) => {
    const text = good.replace(from, to);
    expect(text).not.toBe(good);
    expect(mistakes(text)[0]).toMatch(expected);
  });

  test("all of them at once", () => {
    const text = good
      .replace("scale: 1.4", "scale: -1")
      .replace("drop: 0.01", "drop: 7")
      .replace("seed: 17", "seed: x");
    expect(mistakes(text)).toHaveLength(3);
  });
});

test("docs/scenario.schema.json is the schema of today", () => {
  const file = new URL("../../docs/scenario.schema.json", import.meta.url);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(JSON.parse(JSON.stringify(scenarioJsonSchema())));
});
