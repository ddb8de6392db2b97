// homeostat cost and homeostat erase on the data a stopped service left.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Io } from "../../src/app/command.ts";
import { cost } from "../../src/app/commands/cost.ts";
import { erase } from "../../src/app/commands/erase.ts";
import { loadConfig } from "../../src/app/config.ts";
import { storeOptions } from "../../src/app/store-options.ts";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { logs, spans } from "../store/batches.ts";

const folder = mkdtempSync(join(tmpdir(), "homeostat-commands-"));
const where = ["--set", `dataDirectory=${folder}`];
/** Ids are kept in lower case; people paste them as they find them. */
const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const other = "00f067aa0ba902b7a3ce929d0e0e4736";
const at = Date.now() - 3_600_000;

async function open(): Promise<Store> {
  const loaded = loadConfig({ sets: [`dataDirectory=${folder}`], env: {} });
  if (!loaded.ok) throw new Error("the configuration has mistakes");
  return await openStore(storeOptions(loaded.config, folder), silentTelemetry);
}

async function run(command: typeof cost, args: readonly string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const io: Io = { out: (line) => void lines.push(line), err: () => {} };
  return { code: await command.run([...args, ...where], io), text: lines.join("\n") };
}

beforeAll(async () => {
  await expect(run(cost, [])).rejects.toThrow("there is no store");
  const store = await open();
  await store.journal.append([spans([trace, trace, other], at), logs(["a"], at)]);
  await store[Symbol.asyncDispose]();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("cost prints tables and totals, as text and as JSON", async () => {
  const { code, text } = await run(cost, ["--json"]);
  expect(code).toBe(0);
  const report = JSON.parse(text);
  expect(report.tables.find((table: { table: string }) => table.table === "otel_traces")).toMatchObject({
    signal: "traces",
    rows: 3,
    retentionDays: 7,
  });
  expect(
    report.signals.map((signal: { signal: string; retentionDays: number }) => [signal.signal, signal.retentionDays]),
  ).toEqual([
    ["traces", 7],
    ["logs", 7],
    ["metrics", 15],
    ["rollups", 180],
    ["own", 400],
  ]);
  expect(report.total.projectedBytes).toBeGreaterThan(0);
  const people = (await run(cost, [])).text;
  expect(people).toMatch(/^table +rows +on disk/);
  expect(people).toMatch(/^ {2}otel_traces +3 .* 7 d +[\d.]+ (Ki|Mi)?B$/m);
});

it("erase shows what it would remove, and removes it with --yes", async () => {
  const dry = await run(erase, ["--trace", trace.toUpperCase()]);
  expect(dry.code).toBe(0);
  expect(dry.text).toContain("otel_traces: 2 rows would be deleted");
  expect(dry.text).toContain("--yes");
  const done = await run(erase, ["--trace", trace, "--yes", "--json"]);
  expect(done.code).toBe(0);
  expect(JSON.parse(done.text)).toMatchObject({
    complete: true,
    tables: [{ table: "otel_traces", rows: 2, left: 0 }, {}],
  });
  expect((await run(erase, ["--trace", trace, "--yes"])).text).toContain("nothing was found");
  await using store = await open();
  expect(await store.rows("SELECT TraceId AS t FROM homeostat.otel_traces")).toEqual([{ t: other }]);
});

it("both say to stop the service that holds the directory", async () => {
  await using _service = await open();
  const says = { name: "UserError", message: expect.stringMatching(/running Homeostat holds .* stop it first/) };
  await expect(run(cost, [])).rejects.toMatchObject(says);
  await expect(run(erase, ["--user", "u"])).rejects.toMatchObject(says);
});

it("erase takes exactly one target", async () => {
  await expect(run(erase, ["--yes"])).rejects.toMatchObject({ name: "UsageError" });
  await expect(run(erase, ["--trace", "a", "--user", "b"])).rejects.toMatchObject({ name: "UsageError" });
  await expect(run(erase, ["--trace", ""])).rejects.toMatchObject({ name: "UsageError" });
  await expect(run(erase, ["--trace", trace.slice(1)])).rejects.toThrow("32 hexadecimal digits");
});

it("both begin their help with how to call them", () => {
  expect(cost.help).toMatch(/^Usage: homeostat cost/);
  expect(erase.help).toMatch(/^Usage: homeostat erase/);
});
