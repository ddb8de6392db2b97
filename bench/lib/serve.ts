// The program as users start it, on free ports, for benches that send to it and kill it.
import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { descendants } from "./process-tree.ts";

const program = fileURLToPath(new URL("../../bin/homeostat.js", import.meta.url));

export interface ServeOptions {
  readonly directory: string;
  /** Further `--set` texts. */
  readonly sets?: readonly string[];
  /** Arguments for Node itself. */
  readonly nodeArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Doors {
  readonly otlpUrl: string;
  readonly apiUrl: string;
}

export interface Serve {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves with its doors once it is up; undefined if it ended before. */
  readonly ready: Promise<Doors | undefined>;
  /** Resolves with the exit code, or the name of the signal it died of. */
  readonly exit: Promise<number | string>;
  /** Last lines of what it said, for when it went wrong. */
  said(): string;
  enginePid(): number | undefined;
  /** Bytes received and not yet stored; undefined if it does not answer. */
  backlogBytes(): Promise<number | undefined>;
}

const keptLines = 40;
/** None outlives the bench, however it ends. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** Starts `homeostat serve` over a directory; any timestamp is taken. */
export function startServe(options: ServeOptions): Serve {
  const sets = [
    `dataDirectory=${options.directory}`,
    "receive.httpPort=0",
    "receive.grpcPort=0",
    "show.port=0",
    "receive.anyTime=true",
    "store.diskFloorMib=0",
    "telemetry.level=warn",
    ...(options.sets ?? []),
  ];
  const child = spawn(
    process.execPath,
    [...(options.nodeArguments ?? []), program, "serve", ...sets.flatMap((set) => ["--set", set])],
    { cwd: tmpdir(), env: { PATH: process.env["PATH"], ...options.env }, stdio: ["ignore", "pipe", "pipe"] },
  );
  alive.add(child);
  const lines: string[] = [];
  const keep = (line: string): void => {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
  };
  createInterface({ input: child.stderr! }).on("line", keep);
  let doors: Doors | undefined;
  const exit = new Promise<number | string>((resolve) => {
    child.once("close", (code, signal) => {
      alive.delete(child);
      resolve(code ?? signal ?? "unknown");
    });
  });
  const up = new Promise<Doors>((resolve) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      keep(line);
      const match = /OTLP on (\S+) and gRPC \d+, API on (\S+),/.exec(line);
      if (match === null) return;
      doors = { otlpUrl: match[1]!, apiUrl: match[2]! };
      resolve(doors);
    });
  });
  return {
    child,
    pid: child.pid!,
    ready: Promise.race([up, exit.then(() => undefined)]),
    exit,
    said: () => lines.join("\n"),
    enginePid: () => descendants(child.pid!, "engine-process")[0],
    async backlogBytes() {
      try {
        const answer = await fetch(`${doors!.apiUrl}/api/v1/status`);
        const status = (await answer.json()) as { data: { service: { store: { backlogBytes: number } } } };
        return status.data.service.store.backlogBytes;
      } catch {
        return undefined;
      }
    },
  };
}

/** The doors of a serve that must come up; throws what it said if it did not. */
export async function doorsOf(serve: Serve): Promise<Doors> {
  const doors = await serve.ready;
  if (doors === undefined) throw new Error(`homeostat serve ended with ${await serve.exit}:\n${serve.said()}`);
  return doors;
}

/** Resolves once everything acknowledged is stored; gives up with an error after `limitMs`. */
export async function untilStored(serve: Serve, limitMs = 120_000): Promise<void> {
  const giveUpAt = performance.now() + limitMs;
  while (performance.now() < giveUpAt) {
    if ((await serve.backlogBytes()) === 0) return;
    if (serve.child.exitCode !== null) throw new Error(`homeostat serve ended:\n${serve.said()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not everything was stored within ${limitMs} ms:\n${serve.said()}`);
}

/** Asks it to stop and waits; throws if that did not go well. */
export async function stopServe(serve: Serve): Promise<void> {
  serve.child.kill("SIGTERM");
  const how = await serve.exit;
  if (how !== 0) throw new Error(`homeostat serve stopped with ${how}:\n${serve.said()}`);
}
