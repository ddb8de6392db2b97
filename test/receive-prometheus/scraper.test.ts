// The log of the scraper: a target that gives no page is told once, with the reason, and again when it is back.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, vi } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { startScraper } from "../../src/receive/prometheus/scraper.ts";

it("tells when a target stops to answer and when it answers again, and nothing in between", async () => {
  let broken = false;
  let scrapes = 0;
  const server = createServer((_request, response) => {
    scrapes++;
    response.writeHead(broken ? 503 : 200).end("# TYPE a gauge\na 1\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const instance = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const told: string[] = [];
  const tell =
    (level: string) =>
    (message: string, fields: object = {}): void =>
      void told.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log = { ...silentTelemetry.log, info: tell("info"), warn: tell("warn") };
  const job = { job: "vllm", intervalMs: 20, timeoutMs: 2000, scheme: "http" as const, path: "/metrics" };
  const scraper = await startScraper(
    {
      jobs: [{ ...job, targets: [instance], files: [], endpoints: [], labels: {} }],
      discoveryMs: 60_000,
      pageBytesMax: 1000,
      samplesMax: 10,
    },
    { accept: async () => {}, telemetry: { ...silentTelemetry, log }, now: Date.now },
  );
  const more = async (count: number): Promise<void> => {
    const before = scrapes;
    await vi.waitFor(() => expect(scrapes).toBeGreaterThanOrEqual(before + count), 10_000);
  };
  await more(3);
  expect(told).toEqual([]);
  broken = true;
  await more(4);
  broken = false;
  await more(4);
  await scraper[Symbol.asyncDispose]();
  server.close();
  expect(told).toEqual([
    `warn scrape: the target gives no page {"job":"vllm","instance":"${instance}","why":"answered with status 503"}`,
    `info scrape: the target answers again {"job":"vllm","instance":"${instance}"}`,
  ]);
});
