// Series that chunks of a history had no room for: counted once, however often they are read.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import type { RawPage } from "../../src/model/ports/telemetry-reader.ts";
import { createClickHouseChunks } from "../../src/store/foreign/clickhouse-chunks.ts";
import { createPrometheusApi } from "../../src/store/foreign/prometheus-api.ts";
import { createPrometheusChunks } from "../../src/store/foreign/prometheus-chunks.ts";

const hour = 3_600_000;
const names = ["a", "b", "c"];

test("of a Prometheus, over chunks and halved queries", async () => {
  let answered = 0;
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? "", "http://x").searchParams.get("query") ?? "";
    const [, asked = "", ms] = /"(.*)"\}\[(\d+)ms\]/.exec(query) ?? [];
    const metrics = names.filter((name) => asked.split("|").includes(name));
    const isTooMuch = metrics.length > 1 || Number(ms) > hour / 2;
    if (!isTooMuch) answered++;
    const error = { status: "error", error: "query processing would load too many samples into memory" };
    const result = metrics.map((metric) => ({ metric: { __name__: metric }, values: [[1, "1"]] }));
    const data = { status: "success", data: { resultType: "matrix", result } };
    response.writeHead(isTooMuch ? 422 : 200).end(JSON.stringify(isTooMuch ? error : data));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const api = createPrometheusApi({ url, requestsPerSecond: 1000 }, silentTelemetry);
    const chunks = createPrometheusChunks(api, { names, types: new Map(), seriesMax: 1 });
    for (let i = 0; i < 3; i++) await chunks.read({ from: i * hour, to: (i + 1) * hour }, hour);
    expect(answered).toBe(3 * 3 * 2);
    expect(chunks.left()).toBe(2);
  } finally {
    server.close();
  }
});

test("of a ClickHouse, though its reader tells of a series again and again, or only once", async () => {
  const page = (at: number, told: readonly string[], cursor: string): RawPage => ({
    series: told.map((hash) => ({
      ...{ hash, metric: `m${hash}`, kind: "gauge", unit: "", cumulative: true, monotonic: false, service: "" },
      ...{ resource: {}, attributes: {}, bounds: [] },
    })),
    points: ["1", "2", "3"].map((hash) => ({ hash, at, start: 0, value: 1, count: 0, buckets: [], flags: 0 })),
    cursor,
  });
  let pages = [page(1, ["1", "2", "3"], "1"), page(2, ["2", "3"], "2"), page(2, [], "2")];
  const reader = { metricsAfter: () => Promise.resolve(pages.shift()!), columnsAfter: () => Promise.reject() };
  const chunks = createClickHouseChunks({ readerOf: () => reader }, { metrics: undefined, seriesMax: 1 });
  const first = await chunks.read({ from: 0, to: hour }, hour);
  expect([first.series.length, first.points]).toEqual([1, 3]);
  expect(chunks.left()).toBe(2);
  pages = [page(hour, [], "4"), page(hour, ["2"], "5"), page(hour, [], "5")];
  await chunks.read({ from: hour, to: 2 * hour }, hour);
  expect(chunks.left()).toBe(2);
});
