// Scraped pages and remote write, all the way into the real store.
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProtoWriter } from "../../src/receive/prometheus/otlp-writer.ts";
import { serviceIn, temporaryFolder, until } from "../support/service.ts";

const folder = temporaryFolder();
let page = "";
let status = 200;
const exporter = createServer((_request, response) => response.writeHead(status).end(page));
let service: Awaited<ReturnType<typeof serviceIn>>;
let target = "";

beforeAll(async () => {
  page = pageAt(5, 100);
  await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
  target = `127.0.0.1:${(exporter.address() as { port: number }).port}`;
  const job = {
    job: "vllm",
    interval: "250ms",
    timeout: "1s",
    targets: [target],
    labels: { "k8s.deployment.name": "chat" },
  };
  service = await serviceIn(folder.path, { scrape: [job] });
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  await new Promise((resolve) => exporter.close(resolve));
  folder.remove();
});

function pageAt(running: number, tokens: number): string {
  return `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="m"} ${running}
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{model_name="m"} ${tokens}
# TYPE vllm:generation_tokens_created gauge
vllm:generation_tokens_created{model_name="m"} 1.7e9
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="m"} 2
vllm:time_to_first_token_seconds_bucket{le="1.0",model_name="m"} 5
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="m"} 6
vllm:time_to_first_token_seconds_sum{model_name="m"} 4.5
vllm:time_to_first_token_seconds_count{model_name="m"} 6
`;
}

const rows = <T>(sql: string, params: Record<string, unknown> = {}) => service.store.rows<T>(sql, params);

describe("a scraped page", () => {
  test("becomes the rows a collector's prometheusreceiver gives", async () => {
    await until(async () => (await rows("SELECT 1 FROM homeostat.otel_metrics_histogram LIMIT 1")).length > 0);
    const gauge = await rows(
      "SELECT DISTINCT ServiceName, Attributes, Value, ResourceAttributes['service.instance.id'] AS instance, ResourceAttributes['k8s.deployment.name'] AS deployment FROM homeostat.otel_metrics_gauge WHERE MetricName = 'vllm:num_requests_running'",
    );
    expect(gauge).toEqual([
      { ServiceName: "vllm", Attributes: { model_name: "m" }, Value: 5, instance: target, deployment: "chat" },
    ]);
    const sum = await rows(
      "SELECT DISTINCT Value, IsMonotonic, AggregationTemporality, toUnixTimestamp(StartTimeUnix) AS start FROM homeostat.otel_metrics_sum WHERE MetricName = 'vllm:generation_tokens_total'",
    );
    expect(sum).toMatchObject([{ IsMonotonic: true, AggregationTemporality: 2, Value: 100 }]);
    const histogram = await rows(
      "SELECT DISTINCT toUInt32(Count) AS n, Sum, arrayMap(x -> toUInt32(x), BucketCounts) AS b, ExplicitBounds FROM homeostat.otel_metrics_histogram",
    );
    expect(histogram).toEqual([{ n: 6, Sum: 4.5, b: [2, 3, 1], ExplicitBounds: [0.1, 1] }]);
    expect(await rows("SELECT 1 FROM homeostat.otel_metrics_gauge WHERE MetricName LIKE '%_created'")).toEqual([]);
    expect(await rows("SELECT DISTINCT Value FROM homeostat.otel_metrics_gauge WHERE MetricName = 'up'")).toEqual([
      { Value: 1 },
    ]);
  });

  test("a target that goes away ends its series, and says down; a bad line spoils nothing", async () => {
    status = 503;
    await until(
      async () =>
        (await rows("SELECT 1 FROM homeostat.otel_metrics_gauge WHERE MetricName = 'up' AND Value = 0 LIMIT 1"))
          .length > 0,
    );
    const ended = await rows<{ Flags: number }>(
      "SELECT Flags FROM homeostat.otel_metrics_gauge WHERE MetricName = 'vllm:num_requests_running' ORDER BY TimeUnix DESC LIMIT 1",
    );
    expect(ended).toEqual([{ Flags: 1 }]);
    page = `this is no metric {\n${pageAt(9, 200)}`;
    status = 200;
    const back = await until(
      async () =>
        (
          await rows(
            "SELECT 1 FROM homeostat.otel_metrics_gauge WHERE MetricName = 'vllm:num_requests_running' AND Value = 9 LIMIT 1",
          )
        )[0],
    );
    expect(back).toBeDefined();
  });
});

/** A WriteRequest in a snappy block that is one literal. */
function writeRequest(
  series: { labels: Record<string, string>; samples: [value: number, timestampMs: number][] }[],
): Uint8Array {
  const writer = createProtoWriter();
  for (const { labels, samples } of series) {
    writer.message(1, () => {
      for (const [name, value] of Object.entries(labels)) {
        writer.message(1, () => {
          writer.text(1, name);
          writer.text(2, value);
        });
      }
      for (const [value, timestampMs] of samples) {
        writer.message(2, () => {
          writer.double(1, value);
          writer.tag(2, 0);
          writer.varint(timestampMs);
        });
      }
    });
  }
  const plain = writer.finish();
  const length = [(plain.length & 127) | 128, ((plain.length >> 7) & 127) | 128, plain.length >> 14];
  const size = plain.length - 1;
  return Uint8Array.from([...length, 62 << 2, size & 255, (size >> 8) & 255, size >> 16, ...plain]);
}

async function write(body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${service.otlpUrl}/api/v1/write`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy", ...headers },
    body: body as never,
  });
}

describe("remote write", () => {
  const now = Date.now();

  test("series arrive with their own times; counters by their name", async () => {
    const body = writeRequest([
      {
        labels: { __name__: "node_load1", job: "node", instance: "n1:9100" },
        samples: [
          [0.5, now - 1000],
          [0.75, now],
        ],
      },
      {
        labels: { __name__: "http_requests_total", job: "node", instance: "n1:9100", code: "200" },
        samples: [[7, now]],
      },
    ]);
    expect((await write(body)).status).toBe(204);
    expect((await write(body)).status).toBe(204);
    await service.store.flushed();
    expect(
      await rows(
        "SELECT Value, toString(toUnixTimestamp64Milli(TimeUnix)) AS at FROM homeostat.otel_metrics_gauge WHERE MetricName = 'node_load1' ORDER BY TimeUnix",
      ),
    ).toEqual([
      { Value: 0.5, at: String(now - 1000) },
      { Value: 0.75, at: String(now) },
    ]);
    expect(
      await rows(
        "SELECT Value, Attributes, ServiceName FROM homeostat.otel_metrics_sum WHERE MetricName = 'http_requests_total'",
      ),
    ).toEqual([{ Value: 7, Attributes: { code: "200" }, ServiceName: "node" }]);
  });

  test("of a pair of replicas one is listened to, and the series are the same series", async () => {
    const from = (replica: string, value: number) =>
      write(
        writeRequest([
          {
            labels: { __name__: "paired", cluster: "c", __replica__: replica, job: "j", instance: "i:1" },
            samples: [[value, now + value]],
          },
        ]),
      );
    expect((await from("a", 1)).status).toBe(204);
    expect((await from("b", 2)).status).toBe(204);
    expect((await from("a", 3)).status).toBe(204);
    await service.store.flushed();
    const stored = await rows<{ Value: number; hash: string }>(
      "SELECT Value, toString(SeriesHash) AS hash, Attributes FROM homeostat.otel_metrics_gauge WHERE MetricName = 'paired' ORDER BY Value",
    );
    expect(stored).toMatchObject([{ Value: 1, Attributes: { cluster: "c" } }, { Value: 3 }]);
    expect(stored[0]?.hash).toBe(stored[1]?.hash);
  });

  test.each([
    ["a body that is no snappy", Uint8Array.from([255, 1, 2]), {}, 400],
    ["a block that is no WriteRequest", Uint8Array.from([3, 2 << 2, 10, 200, 1]), {}, 400],
    ["a series without a name", writeRequest([{ labels: { job: "j" }, samples: [[1, 1]] }]), {}, 400],
    [
      "a version that is not known",
      new Uint8Array(1),
      { "content-type": "application/x-protobuf;proto=io.prometheus.write.v3.Request" },
      415,
    ],
    ["gzip", new Uint8Array(1), { "content-encoding": "gzip" }, 415],
    ["a bomb", Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1]), {}, 413],
  ])("%s is refused for good", async (_what, body, headers, expected) => {
    expect((await write(body, headers)).status).toBe(expected);
  });
});
