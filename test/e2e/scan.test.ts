// homeostat scan over a simulated fleet's history with a known fault: by our own Prometheus API, a real Prometheus, and ClickHouse.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scan } from "../../src/app/commands/scan.ts";
import { main } from "../../src/app/main.ts";
import type { ScanReport } from "../../src/app/scan/report.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { temporaryFolder, until } from "../support/service.ts";
import { historyOf, type PastAlert } from "./scan-history.ts";

const prometheus = spawnSync("prometheus", ["--version"]).status === 0;
const minute = 60_000;
const folder = temporaryFolder();
const rooms = Object.fromEntries(["data", "engine", "peer", "out"].map((name) => [name, join(folder.path, name)]));
/** Half an hour; from the 15th minute on the air of one node is too hot. */
const scenario = "fm-36-hot-aisle.yaml";
const alerts: readonly PastAlert[] = [
  { name: "NodeHot", labels: { node: "gpu-node-2", severity: "page" }, fromMs: 18 * minute, toMs: 25 * minute },
  { name: "SlowAnswers", labels: { severity: "page" }, fromMs: 19 * minute, toMs: 22 * minute },
  { name: "ElsewhereOdd", labels: { instance: "vllm-0" }, fromMs: 3 * minute, toMs: 5 * minute },
  { name: "ElsewhereOdd", labels: { instance: "vllm-0" }, fromMs: 20 * minute, toMs: 21 * minute },
];
let engine: Engine;
let history: Awaited<ReturnType<typeof historyOf>>;
let door: Awaited<ReturnType<typeof doorTo>>;

beforeAll(async () => {
  engine = await startEngine({ path: rooms["engine"]!, memoryBytes: 1_200_000_000, tcp: true }, silentTelemetry);
  history = await historyOf(rooms["data"]!, `http://127.0.0.1:${engine.tcpPort()}`, scenario, alerts);
  door = await doorTo(history.service.apiUrl);
}, 300_000);
afterAll(async () => {
  door.server.close();
  await history.service[Symbol.asyncDispose]();
  await engine.close();
  folder.remove();
});

/** A door before the service that wants a token, is busy at first, and keeps a list of who asked for what. */
async function doorTo(apiUrl: string) {
  const asked: { readonly method: string; readonly path: string }[] = [];
  let busy = 2;
  const server = createServer(async (request, response) => {
    asked.push({ method: request.method ?? "", path: request.url ?? "" });
    if (request.headers.authorization !== "Bearer secret-token") return void response.writeHead(401).end("who?");
    if (busy-- > 0) return void response.writeHead(503).end("busy");
    const answer = await fetch(`${apiUrl}${request.url}`);
    response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
  });
  return { server, asked, url: await listening(server) };
}

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function run(args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const io = { out: (line: string) => void out.push(line), err: (line: string) => void err.push(line) };
  const code = await scan.run([...args, "--set", "detect.learned=false"], io);
  return { code, out: out.join("\n"), err: err.join("\n") };
}

const iso = (at: number): string => new Date(at).toISOString();
const over = (): readonly string[] => ["--from", iso(history.range.from), "--to", iso(history.range.to)];
const json = async (args: readonly string[]): Promise<ScanReport> => JSON.parse((await run([...args, "--json"])).out);

/** What every source must agree on. */
function expectFound({ incidents, alerts: others, told }: ScanReport): void {
  const [first] = incidents.filter(({ entities }) => entities.includes("replica:vllm-2"));
  expect(first?.causes[0]).toMatchObject({ failureMode: "thermal-throttling", code: "FM-36" });
  expect(first?.causes[0]?.probability).toBeGreaterThan(0.9);
  expect(first?.causes[0]?.for.join("; ")).toMatch(/throttled by heat/);
  const told15 = history.range.from + 15 * minute;
  expect(Math.abs((first?.onset ?? 0) - told15)).toBeLessThan(2 * minute);
  // Nothing else was wrong.
  expect(incidents.map(({ causes }) => causes[0]?.code)).toEqual(incidents.map(() => "FM-36"));
  const explained = incidents.flatMap((one) => one.alerts.map(({ alert, by }) => `${alert.name} ${by}`));
  expect(explained.sort()).toEqual(["NodeHot place", "SlowAnswers time"]);
  expect(others).toMatchObject({ fired: 4, explained: 2, unexplained: [{ name: "ElsewhereOdd", times: 2 }] });
  expect(told).toMatchObject({ pages: 0, incidents: { critical: incidents.length } });
}

let byApi: ScanReport;

test("a fault is found, placed and named over the Prometheus API, by GET alone, with a token, through a busy server", async () => {
  const args = ["--prometheus", `${door.url}/prometheus/`, "--token", "secret-token", "--directory", rooms["out"]!];
  const { code, out, err } = await run([...args, ...over()]);
  expect(code).toBe(0);
  expect(err).toMatch(/metrics, some [\d,]+ series at once; a step every 15s/);
  expect(out).toMatch(/Thermal throttling \(FM-36\) on gpu:/);
  expect(out).toMatch(/explains NodeHot \{.*node=gpu-node-2.*\}, fired/);
  expect(out).toMatch(/until .* only rules were judged/);
  byApi = JSON.parse(readFileSync(join(rooms["out"]!, "report.json"), "utf8"));
  expectFound(byApi);
  expect(readFileSync(join(rooms["out"]!, "report.txt"), "utf8").trim()).toBe(out.trim());
  expect(new Set(door.asked.map(({ method }) => method))).toEqual(new Set(["GET"]));
  // Our own canonical signals are not read back as somebody's metrics.
  expect(decodeURIComponent(door.asked.map(({ path }) => path).join("\n"))).not.toMatch(/[^v]llm:/);

  const gaps = new Map(byApi.impossible.map((one) => [one.failureMode, one]));
  expect(gaps.get("corrupted-weights")?.missing.map(({ signal }) => signal)).toContain("log records");
  expect(gaps.get("speculative-acceptance-collapse")?.missing.flatMap(({ from }) => from)).toContain(
    "vllm: vllm:spec_decode_num_accepted_tokens",
  );
  expect(gaps.has("thermal-throttling")).toBe(false);
  expect(gaps.has("kv-cache-saturation")).toBe(false);
}, 300_000);

test("half of the range missing is said, and the rest is judged as it is", async () => {
  const { from, to } = history.range;
  const report = await json([
    "--prometheus",
    history.service.apiUrl,
    "--from",
    iso(from - 30 * minute),
    "--to",
    iso(to),
  ]);
  expectFound(report);
  expect(report.notes.join("\n")).toMatch(/nothing for the first 30m: history begins at/);
}, 300_000);

test("the ClickHouse behind it gives the same, and what its logs can tell is not missing", async () => {
  const url = `http://127.0.0.1:${engine.tcpPort()}`;
  const report = await json(["--clickhouse", url, "--database", "homeostat", ...over()]);
  expectFound(report);
  expect(report.impossible.flatMap(({ missing }) => missing.map(({ signal }) => signal))).not.toContain("log records");
  await expect(run(["--clickhouse", url, "--database", "default", ...over()])).rejects.toThrow(
    /no metrics of an OpenTelemetry exporter.*--database/,
  );
}, 300_000);

describe("the real Prometheus", () => {
  let child: ChildProcess | undefined;
  afterAll(() => void child?.kill("SIGKILL"));

  test.skipIf(!prometheus)(
    "that holds the same samples gives the same incidents (needs prometheus and promtool)",
    async () => {
      const page = `${folder.path}/page.om`;
      writeFileSync(page, await openMetrics(history.service.apiUrl));
      const tsdb = rooms["peer"]!;
      const blocks = spawnSync("promtool", ["tsdb", "create-blocks-from", "openmetrics", page, tsdb]);
      expect(String(blocks.stderr)).toBe("");
      writeFileSync(`${folder.path}/prometheus.yml`, "global: {}\n");
      const free = createServer();
      const url = await listening(free);
      await new Promise((resolve) => free.close(resolve));
      const flags = ["--web.listen-address", url.slice("http://".length), "--storage.tsdb.path", tsdb];
      const config = ["--config.file", `${folder.path}/prometheus.yml`, "--storage.tsdb.retention.time", "100y"];
      child = spawn("prometheus", [...config, ...flags], { stdio: "ignore" });
      await until(() =>
        fetch(`${url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
      const report = await json(["--prometheus", url, ...over()]);
      expectFound(report);
      const essence = ({ incidents }: ScanReport) =>
        incidents.map(({ onset, openedAt, entities, causes }) => [onset, openedAt, entities, causes[0]?.probability]);
      expect(essence(report)).toEqual(essence(byApi));

      const coarse = await json(["--prometheus", url, ...over(), "--step", "30s"]);
      expect(coarse.stepMs).toBe(30_000);
      expect(coarse.points).toBeLessThan(report.points);
      expect(coarse.incidents[0]?.causes[0]?.code).toBe("FM-36");
    },
    300_000,
  );

  /** Every sample the service has, as OpenMetrics with times; gauges all, so that names stay as they are. */
  async function openMetrics(apiUrl: string): Promise<string> {
    const { from, to } = history.range;
    const names = await data<string[]>(`${apiUrl}/api/v1/label/__name__/values?start=${from / 1000}&end=${to / 1000}`);
    const lines: [number, string][] = [];
    for (const name of names.filter((one) => !/^(llm|gpu|node|container|app):/.test(one))) {
      const query = new URLSearchParams({
        query: `{__name__="${name}"}[${to - from}ms]`,
        time: String((to - 1) / 1000),
      });
      type Rows = { result: { metric: Record<string, string>; values: [number, string][] }[] };
      for (const { metric, values } of (await data<Rows>(`${apiUrl}/api/v1/query?${query}`)).result) {
        const labels = Object.entries(metric).filter(([label]) => label !== "__name__");
        const set = labels.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(",");
        for (const [at, value] of values) lines.push([at, `${name}{${set}} ${value} ${at}`]);
      }
    }
    return `${lines
      .sort((a, b) => a[0] - b[0])
      .map(([, line]) => line)
      .join("\n")}\n# EOF\n`;
  }

  async function data<T>(url: string): Promise<T> {
    return ((await (await fetch(url)).json()) as { data: T }).data;
  }
});

describe("what is wrong is told with what to do", () => {
  const refused = async (args: readonly string[], says: RegExp): Promise<void> => {
    await expect(run([...args, ...over()])).rejects.toMatchObject({
      name: "UserError",
      message: expect.stringMatching(says),
    });
  };

  test("no answer, no token, no Prometheus, no history, nothing known", async () => {
    const other = createServer((request, response) => {
      const names = request.url?.includes("/few/") ? ["only_mine"] : [];
      const known = /\/(few|none)\/api\/v1\/label/.test(request.url ?? "");
      response.end(known ? JSON.stringify({ status: "success", data: names }) : "<html>");
    });
    const url = await listening(other);
    await refused(["--prometheus", door.url], /status 401.*--token-file/);
    await refused(["--prometheus", url], /not an answer of Prometheus's API; give the address before \/api\/v1/);
    await refused(["--prometheus", `${url}/none`], /has no metrics from .* to .*--from/);
    await refused(
      ["--prometheus", `${url}/few`],
      /1 metrics .* none that a signal or rule here reads \(only_mine\).*--all/,
    );
    await new Promise((resolve) => other.close(resolve));
    await refused(["--prometheus", url], /did not answer.*check its address/);
    await refused(["--clickhouse", url], /cannot be reached|refused|ECONNREFUSED/i);
  }, 120_000);

  test("a folder with anything of somebody's in it is left alone", async () => {
    writeFileSync(join(folder.path, "notes.txt"), "mine");
    await refused(["--prometheus", door.url, "--directory", folder.path], /which no scan wrote; give an empty/);
    expect(readFileSync(join(folder.path, "notes.txt"), "utf8")).toBe("mine");
    expect(existsSync(join(folder.path, "report.json"))).toBe(false);
    expect(readdirSync(rooms["out"]!).sort()).toEqual(["report.json", "report.txt"]);
  });

  test.each([
    [[], /one of them/],
    [["--prometheus", "http://a", "--clickhouse", "http://b"], /one of them/],
    [["--prometheus", "somewhere"], /no address/],
    [["--prometheus", "http://a", "--from", "-2w", "--to", "-3w"], /before/],
    [["--prometheus", "http://a", "--from", "soon"], /"soon" is no time/],
    [["--prometheus", "http://a", "--step", "often"], /"often" is no step/],
    [["--prometheus", "http://a", "--token", "t", "--user", "u"], /exclude/],
  ])("%j is misuse", async (args, says) => {
    await expect(run(args)).rejects.toMatchObject({ name: "UsageError", message: expect.stringMatching(says) });
  });

  test("it is in the list of commands", async () => {
    expect(await main(["scan", "--help"])).toBe(0);
  });
});
