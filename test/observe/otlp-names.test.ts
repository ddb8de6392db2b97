// Metrics that come by OTLP with names and units of OpenTelemetry's conventions: GenAI old and new, hardware, hosts.
import { describe, expect, test } from "vitest";
import { loadMappings } from "../../src/observe/mapping.ts";
import { histogramPoint, point, rawSeries } from "./raw.ts";
import { framesOf, setUp, t0 } from "./set-up.ts";

const { mappings } = await loadMappings("rules/signals");
const ladder = [0.1, 0.2, 0.4];

type Series = ReturnType<typeof rawSeries>;

/** Feeds the series twice, 20 s apart, and gives the canonical value by metric name. */
async function valuesOf(
  series: readonly Series[],
  amounts: readonly number[],
): Promise<(metric: string) => number | undefined> {
  const { head, reader } = setUp({ mappings });
  const at = t0 + 20_000;
  const points = series.flatMap((one, i) => {
    const amount = amounts[i] as number;
    if (one.kind === "histogram")
      return [histogramPoint(one, t0, [0, 0, 0, 0]), histogramPoint(one, at, [0, amount, 0, 0])];
    return [point(one, t0, one.kind === "sum" && one.monotonic ? 0 : amount), point(one, at, amount)];
  });
  await framesOf(head, reader, series, points, at);
  return (metric) =>
    head.select([{ name: "__name__", op: "=", value: metric }], { from: at, to: at + 1 })[0]?.values[0];
}

describe("conventions", () => {
  test("a server that measures itself by the GenAI conventions is an engine", async () => {
    const attributes = { "gen_ai.request.model": "m", "gen_ai.operation.name": "chat" };
    const histogram = (metric: string, more = {}) => ({
      ...rawSeries(metric, "histogram", { bounds: ladder, attributes: { ...attributes, ...more } }),
      unit: "s",
    });
    const value = await valuesOf(
      [
        histogram("gen_ai.server.time_to_first_token"),
        histogram("gen_ai.server.time_per_output_token"),
        histogram("gen_ai.server.request.duration"),
        histogram("gen_ai.server.request.duration", { "error.type": "timeout" }),
      ],
      [100, 100, 90, 10],
    );
    expect(value("llm:ttft_seconds:p95")).toBeCloseTo(0.195);
    expect(value("llm:itl_seconds:p95")).toBeCloseTo(0.195);
    expect(value("llm:requests_finished:rate")).toBeCloseTo(5);
    expect(value("llm:requests_failed:rate")).toBeCloseTo(0.5);
  });

  test("an application's GenAI metrics become calls, errors and tokens, by old token types and new counters", async () => {
    const call = (more = {}) =>
      rawSeries("gen_ai.client.operation.duration", "histogram", {
        bounds: ladder,
        attributes: { "gen_ai.system": "x", ...more },
      });
    const tokens = (type: string) =>
      rawSeries("gen_ai.client.token.usage", "histogram", {
        bounds: ladder,
        attributes: { "gen_ai.token.type": type },
      });
    const value = await valuesOf(
      [call(), call({ "error.type": "500" }), tokens("input"), tokens("output")],
      [80, 20, 100, 40],
    );
    expect(value("app:requests:rate")).toBeCloseTo(5);
    expect(value("app:errors:rate")).toBeCloseTo(1);
    expect(value("app:error_ratio")).toBeCloseTo(0.2);
    // The test's histograms observe 0.1 each.
    expect(value("app:input_tokens:rate")).toBeCloseTo(0.5);
    expect(value("app:output_tokens:rate")).toBeCloseTo(0.2);
    const counter = rawSeries("gen_ai.client.inference.tokens", "sum", {
      attributes: { "gen_ai.token.type": "input" },
    });
    expect((await valuesOf([counter], [200]))("app:input_tokens:rate")).toBeCloseTo(10);
  });

  test("GPUs by the hardware conventions, in whatever unit they declare", async () => {
    const gpu = (metric: string, unit: string, monotonic: boolean, more = {}) => ({
      ...rawSeries(metric, monotonic || metric.includes("memory") ? "sum" : "gauge", {
        monotonic,
        attributes: { "hw.id": "GPU-1", "hw.type": "gpu", ...more },
        resource: { "host.name": "n1" },
      }),
      unit,
    });
    const value = await valuesOf(
      [
        gpu("hw.gpu.utilization", "1", false, { "hw.gpu.task": "general" }),
        gpu("hw.gpu.utilization", "1", false, { "hw.gpu.task": "encoder" }),
        gpu("hw.gpu.memory.usage", "MiBy", false),
        gpu("hw.gpu.memory.limit", "MiBy", false),
        gpu("hw.gpu.power.draw", "mW", false),
        gpu("hw.gpu.energy.consumed", "J", true),
        gpu("hw.gpu.clock.graphics", "MHz", false),
        gpu("hw.status", "1", false, { "hw.state": "ok" }),
        gpu("hw.status", "1", false, { "hw.state": "failed" }),
        gpu("hw.errors", "{error}", true, { "error.type": "uncorrected" }),
      ],
      [0.5, 0.01, 60, 80, 300_000, 6000, 1980, 0, 1, 2],
    );
    expect(value("gpu:utilization_ratio")).toBe(0.5);
    expect(value("gpu:memory_used_bytes")).toBe(60 * 2 ** 20);
    expect(value("gpu:memory_usage_ratio")).toBe(0.75);
    expect(value("gpu:power_watts")).toBeCloseTo(300);
    expect(value("gpu:energy_watts:rate")).toBeCloseTo(300);
    expect(value("gpu:sm_clock_hertz")).toBe(1.98e9);
    expect(value("gpu:degraded")).toBe(1);
    expect(value("gpu:ecc_uncorrected:rate")).toBeCloseTo(0.1);
  });

  test("hosts and containers as the Collector reports them", async () => {
    const node = (metric: string, kind: "sum" | "gauge", monotonic: boolean, attributes: Record<string, string>) =>
      rawSeries(metric, kind, { monotonic, attributes, resource: { "k8s.node.name": "n1" } });
    const pod = { "k8s.namespace.name": "llm", "k8s.pod.name": "chat-7d9f8b6c5d-x2k4p", "k8s.container.name": "vllm" };
    const value = await valuesOf(
      [
        node("system.cpu.time", "sum", true, { cpu: "cpu0", state: "idle" }),
        node("system.cpu.time", "sum", true, { cpu: "cpu0", state: "user" }),
        node("system.memory.usage", "sum", false, { state: "used" }),
        node("system.memory.usage", "sum", false, { state: "free" }),
        rawSeries("container.memory.working_set", "gauge", { attributes: {}, resource: pod }),
        rawSeries("k8s.container.ready", "gauge", { attributes: {}, resource: pod }),
      ],
      [5, 15, 30, 70, 1000, 0],
    );
    expect(value("node:cpu_usage_ratio")).toBeCloseTo(0.75);
    expect(value("node:memory_usage_ratio")).toBeCloseTo(0.3);
    expect(value("container:memory_working_set_bytes")).toBe(1000);
    expect(value("container:ready")).toBe(0);
  });

  test("a quantile of any engine can be asked under one name", async () => {
    const { head, reader } = setUp({ mappings });
    const vllm = rawSeries("vllm:time_to_first_token_seconds", "histogram", { bounds: ladder });
    const sglang = rawSeries("sglang:time_to_first_token_seconds", "histogram", { bounds: ladder, instance: "s" });
    const points = [vllm, sglang].map((one) => histogramPoint(one, t0, [10, 20, 30, 0]));
    await framesOf(head, reader, [vllm, sglang], points, t0);
    const buckets = head.select([{ name: "__name__", op: "=", value: "llm:ttft_seconds_bucket" }], {
      from: t0,
      to: t0 + 1,
    });
    expect(new Set(buckets.map((view) => view.labels["engine"]))).toEqual(new Set(["vllm", "sglang"]));
    expect(buckets.filter((view) => view.labels["le"] === "0.2").map((view) => view.values[0])).toEqual([30, 30]);
  });
});
