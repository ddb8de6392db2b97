// homeostat signals: over a page, and over a running service.
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { signals } from "../../src/app/commands/signals.ts";
import { serviceThatScrapes, temporaryFolder, until } from "../support/service.ts";

const fixtures = "test/fixtures/signals";

async function run(...args: string[]): Promise<string[]> {
  const lines: string[] = [];
  const code = await signals.run(args, { out: (line) => void lines.push(line), err: () => {} });
  expect(code).toBe(0);
  return lines;
}

describe("a page", () => {
  test.each(readdirSync(fixtures))("%s is told in full", async (file) => {
    const { coverage, values } = JSON.parse((await run(`${fixtures}/${file}`, "--json"))[0]!);
    const mapped = coverage.reduce((sum: number, one: { mapped: unknown[] }) => sum + one.mapped.length, 0);
    expect(mapped).toBeGreaterThan(0);
    expect(values.length).toBeGreaterThan(0);
  });

  test("is told to people with values, reasons and doubts", async () => {
    const lines = await run(`${fixtures}/vllm-0.11.0.prom`);
    expect(lines[0]).toMatch(/^vllm: 1 seen, \d+ signals, 100 % of its metrics understood$/);
    expect(lines).toContain("  vllm:kv_cache_usage_perc -> kv_usage");
    expect(lines).toContain("  kv_usage = 0.83");
    const cards = await run(`${fixtures}/dcgm-exporter-4.8.2.prom`);
    expect(cards.some((line) => line.startsWith("  DCGM_FI_DEV_DEC_UTIL -- "))).toBe(true);
    expect(lines).toContain("  generated_tokens = 1000 {token}/s");
  });

  test("that is none, or is not there, is said so in one line", async () => {
    await expect(run("package.json")).rejects.toThrow(/package.json is not a page of metrics .*; give what GET/);
    await expect(run("nowhere.prom")).rejects.toThrow(/cannot read nowhere.prom/);
  });
});

interface Coverage {
  readonly engine: string;
  readonly present: readonly string[];
  readonly absent: readonly string[];
}

const vllmOf = (report: { readonly coverage: readonly Coverage[] }): Coverage | undefined =>
  report.coverage.find((one) => one.engine === "vllm");

describe("a running service", () => {
  const folder = temporaryFolder();
  const page = [
    "# TYPE vllm:num_requests_running gauge",
    'vllm:num_requests_running{model_name="m"} 5',
    "# TYPE vllm:warp_core gauge",
    "vllm:warp_core 1",
    "# TYPE shop_sales gauge",
    "shop_sales 3",
  ].join("\n");
  let service: Awaited<ReturnType<typeof serviceThatScrapes>>;

  beforeAll(async () => {
    service = await serviceThatScrapes(folder.path, `${page}\n`);
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    folder.remove();
  });

  test("tells what arrives, what it becomes and what nobody understands", async () => {
    const report = await until(async () => {
      const told = JSON.parse((await run("--url", service.apiUrl, "--json"))[0]!);
      return told.values.length > 0 && (vllmOf(told)?.present.length ?? 0) > 0 && told;
    });
    const vllm = vllmOf(report);
    expect(vllm).toMatchObject({
      entities: 1,
      present: ["running"],
      mapped: [{ metric: "vllm:num_requests_running", signals: ["running"] }],
      unmapped: ["vllm:warp_core"],
    });
    expect(vllm?.absent).toContain("ttft");
    const lines = await run("--url", service.apiUrl);
    expect(lines).toContain("  vllm:warp_core ?? not mapped");
    expect(lines.find((line) => line.startsWith("of no known engine:"))).toContain("shop_sales");
    expect(lines).toContain("  running = 5 {request}");
  });

  test("that does not answer is said so, with what to do", async () => {
    await expect(run("--url", "http://127.0.0.1:1")).rejects.toThrow(/nothing answers at .*start homeostat serve/);
    await expect(run("--url", "warp")).rejects.toThrow(/is no URL/);
  });
});
