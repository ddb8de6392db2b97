// The program as a process: stopped, killed in mid-ingest, started wrongly.

import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { run, serveProcess, serviceIn, temporaryFolder, until } from "../support/service.ts";

const folders: ReturnType<typeof temporaryFolder>[] = [];
const kills: (() => void)[] = [];
afterEach(() => {
  for (const kill of kills.splice(0)) kill();
  for (const folder of folders.splice(0)) folder.remove();
});
function newFolder(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder.path;
}

/** Sends one-record log requests, numbered, until told to stop; tells which were acknowledged. */
function startSender(url: string) {
  const acknowledged: number[] = [];
  let next = 0;
  let going = true;
  const lane = async (): Promise<void> => {
    while (going) {
      const number = next++;
      const record = { timeUnixNano: `${Date.now()}000000`, body: { stringValue: `line ${number}` } };
      const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] });
      const answer = await fetch(`${url}/v1/logs`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      }).catch(() => undefined);
      if (answer?.status === 200) acknowledged.push(number);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const lanes = Array.from({ length: 8 }, lane);
  return {
    acknowledged,
    async stop() {
      going = false;
      await Promise.all(lanes);
    },
  };
}

async function storedOnce(directory: string, acknowledged: readonly number[]): Promise<void> {
  await using service = await serviceIn(directory);
  await service.store.flushed();
  const rows = await service.store.rows<{ Body: string; n: number }>(
    "SELECT Body, toUInt32(count()) AS n FROM homeostat.otel_logs GROUP BY Body",
  );
  const counts = new Map(rows.map((row) => [row.Body, row.n]));
  expect(acknowledged.filter((number) => counts.get(`line ${number}`) === undefined)).toEqual([]);
  expect(rows.filter((row) => row.n !== 1)).toEqual([]);
}

describe("serve as a process", () => {
  test("kill -9 in the middle of ingest: every acknowledged row is there once after a restart", async () => {
    const directory = newFolder();
    const all: number[] = [];
    const serve = await serveProcess(directory);
    kills.push(() => serve.child.kill("SIGKILL"));
    const sender = startSender(serve.otlpUrl);
    await until(async () => sender.acknowledged.length > 300);
    serve.child.kill("SIGKILL");
    await serve.exit;
    await sender.stop();
    all.push(...sender.acknowledged);
    await storedOnce(directory, all);
  });

  test("kill -9 of the engine in the middle of ingest: intake goes on, nothing is lost or doubled", async () => {
    const directory = newFolder();
    const serve = await serveProcess(directory);
    kills.push(() => serve.child.kill("SIGKILL"));
    const sender = startSender(serve.otlpUrl);
    await until(async () => sender.acknowledged.length > 200);
    const status = (await (await fetch(`${serve.apiUrl}/api/v1/status`)).json()) as {
      data: { service: { store: { enginePid: number } } };
    };
    process.kill(status.data.service.store.enginePid, "SIGKILL");
    const before = sender.acknowledged.length;
    await until(async () => sender.acknowledged.length > before + 200);
    await until(async () => (await fetch(`${serve.apiUrl}/readyz`)).status === 200);
    await sender.stop();
    serve.child.kill("SIGTERM");
    expect(await serve.exit).toBe(0);
    await storedOnce(directory, sender.acknowledged);
  });

  test("SIGTERM stops it cleanly: exit code 0, what was accepted is stored", async () => {
    const directory = newFolder();
    const serve = await serveProcess(directory);
    kills.push(() => serve.child.kill("SIGKILL"));
    const sender = startSender(serve.otlpUrl);
    await until(async () => sender.acknowledged.length > 50);
    serve.child.kill("SIGTERM");
    expect(await serve.exit).toBe(0);
    await sender.stop();
    await storedOnce(directory, sender.acknowledged);
  });
});

describe("started wrongly", () => {
  test("a configuration with mistakes: all are listed and nothing starts", async () => {
    const directory = newFolder();
    writeFileSync(join(directory, "homeostat.yaml"), "receive:\n  httpPort: many\nstroe: {}\n");
    const serve = run(["serve"], { cwd: directory });
    expect(await serve.exit).toBe(1);
    expect(serve.err.join("\n")).toMatch(/homeostat\.yaml:2:13: receive\.httpPort[\s\S]*|homeostat\.yaml:3/);
    expect(serve.err.join("\n")).toContain("stroe");
  });

  test("a rule with mistakes: serve refuses to start and says where", async () => {
    const directory = newFolder();
    const rules = join(directory, "mine.yaml");
    writeFileSync(
      rules,
      "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: rate(x[5m\n      - alert: B\n        expr: no_such_function(x)\n",
    );
    const serve = run(["serve", "--set", `rules.files=["${rules}"]`, "--set", `dataDirectory=${directory}/data`]);
    expect(await serve.exit).toBe(1);
    const text = serve.err.join("\n");
    expect(text).toMatch(/mine\.yaml:5:/);
    expect(text).toContain("no_such_function");
  });

  test("a port in use: one line that names it", async () => {
    const directory = newFolder();
    const server = createServer();
    const port = await new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
    );
    try {
      const serve = run([
        "serve",
        "--set",
        `dataDirectory=${directory}`,
        "--set",
        `receive.httpPort=${port}`,
        "--set",
        "receive.grpcPort=0",
        "--set",
        "show.port=0",
      ]);
      expect(await serve.exit).toBe(1);
      const last = serve.err.filter((line) => line.startsWith("homeostat"));
      expect(last).toHaveLength(1);
      expect(last[0]).toContain(String(port));
    } finally {
      server.close();
    }
  });

  test("a data directory held by another process: one line that names it", async () => {
    const directory = newFolder();
    const first = await serveProcess(directory);
    kills.push(() => first.child.kill("SIGKILL"));
    const second = run([
      "serve",
      "--set",
      `dataDirectory=${directory}`,
      "--set",
      "receive.httpPort=0",
      "--set",
      "receive.grpcPort=0",
      "--set",
      "show.port=0",
    ]);
    expect(await second.exit).toBe(1);
    const lines = second.err.filter((line) => line.startsWith("homeostat"));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(directory);
  });

  test("a data directory that cannot be made: one line", async () => {
    const serve = run(["serve", "--set", "dataDirectory=/proc/nowhere"]);
    expect(await serve.exit).toBe(1);
    expect(serve.err.join("\n")).toContain("/proc/nowhere");
  });

  test.each([
    [["nonsense"], /there is no command "nonsense"/],
    [["serve", "--nonsense"], /--nonsense/],
    [["demo", "--fault", "gremlins"], /there is no fault "gremlins"/],
    [["demo", "--speed", "fast"], /--speed fast/],
  ])("homeostat %j is refused with exit code 2", async (args, says) => {
    const done = run(args);
    expect(await done.exit).toBe(2);
    expect(done.err.join("\n")).toMatch(says);
  });

  test("every command has help", async () => {
    const help = run(["--help"]);
    expect(await help.exit).toBe(0);
    const names = help.out.filter((line) => /^ {2}\w/.test(line)).map((line) => line.trim().split(/\s+/)[0]!);
    expect(names).toContain("serve");
    for (const name of names) {
      const one = run([name, "--help"]);
      expect(await one.exit, name).toBe(0);
      expect(one.out.join("\n")).toContain(`Usage: homeostat ${name}`);
    }
  });
});
