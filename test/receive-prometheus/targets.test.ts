// Discovery of targets from files and over HTTP, from a real server.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { discover, type ScrapeJob } from "../../src/receive/prometheus/targets.ts";

const answers: Record<string, { status: number; body: string }> = {
  "/two": {
    status: 200,
    body: JSON.stringify([
      { targets: ["10.0.0.1:8000", "10.0.0.2:8000"], labels: { zone: "a", __meta_pod: "x", __metrics_path__: "/m" } },
    ]),
  },
  "/many": {
    status: 200,
    body: JSON.stringify(
      Array.from({ length: 9000 }, (_, i) => ({ targets: [`node-${i}:9100`], labels: { i: `${i}` } })),
    ),
  },
  "/broken": { status: 200, body: '[{"targets": ["a:1"' },
  "/other": { status: 200, body: '[{"targets": "a:1"}]' },
  "/down": { status: 500, body: "no" },
};
const asked: (string | undefined)[] = [];
const server = createServer((request, response) => {
  asked.push(request.headers.authorization);
  const { status, body } = answers[request.url!]!;
  response.writeHead(status, { "content-type": "application/json" }).end(body);
});
let base = "";
const folder = mkdtempSync(join(tmpdir(), "homeostat-targets-"));

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function job(parts: Partial<ScrapeJob>): ScrapeJob {
  const fixed = { job: "vllm", intervalMs: 1000, timeoutMs: 5000, scheme: "http", path: "/metrics" } as const;
  return { ...fixed, targets: [], files: [], endpoints: [], labels: { env: "prod" }, ...parts };
}

it("reads an HTTP endpoint with the job's credentials: labels are added, what begins with __ only steers", async () => {
  const found = await discover(job({ endpoints: [`${base}/two`], authorization: "Bearer x" }));
  expect(found.problems).toEqual([]);
  expect(found.targets.map(({ url, labels }) => [url, labels])).toEqual([
    ["http://10.0.0.1:8000/m", { env: "prod", zone: "a" }],
    ["http://10.0.0.2:8000/m", { env: "prod", zone: "a" }],
  ]);
  expect(asked.at(-1)).toBe("Bearer x");
});

it("takes lists of thousands, and no more than the limit of targets", async () => {
  const many = await discover(job({ endpoints: [`${base}/many`] }));
  expect([many.targets.length, many.problems]).toEqual([9000, []]);
  const own = Array.from({ length: 2000 }, (_, i) => `own-${i}:1`);
  const over = await discover(job({ targets: own, endpoints: [`${base}/many`] }));
  expect(over.targets).toHaveLength(10_000);
  expect(over.problems).toEqual([expect.stringContaining("more than 10000 targets")]);
});

it.each(["/broken", "/other", "/down"])("says what is wrong with %s, and keeps what the others gave", async (path) => {
  const found = await discover(job({ targets: ["b:2"], endpoints: [`${base}${path}`] }));
  expect(found.targets.map(({ instance }) => instance)).toEqual(["b:2"]);
  expect(found.problems.length).toBeGreaterThan(0);
  expect(found.problems[0]).toContain(path);
});

it("reads files as YAML and as JSON, each target once", async () => {
  const [yaml, json] = [join(folder, "a.yaml"), join(folder, "b.json")];
  writeFileSync(yaml, "- targets: ['a:1', 'b:1']\n  labels: { zone: a }\n");
  writeFileSync(json, JSON.stringify([{ targets: ["b:1", "c:1"] }]));
  const found = await discover(job({ files: [yaml, json, join(folder, "gone.yaml")] }));
  expect(found.targets.map(({ instance }) => instance)).toEqual(["a:1", "b:1", "c:1"]);
  expect(found.problems).toHaveLength(1);
});
