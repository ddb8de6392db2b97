// Real services for tests: in this process, or as the program a user starts.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createLiveClock } from "../../src/app/clock/live.ts";
import { Config, type ConfigInput } from "../../src/app/config-schema.ts";
import { startService } from "../../src/app/service.ts";
import { createTelemetry } from "../../src/app/telemetry.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const program = join(root, "bin", "homeostat.js");

export function temporaryFolder(): Disposable & { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "homeostat-e2e-"));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  return { path, remove, [Symbol.dispose]: remove };
}

/** A service that scrapes a page every half second, with the server of the page. */
export async function serviceThatScrapes(directory: string, page: string) {
  const exporter = createServer((_request, response) => response.end(page));
  await new Promise<void>((resolve) => exporter.listen(0, "127.0.0.1", resolve));
  const target = `127.0.0.1:${(exporter.address() as { port: number }).port}`;
  const job = { job: "chat", interval: "500ms", timeout: "400ms", targets: [target] };
  const observe = { tick: "* * * * * *", step: "1s", lateness: "0s", idle: "2s" };
  const service = await serviceIn(directory, { scrape: [job], observe });
  return {
    ...service,
    async [Symbol.asyncDispose]() {
      await service[Symbol.asyncDispose]();
      await new Promise((resolve) => exporter.close(resolve));
    },
  };
}

/** A service in this process on free ports, any timestamp accepted, no retention. */
export async function serviceIn(directory: string, more: ConfigInput = {}) {
  const config = Config.parse({
    dataDirectory: directory,
    store: {
      retentionDays: { traces: "forever", logs: "forever", metrics: "forever", own: "forever" },
      diskFloorMib: 0,
    },
    receive: { httpPort: 0, grpcPort: 0, anyTime: true },
    show: { port: 0 },
    detect: { learned: false },
    ...more,
  });
  const telemetry = createTelemetry({ level: "silent", version: "test" });
  const clock = createLiveClock(telemetry);
  const service = await startService(config, { clock, telemetry });
  return {
    ...service,
    clock,
    telemetry,
    async [Symbol.asyncDispose]() {
      clock[Symbol.dispose]();
      await service[Symbol.asyncDispose]();
      await telemetry[Symbol.asyncDispose]();
    },
  };
}

export interface Run {
  readonly child: ChildProcess;
  readonly out: string[];
  readonly err: string[];
  /** Resolves to the exit code; null when killed. */
  readonly exit: Promise<number | null>;
  /** Resolves with the first line of stdout that matches. Rejects if the program ends before. */
  line(pattern: RegExp): Promise<RegExpMatchArray>;
}

/** Runs `homeostat ARGS…` as its own process. */
export function run(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Run {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { PATH: process.env["PATH"], ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out: string[] = [];
  const err: string[] = [];
  const waiting = new Set<{ pattern: RegExp; resolve: (m: RegExpMatchArray) => void; reject: (e: Error) => void }>();
  createInterface({ input: child.stdout! }).on("line", (line) => {
    out.push(line);
    for (const one of waiting) {
      const match = line.match(one.pattern);
      if (match !== null && waiting.delete(one)) one.resolve(match);
    }
  });
  createInterface({ input: child.stderr! }).on("line", (line) => err.push(line));
  const exit = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      for (const one of waiting)
        one.reject(new Error(`ended with ${code} before ${one.pattern}:\n${[...out, ...err].join("\n")}`));
      resolve(code);
    });
  });
  return {
    child,
    out,
    err,
    exit,
    line(pattern) {
      for (const line of out) {
        const match = line.match(pattern);
        if (match !== null) return Promise.resolve(match);
      }
      return new Promise((resolve, reject) => waiting.add({ pattern, resolve, reject }));
    },
  };
}

/** `homeostat serve` as its own process on free ports; resolves once it is up. */
export async function serveProcess(directory: string, more: readonly string[] = []) {
  const sets = [
    `dataDirectory=${directory}`,
    "receive.httpPort=0",
    "receive.grpcPort=0",
    "show.port=0",
    "receive.anyTime=true",
    "store.diskFloorMib=0",
    "detect.learned=false",
    ...more,
  ];
  const running = run(["serve", ...sets.flatMap((set) => ["--set", set])]);
  const [, otlpUrl, grpcPort, apiUrl] = await running.line(/OTLP on (\S+) and gRPC (\d+), API on (\S+),/);
  return { ...running, otlpUrl: otlpUrl!, grpcPort: Number(grpcPort), apiUrl: apiUrl! };
}

/** Asks again and again until `check` gives something other than undefined or false. The test's timeout ends it. */
export async function until<T>(check: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
