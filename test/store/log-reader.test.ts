// Log records by arrival: every record once, in pages that may end within a batch, each tenant's marked as its own.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { type Engine, startEngine } from "../../src/store/engine/supervisor.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createLogReader } from "../../src/store/read/log-reader.ts";
import { createTenantLogs } from "../../src/store/read/tenant-logs.ts";
import { type Folder, temporaryFolder } from "./support.ts";

let engine: Engine;
let folder: Folder;
const databases = new Map<string, Database>();
const t0 = Date.UTC(2026, 0, 2);

beforeAll(async () => {
  folder = await temporaryFolder();
  engine = await startEngine({ path: join(folder.path, "data"), memoryBytes: 1e9, tcp: true }, silentTelemetry);
  for (const name of ["one", "two"]) {
    const database = openDatabase({ url: `http://127.0.0.1:${engine.tcpPort()}`, database: name });
    await migrate(database, silentTelemetry.log);
    databases.set(name, database);
  }
});
afterAll(async () => {
  for (const database of databases.values()) await database.close();
  await engine?.close();
  await folder?.remove();
});

async function insert(name: string, batch: number, bodies: readonly string[]): Promise<void> {
  const rows = bodies.map(
    (body, i) =>
      `(fromUnixTimestamp64Milli(${t0 + i}), 9, 'vllm', '${body}', map('host.name', 'node-${i % 2}', 'k8s.pod.uid', 'x'), ${batch}, ${i})`,
  );
  await databases
    .get(name)!
    .command(
      `INSERT INTO ${name}.otel_logs (Timestamp, SeverityNumber, ServiceName, Body, ResourceAttributes, _batch, _i) VALUES ${rows.join(", ")}`,
    );
}

it("gives every record once, in the order of storing, and leaves out what is not yet whole, empty or too old", async () => {
  await insert("one", 5, ["a0", "a1", "a2", "a3", "a4"]);
  await insert("one", 6, ["b0", "", "b2"]);
  await insert("one", 7, ["c0"]);
  await insert("one", 8, ["not yet"]);
  const reader = createLogReader({
    database: databases.get("one")!,
    storedThrough: () => 7n,
    lastId: () => 8n,
    pageRecords: 2,
  });
  const found: string[] = [];
  let cursor = "";
  let more = true;
  while (more) {
    const page = await reader.logsAfter(cursor, t0);
    expect(page.records).toBeLessThanOrEqual(2);
    for (let i = 0; i < page.records; i++) {
      const { service, resource } = page.origins[page.origin[i]!]!;
      found.push(`${page.bodies[i]} ${page.at[i]! - t0} ${page.severity[i]} ${service} ${resource["host.name"]}`);
      expect(Object.keys(resource)).toEqual(["service.name", "host.name"]);
    }
    ({ cursor, more } = page);
  }
  expect(found).toEqual([
    ...["a0 0 9 vllm node-0", "a1 1 9 vllm node-1", "a2 2 9 vllm node-0", "a3 3 9 vllm node-1", "a4 4 9 vllm node-0"],
    ...["b0 0 9 vllm node-0", "b2 2 9 vllm node-0", "c0 0 9 vllm node-0"],
  ]);
  expect((await reader.logsAfter(cursor, t0)).records).toBe(0);
  expect((await reader.logsAfter("", t0 + 3)).bodies).toEqual(["a3", "a4"]);
  await expect(reader.logsAfter("1; DROP", t0)).rejects.toThrow("not a cursor");
});

it("of a long text gives the beginning and the end", async () => {
  await insert("one", 20, [`${"x".repeat(50_000)} the end`]);
  const reader = createLogReader({ database: databases.get("one")!, storedThrough: () => 20n, lastId: () => 20n });
  const [body] = (await reader.logsAfter("19", t0)).bodies;
  expect(body!.length).toBeLessThan(13_000);
  expect(body!.endsWith("the end")).toBe(true);
});

it("gives the records of all tenants, marked, and goes on where one cannot be read", async () => {
  await insert("two", 5, ["of acme"]);
  const tenants = [
    { tenant: "default", database: databases.get("one")! },
    { tenant: "acme", database: databases.get("two")! },
  ];
  const reader = createTenantLogs(
    { tenants: { all: () => tenants }, storedThrough: () => 7n, lastId: () => 8n },
    silentTelemetry,
  );
  const page = await reader.logsAfter("6", t0);
  const owners = page.bodies.map((body, i) => `${body} ${page.origins[page.origin[i]!]!.tenant}`);
  expect(owners).toEqual(["c0 default", "of acme acme"]);
  expect(page.cursor).toBe("7,acme:7");
  const broken = { ...databases.get("one")!, select: () => Promise.reject(new Error("away")) };
  const half = createTenantLogs(
    {
      tenants: { all: () => [{ tenant: "default", database: broken }, tenants[1]!] },
      storedThrough: () => 7n,
      lastId: () => 8n,
    },
    silentTelemetry,
  );
  const rest = await half.logsAfter("6", t0);
  expect(rest.bodies).toEqual(["of acme"]);
  expect(rest.cursor).toBe("6,acme:7");
});

it("a cursor beyond every batch there ever was is told, and reading goes on at the end of what is there", async () => {
  const database = databases.get("one")!;
  const reader = createLogReader({ database, storedThrough: () => 6n, lastId: () => 8n });
  // Waiting to be stored: nothing is wrong with it.
  expect(await reader.logsAfter("8", t0)).toMatchObject({ records: 0, cursor: "8" });
  expect((await reader.logsAfter("8", t0)).beyond).toBeUndefined();
  expect(await reader.logsAfter("900", t0)).toMatchObject({ records: 0, cursor: "6", beyond: true });
  const tenants = [
    { tenant: "default", database },
    { tenant: "acme", database: databases.get("two")! },
  ];
  const all = createTenantLogs(
    { tenants: { all: () => tenants }, storedThrough: () => 6n, lastId: () => 8n },
    silentTelemetry,
  );
  expect(await all.logsAfter("6,acme:900.3", t0)).toMatchObject({ records: 0, cursor: "6,acme:6", beyond: true });
});
