// A Prometheus as a source of history: the real one where it is installed, and our own API, which speaks the same.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { createForeignPrometheus, selectorOf } from "../../src/store/foreign/prometheus.ts";
import { createPrometheusApi, troubleOf } from "../../src/store/foreign/prometheus-api.ts";
import { until } from "./support.ts";

const present = spawnSync("prometheus", ["--version"]).status === 0;
const t0 = Date.UTC(2026, 0, 2);

describe("the real Prometheus", () => {
  let child: ChildProcess;
  let directory: string;
  let url: string;

  beforeAll(async () => {
    if (!present) return;
    const free = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => free.once("listening", resolve));
    const address = `127.0.0.1:${(free.address() as AddressInfo).port}`;
    await new Promise((resolve) => free.close(resolve));
    url = `http://${address}`;
    directory = mkdtempSync(join(tmpdir(), "hs-foreign-"));
    const lines = ["# TYPE queue gauge"];
    for (let i = 0; i < 40; i++) {
      lines.push(`queue{job="chat",text="a\\"b\\\\c"} ${i === 7 ? "NaN" : i} ${t0 / 1000 + i * 15}`);
      lines.push(`queue{job="other"} ${i === 8 ? "+Inf" : -i} ${t0 / 1000 + i * 15}`);
    }
    const page = join(directory, "page.om");
    writeFileSync(
      page,
      `${lines.sort((a, b) => Number(a.split(" ").at(-1)) - Number(b.split(" ").at(-1))).join("\n")}\n# EOF\n`,
    );
    const blocks = spawnSync("promtool", ["tsdb", "create-blocks-from", "openmetrics", page, join(directory, "tsdb")]);
    expect(String(blocks.stderr)).toBe("");
    writeFileSync(join(directory, "prometheus.yml"), "global: {}\n");
    const flags = ["--web.listen-address", address, "--storage.tsdb.retention.time=100y"];
    child = spawn(
      "prometheus",
      ["--config.file", join(directory, "prometheus.yml"), "--storage.tsdb.path", join(directory, "tsdb"), ...flags],
      { stdio: "ignore" },
    );
    await until(
      "the peer is ready",
      async () =>
        await fetch(`${url}/-/ready`).then(
          (answer) => answer.ok,
          () => false,
        ),
    );
  }, 60_000);
  afterAll(() => {
    if (!present) return;
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  });

  it.skipIf(!present)(
    "gives its raw samples, from inclusive, to exclusive (needs prometheus and promtool)",
    async () => {
      const source = createForeignPrometheus({ url, requestsPerSecond: 1000 }, silentTelemetry);
      const matchers = [
        { name: "__name__", op: "=", value: "queue" },
        { name: "text", op: "=", value: 'a"b\\c' },
      ] as const;
      const views = await source.select(matchers, { from: t0 + 5 * 15_000, to: t0 + 9 * 15_000 });
      expect(views).toHaveLength(1);
      expect(views[0]!.labels).toEqual({ __name__: "queue", job: "chat", text: 'a"b\\c' });
      expect([...views[0]!.times]).toEqual([5, 6, 7, 8].map((i) => t0 + i * 15_000));
      expect([...views[0]!.values]).toEqual([5, 6, Number.NaN, 8]);
      const all = await source.select([{ name: "text", op: "=", value: "" }], { from: t0, to: t0 + 9 * 15_000 });
      expect(all.map(({ labels, values }) => [labels["job"], values.at(-1)])).toEqual([
        ["other", Number.POSITIVE_INFINITY],
      ]);
      const sets = await source.labelSets([{ name: "job", op: "=~", value: "ch.+" }], { from: t0, to: t0 + 60_000 });
      expect(sets).toEqual([{ __name__: "queue", job: "chat", text: 'a"b\\c' }]);
    },
  );

  it.skipIf(!present)("tells why it was refused (needs prometheus)", async () => {
    const source = createForeignPrometheus({ url }, silentTelemetry);
    const wrong = source.select([{ name: "__name__", op: "=~", value: "(" }], { from: t0, to: t0 + 1000 });
    await expect(wrong).rejects.toMatchObject({ message: expect.stringContaining("missing closing") });
  });
});

describe("an address that is no Prometheus", () => {
  let server: Server;
  let answer: { status: number; body: string; location?: string } = { status: 200, body: "" };
  const asked: { method: string | undefined; authorization: string | undefined }[] = [];
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push({ method: request.method, authorization: request.headers.authorization });
      response.writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location });
      response.end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sub/`;
  });
  afterAll(() => void server.close());
  const ask = (more: object = {}) =>
    createForeignPrometheus({ url, authorization: "Bearer x", ...more }, silentTelemetry).select([], {
      from: t0,
      to: t0 + 1,
    });

  it("is refused or unavailable by what it says, and only asked by GET", async () => {
    const cases: readonly (readonly [typeof answer, string, RegExp])[] = [
      [{ status: 200, body: "<html>" }, "refused", /not an answer of Prometheus/],
      [
        { status: 200, body: '{"status":"success","data":{"resultType":"vector","result":[]}}' },
        "refused",
        /not an answer/,
      ],
      [
        { status: 503, body: '{"status":"error","errorType":"unavailable","error":"starting"}' },
        "unavailable",
        /starting/,
      ],
      [{ status: 401, body: "who?" }, "refused", /status 401/],
      [{ status: 302, body: "", location: "http://127.0.0.1:1/" }, "unavailable", /did not answer/],
    ];
    for (const [given, kind, says] of cases) {
      answer = given;
      await expect(ask()).rejects.toMatchObject({ kind, message: expect.stringMatching(says) });
    }
    expect(new Set(asked.map((one) => JSON.stringify(one)))).toEqual(
      new Set(['{"method":"GET","authorization":"Bearer x"}']),
    );
  });

  it("that answers without end is cut off", async () => {
    answer = { status: 200, body: "x".repeat(100_000) };
    await expect(ask({ answerBytesMax: 1000 })).rejects.toMatchObject({
      message: expect.stringContaining("longer than 1000"),
    });
  });
});

it("that cannot be reached is tried again, and was not asked too much; one that does not end its answer was", async () => {
  const fetching = vi.spyOn(globalThis, "fetch");
  try {
    const cases = [
      ["Connect Timeout Error (attempted address: 10.0.0.1:9090, timeout: 10000ms)", false, 2],
      ["Headers Timeout Error", true, 1],
    ] as const;
    for (const [said, tooMuch, times] of cases) {
      fetching.mockReset().mockRejectedValue(new TypeError("fetch failed", { cause: new Error(said) }));
      const api = createPrometheusApi({ url: "http://10.0.0.1:9090", attempts: 2, retryMs: 1 }, silentTelemetry);
      const error = await api.get("query", {}, () => 1).catch((thrown: unknown) => thrown);
      expect(troubleOf(error).tooMuch, said).toBe(tooMuch);
      expect(fetching, said).toHaveBeenCalledTimes(times);
    }
  } finally {
    fetching.mockRestore();
  }
});

it("writes selectors that Prometheus takes", () => {
  expect(selectorOf([])).toBe('{__name__=~".+"}');
  expect(selectorOf([{ name: "a", op: "=", value: 'x"\\\n' }])).toBe('{a="x\\"\\\\\\n"}');
});
