// Raw points in, canonical values out.
import { describe, expect, test } from "vitest";
import { quality } from "../../src/model/series.ts";
import { histogramPoint, point, rawSeries } from "./raw.ts";
import { bounds, framesOf, read, setUp, steps, t0 } from "./set-up.ts";

describe("canonical values", () => {
  test("a counter becomes a rate that survives a restart and is never negative", async () => {
    const { head, reader } = setUp();
    const tokens = rawSeries("vllm:generation_tokens_total", "sum");
    const points = steps(tokens, [1000, 1100, 1200, 1300, 50, 150, 250, 350, 450, 550]);
    const frames = await framesOf(head, reader, [tokens], points, t0 + 50_000);
    const rates = frames.map((frame) => read(frame, "generated_tokens"));
    expect(rates[0]?.quality).toBe(quality.MISSING);
    expect(rates[3]?.value).toBeCloseTo(20);
    // 300 gained before the restart, 50 since.
    expect(rates[4]).toEqual({ value: 350 / 20, quality: quality.RESET });
    expect(rates.at(-1)?.value).toBeCloseTo(20);
    expect(rates.slice(1).every(({ value }) => value >= 0)).toBe(true);
  });

  test("a standing counter is a rate of zero, not a missing one", async () => {
    const { head, reader } = setUp();
    const tokens = rawSeries("vllm:generation_tokens_total", "sum");
    const frames = await framesOf(head, reader, [tokens], steps(tokens, [5, 5, 5, 5, 5, 5, 5]), t0 + 40_000);
    expect(read(frames.at(-1)!, "generated_tokens")).toEqual({ value: 0, quality: 0 });
  });

  test("a restart is seen by the start time even when the value went on rising", async () => {
    const { head, reader } = setUp();
    const tokens = rawSeries("vllm:generation_tokens_total", "sum");
    const points = [
      point(tokens, t0, 100, { start: t0 - 60_000 }),
      point(tokens, t0 + 5000, 200, { start: t0 - 60_000 }),
      point(tokens, t0 + 10_000, 500, { start: t0 + 6000 }),
      // An exporter that works its start out anew every time: not a restart.
      point(tokens, t0 + 15_000, 600, { start: t0 + 6001 }),
    ];
    const frames = await framesOf(head, reader, [tokens], points, t0 + 20_000);
    expect(read(frames.at(-1)!, "generated_tokens").value).toBeCloseTo((100 + 500 + 100) / 15);
  });

  test("delta sums and histograms count from their start time", async () => {
    const { head, reader } = setUp();
    const tokens = rawSeries("vllm:generation_tokens", "sum", { cumulative: false });
    const ttft = rawSeries("vllm:time_to_first_token_seconds", "histogram", { cumulative: false, bounds });
    const points = [1, 2, 3, 4].flatMap((i) => [
      point(tokens, t0 + i * 5000, 100, { start: t0 + (i - 1) * 5000 }),
      histogramPoint(ttft, t0 + i * 5000, [0, 20, 0, 0], { start: t0 + (i - 1) * 5000 }),
    ]);
    const frames = await framesOf(head, reader, [tokens, ttft], points, t0 + 25_000);
    expect(read(frames.at(-1)!, "generated_tokens").value).toBeCloseTo(20);
    expect(read(frames.at(-1)!, "ttft")).toEqual({ value: 0.1 + 0.1 * 0.95, quality: 0 });
    // A delta that comes late is part of all that follows.
    const late = point(tokens, t0 + 12_000, 100, { start: t0 + 10_000 });
    await framesOf(head, reader, [], [late, point(tokens, t0 + 25_000, 100)], t0 + 30_000);
    const [view] = head.select([{ name: "__name__", op: "=", value: "vllm:generation_tokens" }], {
      from: 0,
      to: t0 + 60_000,
    });
    expect([...view!.values]).toEqual([0, 100, 200, 300, 400, 500, 600]);
  });

  test("latency is the p95 of what was observed in the window: THIN with few, MISSING with none", async () => {
    const { head, reader } = setUp();
    const ttft = rawSeries("vllm:time_to_first_token_seconds", "histogram", { bounds });
    const counts = [0, 4, 24, 24, 24, 24, 24, 24];
    const points = counts.map((count, i) => histogramPoint(ttft, t0 + i * 5000, [0, 0, count, 0]));
    const frames = await framesOf(head, reader, [ttft], points, t0 + 45_000);
    const seen = frames.map((frame) => read(frame, "ttft"));
    expect(seen[1]?.quality).toBe(quality.THIN);
    expect(seen[2]).toEqual({ value: 0.2 + 0.2 * 0.95, quality: 0 });
    expect(seen[7]?.quality).toBe(quality.MISSING);
  });

  test("series of one replica are combined, and an old name stands in only while the new one is absent", async () => {
    const { head, reader } = setUp();
    const stop = rawSeries("vllm:request_success_total", "sum", {
      attributes: { model_name: "m1", finished_reason: "stop" },
    });
    const length = rawSeries("vllm:request_success_total", "sum", {
      attributes: { model_name: "m1", finished_reason: "length" },
    });
    const old = rawSeries("vllm:gpu_cache_usage_perc", "gauge");
    const current = rawSeries("vllm:kv_cache_usage_perc", "gauge");
    const points = [0, 1, 2, 3, 4].flatMap((i) => [
      point(stop, t0 + i * 5000, i * 10),
      point(length, t0 + i * 5000, i * 5),
      point(old, t0 + i * 5000, 0.1),
      ...(i >= 3 ? [point(current, t0 + i * 5000, 0.5)] : []),
    ]);
    const frames = await framesOf(head, reader, [stop, length, old, current], points, t0 + 25_000);
    expect(read(frames.at(-1)!, "finished").value).toBeCloseTo(3);
    expect(frames.map((frame) => read(frame, "kv_usage").value)).toEqual([0.1, 0.1, 0.1, 0.5, 0.5]);
  });

  test("a new release takes over from the series of the old one instead of adding to it", async () => {
    const { head, reader } = setUp();
    const before = rawSeries("vllm:num_requests_running", "gauge", { resource: { "service.version": "1" } });
    const after = rawSeries("vllm:num_requests_running", "gauge", { resource: { "service.version": "2" } });
    const frames = [
      ...(await framesOf(head, reader, [before], steps(before, [8, 8, 8]), t0 + 12_000)),
      ...(await framesOf(head, reader, [after], steps(after, [6, 6], 5000, t0 + 15_000), t0 + 25_000)),
    ];
    expect(frames.map((frame) => read(frame, "running").value)).toEqual([8, 8, 8, 6, 6]);
    expect(frames.at(-1)?.entities[0]?.labels).toEqual({ engine: "vllm", model: "m1", version: "2" });
    const byName = [{ name: "__name__", op: "=", value: "llm:requests_running" }] as const;
    const views = head.select(byName, { from: 0, to: t0 + 60_000 });
    expect(views.map((view) => [view.labels["version"], [...view.values]])).toEqual([
      ["1", [8, 8, 8, Number.NaN]],
      ["2", [6, 6]],
    ]);
  });

  test("values a signal cannot have, stale markers and blanks never pass for good ones", async () => {
    const { head, reader, counts } = setUp();
    const kv = rawSeries("vllm:kv_cache_usage_perc", "gauge");
    const running = rawSeries("vllm:num_requests_running", "gauge");
    const power = rawSeries("DCGM_FI_DEV_POWER_USAGE", "gauge");
    const created = rawSeries("vllm:prompt_tokens_created", "gauge");
    const points = [
      point(kv, t0, 87),
      point(running, t0, 3),
      point(running, t0 + 5000, 0, { flags: 1 }),
      point(power, t0, 2 ** 63),
      point(created, t0, 1.7e9),
      point(kv, t0 + 5000, 0.5),
      point(kv, t0 + 5000, 0.6),
    ];
    const frames = await framesOf(head, reader, [kv, running, power, created], points, t0 + 10_000);
    expect(read(frames[0]!, "kv_usage")).toEqual({ value: 87, quality: quality.OUT_OF_RANGE });
    expect(read(frames[0]!, "running").value).toBe(3);
    expect(read(frames[1]!, "running").quality).toBe(quality.MISSING);
    expect(read(frames[1]!, "kv_usage").value).toBe(0.5);
    expect(counts.get("homeostat.observe.dropped/blank-value")).toBe(1);
    expect(counts.get("homeostat.observe.dropped/created-series")).toBe(1);
    expect(counts.get("homeostat.observe.dropped/duplicate")).toBe(1);
  });

  test("names with underscores, Ray's prefix and without _total feed the same signals", async () => {
    for (const name of [
      "vllm:num_preemptions_total",
      "vllm_num_preemptions",
      "ray_vllm_num_preemptions_total",
      "vllm:num_preemptions",
    ]) {
      const { head, reader } = setUp();
      const series = rawSeries(name, "sum");
      const frames = await framesOf(head, reader, [series], steps(series, [0, 5, 10, 15]), t0 + 20_000);
      expect(read(frames.at(-1)!, "preemptions").value, name).toBeCloseTo(1);
    }
  });
});
