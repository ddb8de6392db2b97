// The schema of a cluster: every statement parses in the real engine, and what a single node can run of it, it runs.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { silentTelemetry } from "../../src/model/ports/telemetry.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { mutate } from "../../src/store/mutation.ts";
import { applyRetention } from "../../src/store/retention.ts";
import { storedTables } from "../../src/store/tables.ts";
import { type Folder, temporaryFolder } from "./support.ts";

let folder: Folder;
const schema: string[] = [];
const others: string[] = [];

/** A database of cluster `c` that takes every statement down and has nothing in it but tables of these definitions. */
function recording(into: string[], definitions: readonly (readonly [string, string])[] = []): Database {
  const database = openDatabase({ database: "d", cluster: "c" });
  return {
    ...database,
    select: async <Row>(sql: string) => (sql.includes("create_table_query") ? definitions : []) as Row[],
    command: async (sql) => void into.push(sql),
  };
}

beforeAll(async () => {
  folder = await temporaryFolder();
  await migrate(recording(schema), silentTelemetry.log);
  const definitions = storedTables.map(({ name }) => [`${name}_local`, ""] as const);
  const days = { traces: 7, logs: 7, metrics: 7, rollups: 7, own: 7 };
  await applyRetention(recording(others, definitions), days);
  await mutate(recording(others), "otel_logs", "DELETE WHERE Body = ''");
});
afterAll(() => folder.remove());

interface Answer {
  readonly rows?: readonly (readonly unknown[])[];
  readonly error?: string;
}

/** Runs them on an engine of its own, one after the other. */
function run(name: string, statements: readonly string[]): readonly Answer[] {
  const script = fileURLToPath(new URL("./cluster-engine.mjs", import.meta.url));
  const ended = spawnSync(process.execPath, [script, join(folder.path, name)], {
    input: JSON.stringify(statements),
    encoding: "utf8",
    timeout: 55_000,
    killSignal: "SIGKILL",
    maxBuffer: 64 * 1024 * 1024,
  });
  const answers = ended.stdout.split("\n").filter((line) => line !== "");
  expect(answers.length, ended.stderr).toBe(statements.length);
  return answers.map((line) => JSON.parse(line) as Answer);
}

it("is made of statements that parse, each for the whole cluster", () => {
  const all = [...schema, ...others].filter((sql) => !sql.startsWith("INSERT"));
  expect(all.length).toBeGreaterThan(2 * storedTables.length);
  expect(all.filter((sql) => !sql.includes(" ON CLUSTER `c`"))).toEqual([]);
  const answers = run(
    "parse",
    all.map((sql) => `EXPLAIN AST ${sql}`),
  );
  expect(answers.flatMap(({ error }, i) => (error === undefined ? [] : [[all[i], error]]))).toEqual([]);
  // The check itself: what is no statement is told.
  expect(run("broken", ["EXPLAIN AST CREATE TABLE x ON CLUSTER (a Int8)"])[0]!.error).toContain("Syntax error");
});

it("is replicated tables under a distributed one for each, which a node makes and reads", () => {
  // Handing a statement on to the other nodes is the server's own work, and switched off in the embedded engine.
  const made = schema.filter((sql) => !sql.startsWith("INSERT")).map((sql) => sql.replace(" ON CLUSTER `c`", ""));
  const answers = run("make", [
    ...made,
    "SELECT name, engine FROM system.tables WHERE database = 'd' ORDER BY name",
    ...storedTables.map(({ name }) => `SELECT count() FROM d.${name}`),
    "SELECT count() FROM d.otel_metrics_exp_histogram",
  ]);
  const wrong = answers.flatMap(({ error }, i) => (error === undefined ? [] : [[made[i] ?? `reading ${i}`, error]]));
  expect(wrong).toEqual([]);
  const engines = new Map((answers[made.length]!.rows ?? []) as readonly (readonly [string, string])[]);
  for (const { name } of storedTables) {
    expect(engines.get(name)).toBe("Distributed");
    expect(engines.get(`${name}_local`)).toMatch(/^Replicated\w*MergeTree$/);
  }
  expect(answers.slice(made.length + 1).map(({ rows }) => Number(rows?.[0]?.[0]))).toEqual(
    [...storedTables, "view"].map(() => 0),
  );
});
