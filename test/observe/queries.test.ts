// What queries find in the Head, and its limits.
import { describe, expect, test } from "vitest";
import type { RawSeries } from "../../src/model/ports/telemetry-reader.ts";
import { createEntityBook } from "../../src/observe/entities.ts";
import { histogramPoint, point, rawSeries } from "./raw.ts";
import { bounds, framesOf, read, setUp, t0 } from "./set-up.ts";

describe("tenants", () => {
  test("are told apart although all they send is the same, and nobody can name himself into another", async () => {
    const { head, reader } = setUp();
    const send = (tenant: string, instance: string, hash: string, attributes = {}): RawSeries => ({
      ...rawSeries("vllm:num_requests_running", "gauge", { instance, attributes: { model_name: "m1", ...attributes } }),
      hash,
      tenant,
    });
    const series = [
      send("default", "vllm-0", "1"),
      send("acme", "vllm-0", "acme:1"),
      send("default", "acme~vllm-0", "2", { tenant: "acme" }),
    ];
    const points = series.flatMap((one, i) => [point(one, t0, i + 1), point(one, t0 + 5000, i + 1)]);
    const frames = await framesOf(head, reader, series, points, t0 + 5000);
    expect(head.entities().map(({ id, parent, labels }) => [id, parent, labels["tenant"]])).toEqual([
      ["replica:vllm-0", "deployment:chat", "default"],
      ["replica:acme~vllm-0", "deployment:acme~chat", "acme"],
      ["replica:acme-vllm-0", "deployment:chat", "default"],
    ]);
    const values = ["replica:vllm-0", "replica:acme~vllm-0", "replica:acme-vllm-0"].map(
      (entity) => read(frames.at(-1)!, "running", entity).value,
    );
    expect(values).toEqual([1, 2, 3]);
    const found = head.select(
      [
        { name: "__name__", op: "=", value: "vllm:num_requests_running" },
        { name: "tenant", op: "=", value: "acme" },
      ],
      { from: t0, to: t0 + 1 },
    );
    expect(found.map(({ values }) => values[0])).toEqual([2]);
  });
});

describe("entities of every kind", () => {
  test.each(["gpu", "node", "container", "service", "replica"] as const)(
    "a %s is the tenant's, and so is its owner",
    (kind) => {
      const attributes = { UUID: "GPU-1", node: "n1", pod: "web-7d9f8b6c5d-abcde", container: "c" };
      const series = { ...rawSeries("m", "gauge", { instance: "i", attributes }), tenant: "acme" };
      const ours = createEntityBook().identify({ ...series, tenant: "default" }, kind);
      const theirs = createEntityBook().identify(series, kind);
      expect(theirs).toMatchObject({ kind, name: `acme~${ours.name}`, id: ours.id.replace(":", ":acme~") });
      expect(theirs.parent).toBe(ours.parent?.replace(":", ":acme~"));
    },
  );
});

describe("limits and queries", () => {
  test("series over the limit are counted and come in once there is room", async () => {
    const { head, reader, counts } = setUp({ maxSeries: 2 });
    const series = [0, 1, 2].map((i) => rawSeries("vllm:num_requests_running", "gauge", { instance: `r${i}` }));
    await framesOf(
      head,
      reader,
      series,
      series.map((one) => point(one, t0, 1)),
      t0 + 5000,
    );
    expect(head.entities().map((entity) => entity.name)).toEqual(["r0", "r1"]);
    expect(counts.get("homeostat.observe.dropped/series-limit")).toBe(1);
    const later = t0 + 3_600_000;
    await framesOf(head, reader, [], [point(series[1]!, later, 1)], later + 10_000);
    await framesOf(head, reader, [], [point(series[2]!, later + 5000, 1)], later + 20_000);
    expect(head.entities().map((entity) => entity.name)).toEqual(["r1", "r2"]);
  });

  test("raw series are found under Prometheus names with the labels of their resource and entity", async () => {
    const { head, reader } = setUp();
    const ttft = rawSeries("vllm:time_to_first_token_seconds", "histogram", { bounds });
    const gpu = rawSeries("hw.gpu.utilization", "gauge", {
      resource: { "k8s.node.name": "n1" },
      attributes: { "hw.id": "g0" },
    });
    await framesOf(
      head,
      reader,
      [ttft, gpu],
      [histogramPoint(ttft, t0, [1, 2, 3, 4]), point(gpu, t0, 0.5)],
      t0 + 10_000,
    );
    const range = { from: t0, to: t0 + 1 };
    const buckets = head.select(
      [{ name: "__name__", op: "=", value: "vllm:time_to_first_token_seconds_bucket" }],
      range,
    );
    expect(buckets.map((view) => [view.labels["le"], view.values[0]])).toEqual([
      ["0.1", 1],
      ["0.2", 3],
      ["0.4", 6],
      ["+Inf", 10],
    ]);
    const [count] = head.select([{ name: "__name__", op: "=~", value: ".*_count" }], range);
    expect(count?.values[0]).toBe(10);
    const [found] = head.select([{ name: "hw_id", op: "=", value: "g0" }], range);
    expect(found?.labels).toEqual({
      __name__: "hw_gpu_utilization",
      hw_id: "g0",
      k8s_node_name: "n1",
      service_name: "chat",
      job: "chat",
      instance: "vllm-0",
      entity: "replica:vllm-0",
      parent: "deployment:chat",
    });
    expect(
      head.select(
        [
          { name: "__name__", op: "=", value: "hw_gpu_utilization" },
          { name: "hw_id", op: "!=", value: "g0" },
        ],
        range,
      ),
    ).toEqual([]);
  });

  test("coverage tells which signals are there and which raw metrics nobody understands", async () => {
    const { head, reader } = setUp();
    const running = rawSeries("vllm:num_requests_running", "gauge");
    const odd = rawSeries("vllm:warp_core_temperature", "gauge");
    await framesOf(head, reader, [running, odd], [point(running, t0, 1), point(odd, t0, 1)], t0 + 5000);
    const [vllm] = head.coverage();
    expect(vllm).toMatchObject({
      engine: "vllm",
      entities: 1,
      present: ["running"],
      unmapped: ["vllm:warp_core_temperature"],
    });
  });

  test("replicas of two deployments with equal numbers do not collide", async () => {
    const { head, reader } = setUp();
    const a = rawSeries("vllm:num_requests_running", "gauge", { instance: "0" });
    const b = rawSeries("vllm:num_requests_running", "gauge", { instance: "0", resource: { "service.name": "code" } });
    const frames = await framesOf(
      head,
      reader,
      [a, b],
      [point(a, t0, 1), point(b, t0, 2), point(a, t0 + 9000, 1)],
      t0 + 9000,
    );
    expect(read(frames[0]!, "running", "replica:0").value).toBe(1);
    expect(read(frames[0]!, "running", "replica:code/0").value).toBe(2);
  });
});
