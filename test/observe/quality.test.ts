// What goes wrong with telemetry itself: each is found and repaired, or quarantined with a flag that detectors leave out.
import { describe, expect, test } from "vitest";
import { quality, UNUSABLE } from "../../src/model/series.ts";
import { loadMappings } from "../../src/observe/mapping.ts";
import { histogramPoint, point, rawSeries } from "./raw.ts";
import { bounds, framesOf, read, setUp, steps, t0 } from "./set-up.ts";

const { mappings } = await loadMappings("rules/signals");
const everyMs = 5000;
type World = ReturnType<typeof setUp>;

/** Steps one after the other, as they come live: `sends` gives the points of a step and the wall time they come at. */
async function live(
  { head, reader }: World,
  series: readonly ReturnType<typeof rawSeries>[],
  count: number,
  sends: (i: number, now: number) => ReturnType<typeof point>[],
) {
  const frames = [];
  for (let i = 0; i < count; i++) {
    const now = t0 + i * everyMs;
    frames.push(...(await framesOf(head, reader, i === 0 ? series : [], sends(i, now), now)));
  }
  return frames;
}

describe("time", () => {
  test.each([
    ["behind", -300_000, 1],
    ["ahead", 120_000, 1],
    ["an hour ahead, further than any point may be", 3_600_000, 1],
    ["ahead of a producer that is read so seldom that it has no series when those are swept", 120_000, 7],
  ])("a clock that runs %s is found and put right, and the counters with it", async (_name, offMs, every) => {
    const world = setUp({ mappings });
    const off = rawSeries("vllm:generation_tokens_total", "sum", { instance: "off" });
    const right = rawSeries("vllm:generation_tokens_total", "sum", { instance: "right" });
    const frames = await live(world, [off, right], 30 * every, (i, now) => [
      ...(i % every === 0 ? [point(off, now + offMs, i * 100, { start: t0 + offMs - 1000 })] : []),
      point(right, now, i * 100),
    ]);
    const lastMinute = frames.slice(-12).map((frame) => read(frame, "generated_tokens", "replica:off"));
    expect(lastMinute).toContainEqual({ value: 20, quality: 0 });
    expect(read(frames.at(-1)!, "generated_tokens", "replica:right")).toEqual({ value: 20, quality: 0 });
    expect(world.counts.get("homeostat.observe.repaired/clock-skew")).toBeGreaterThan(20);
  });

  test("a replay, where everybody is behind, is left in its own time", async () => {
    const world = setUp({ mappings });
    const running = rawSeries("vllm:num_requests_running", "gauge");
    const frames = await live(world, [running], 30, (i, now) => [point(running, now - 7_200_000, i)]);
    expect(world.counts.get("homeostat.observe.repaired/clock-skew")).toBeUndefined();
    expect(frames.every((frame) => frame.at <= t0 + 30 * everyMs - 7_200_000)).toBe(true);
  });

  test("a backlog that is worked off is late, not a clock that is off", async () => {
    const world = setUp({ mappings });
    const queued = rawSeries("vllm:num_requests_running", "gauge", { instance: "queued" });
    const right = rawSeries("vllm:num_requests_running", "gauge", { instance: "right" });
    await live(world, [queued, right], 30, (i, now) => [
      point(queued, now - 600_000 + i * 20_000, i),
      point(right, now, i),
    ]);
    expect(world.counts.get("homeostat.observe.repaired/clock-skew")).toBeUndefined();
    expect(world.counts.get("homeostat.observe.late")).toBeGreaterThan(0);
  });

  test("a gap is MISSING while it lasts, and its end is no spike", async () => {
    const world = setUp({ mappings });
    const tokens = rawSeries("vllm:generation_tokens_total", "sum");
    const other = rawSeries("vllm:num_requests_running", "gauge", { instance: "other" });
    const frames = await live(world, [tokens, other], 40, (i, now) => [
      ...(i >= 10 && i < 25 ? [] : [point(tokens, now, i * 100)]),
      point(other, now, 1),
    ]);
    const rates = frames.map((frame) => read(frame, "generated_tokens"));
    expect(rates.slice(14, 25).every((rate) => rate.quality === quality.MISSING)).toBe(true);
    expect(Math.max(...rates.filter((rate) => rate.quality === 0).map((rate) => rate.value))).toBeCloseTo(20);
  });

  test("a producer that goes over from cumulative to delta keeps its rate", async () => {
    const world = setUp({ mappings });
    const before = rawSeries("vllm:generation_tokens_total", "sum");
    const after = rawSeries("vllm:generation_tokens_total", "sum", { cumulative: false });
    const frames = await live(world, [before, after], 30, (i, now) => [
      i < 15 ? point(before, now, i * 100) : point(after, now, 100, { start: now - everyMs }),
    ]);
    const rates = frames.slice(6).map((frame) => read(frame, "generated_tokens").value);
    expect(rates.every((rate) => Math.abs(rate - 20) < 1e-9)).toBe(true);
  });
});

describe("units and labels", () => {
  test.each([
    ["s", bounds, 0],
    ["ms", bounds.map((bound) => bound * 1000), 0],
    ["us", bounds.map((bound) => bound * 1e6), 0],
    ["By", bounds, quality.SUSPECT],
    ["{request}", bounds, 0],
  ])("a latency declared in %s is read in seconds, or quarantined", async (unit, limits, flags) => {
    const world = setUp({ mappings });
    const series = { ...rawSeries("vllm:time_to_first_token_seconds", "histogram", { bounds: limits }), unit };
    const points = [0, 1, 2, 3].map((i) => histogramPoint(series, t0 + i * everyMs, [0, i * 20, 0, 0]));
    const frames = await framesOf(world.head, world.reader, [series], points, t0 + 20_000);
    const { value, quality: seen } = read(frames.at(-1)!, "ttft");
    if (flags === 0) expect(value).toBeCloseTo(0.195);
    expect(seen).toBe(flags);
    expect(flags === 0 || (seen & UNUSABLE) !== 0).toBe(true);
    expect(world.counts.get("homeostat.observe.quarantined/unit")).toBe(flags === 0 ? undefined : 1);
    expect(world.counts.get("homeostat.observe.repaired/unit")).toBe(unit === "ms" || unit === "us" ? 1 : undefined);
  });

  test("a unit that changes under way is converted, and the series goes on", async () => {
    const world = setUp({ mappings });
    const seconds = { ...rawSeries("hw.gpu.energy.consumed", "sum", { attributes: { "hw.id": "g" } }), unit: "J" };
    const thousandths = { ...seconds, hash: "mJ", unit: "mJ" };
    await live(world, [seconds, thousandths], 20, (i, now) =>
      i < 10 ? [point(seconds, now, i * 1000)] : [point(thousandths, now, i * 1e6)],
    );
    const [view] = world.head.select([{ name: "__name__", op: "=", value: "gpu:energy_watts:rate" }], {
      from: t0 + 30_000,
      to: t0 + 1e6,
    });
    const values = [...view!.values].filter((value) => !Number.isNaN(value));
    expect(values.length).toBeGreaterThan(8);
    expect(values.every((value) => Math.abs(value - 200) < 1e-9)).toBe(true);
  });

  test("labels that explode are cut off, and what they feed is not trusted until they are gone", async () => {
    const world = setUp({ mappings, maxSeries: 10_000, windowMs: 60_000 });
    const exploding = Array.from({ length: 600 }, (_, i) =>
      rawSeries("vllm:num_requests_running", "gauge", { attributes: { request_id: String(i) } }),
    );
    const waiting = rawSeries("vllm:num_requests_waiting", "gauge");
    const points = [...exploding, waiting].map((series) => point(series, t0, 1));
    const [frame] = await framesOf(world.head, world.reader, [...exploding, waiting], points, t0);
    expect(read(frame!, "running")).toEqual({ value: 500, quality: quality.SUSPECT });
    expect(read(frame!, "waiting")).toEqual({ value: 1, quality: 0 });
    expect(world.counts.get("homeostat.observe.dropped/label-explosion")).toBe(100);
    await framesOf(world.head, world.reader, [], [point(waiting, t0 + 200_000, 1)], t0 + 200_000);
    const sane = rawSeries("vllm:num_requests_running", "gauge", { attributes: {} });
    const more = steps(sane, [3, 3, 3], everyMs, t0 + 205_000);
    const later = await framesOf(world.head, world.reader, [sane], more, t0 + 215_000);
    expect(read(later.at(-1)!, "running")).toEqual({ value: 3, quality: 0 });
  });

  test("a share that some releases print as percent is told by its size", async () => {
    const world = setUp({ mappings });
    const gpu = rawSeries("DCGM_FI_DEV_GPU_UTIL_RATIO", "gauge", { attributes: { UUID: "g" } });
    await framesOf(world.head, world.reader, [gpu], steps(gpu, [97, 97]), t0 + everyMs);
    const [view] = world.head.select([{ name: "__name__", op: "=", value: "gpu:utilization_ratio" }], {
      from: t0,
      to: t0 + 1,
    });
    expect(view!.values[0]).toBeCloseTo(0.97);
  });
});

describe("values that stand still", () => {
  const cpu = rawSeries("process_cpu_seconds_total", "sum");
  const running = rawSeries("vllm:num_requests_running", "gauge");

  test.each([
    ["a frozen exporter is flagged", () => 100, quality.FROZEN],
    ["a hung engine behind a living process is not: detectors must see it", (i: number) => 100 + i * 0.01, 0],
  ])("%s", async (_name, cpuAt, flags) => {
    const world = setUp({ mappings });
    const frames = await live(world, [cpu, running], 40, (i, now) => [
      point(cpu, now, cpuAt(i)),
      point(running, now, 7),
    ]);
    expect(read(frames[5]!, "running")).toEqual({ value: 7, quality: 0 });
    expect(read(frames.at(-1)!, "running")).toEqual({ value: 7, quality: flags });
  });

  test("it is trusted again once anything moves", async () => {
    const world = setUp({ mappings });
    const frames = await live(world, [cpu, running], 40, (i, now) => [
      point(cpu, now, i < 30 ? 100 : i),
      point(running, now, 7),
    ]);
    expect(frames.map((frame) => read(frame, "running").quality === quality.FROZEN).lastIndexOf(true)).toBe(29);
  });

  test("a sticky XID is news once, for one rate window", async () => {
    const world = setUp({ mappings });
    const xid = rawSeries("DCGM_FI_DEV_XID_ERRORS", "gauge", { attributes: { UUID: "g" } });
    await live(world, [xid], 30, (i, now) => [point(xid, now, i < 10 ? 31 : 79)]);
    const [view] = world.head.select([{ name: "__name__", op: "=", value: "gpu:xid" }], { from: t0, to: t0 + 1e6 });
    expect([...view!.values]).toEqual(Array.from({ length: 30 }, (_, i) => (i >= 10 && i < 14 ? 79 : 0)));
  });
});

describe("series from other rooms", () => {
  test("counts of one instant add up, levels stand, and both are found like any other series", async () => {
    const world = setUp({ mappings });
    const about = { unit: "", resource: { "service.name": "chat", "service.instance.id": "vllm-0" } };
    const template = {
      ...about,
      kind: "count" as const,
      metric: "log_template_lines_total",
      attributes: { template: "t1" },
    };
    const probe = { ...about, kind: "level" as const, metric: "probe_success", attributes: { probe: "one-token" } };
    for (let i = 1; i <= 10; i++) {
      const at = t0 + i * everyMs;
      const samples = [
        { ...template, at, value: 2 },
        { ...template, at, value: 3 },
        { ...probe, at, value: i % 2 },
      ];
      world.head.put(samples, at);
      for (const _ of world.head.frames(at));
    }
    const range = { from: t0 + 50_000, to: t0 + 50_001 };
    const [lines] = world.head.select([{ name: "template", op: "=", value: "t1" }], range);
    expect(lines!.values[0]).toBe(50);
    const [success] = world.head.select([{ name: "__name__", op: "=", value: "probe_success" }], range);
    expect(success!.values[0]).toBe(0);
    expect(success!.labels["entity"]).toBe("replica:vllm-0");
  });
});
