// Child process that holds the embedded engine: the only place where it is loaded, so that it can be killed.
import { once } from "node:events";
import { chmodSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { AddressInfo, Server } from "node:net";
import type { Session } from "chdb";
import { messageOf } from "../errors.ts";
import { createEngineServer } from "./http-server.ts";
import type { FromEngine, StartEngine } from "./messages.ts";
import { openSessions, type Sessions } from "./sessions.ts";

// The parent's end is the end: running statements would hold an orderly exit back for many seconds,
// and what was acknowledged is on disk already.
let folder: string | undefined;
process.on("disconnect", () => {
  // Nobody else is left to remove it.
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  process.kill(process.pid, "SIGKILL");
});
// Meant for the parent, which stores what it can before it stops us; a terminal sends them to both.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
process.once("message", (message: StartEngine) => void start(message));

async function start(options: StartEngine): Promise<void> {
  try {
    await open(options);
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code;
    const missing = code === "ERR_MODULE_NOT_FOUND" || code === "CHDB_PLATFORM_UNSUPPORTED" || code === "CHDB_PLATFORM";
    tell({ kind: "failed", missing: missing || /native binding/.test(messageOf(error)), message: messageOf(error) });
  }
}

async function open(options: StartEngine): Promise<void> {
  folder = options.folder;
  const engine = await import("chdb");
  await mkdir(options.path, { recursive: true, mode: 0o700 });
  const connectionArgs = [
    `--max_server_memory_usage=${options.memoryBytes}`,
    // Merges may use one core; intake and detection need the other on the smallest machine.
    "--background_pool_size=1",
    "--background_merges_mutations_concurrency_ratio=2",
    "--background_schedule_pool_size=2",
    "--background_common_pool_size=1",
    "--background_move_pool_size=1",
    "--background_fetches_pool_size=1",
  ];
  const openOne = (): Session => new engine.Session(options.path, { connectionArgs });
  const sessions = openSessions(openOne, { control: 1, write: 2, read: 3 });
  const control = await sessions.lease("control", new AbortController().signal);
  const answer = await control!.run({
    sql: "SELECT version()",
    format: "TabSeparatedRaw",
    database: "default",
    parameters: new Map(),
  });
  control!.release();
  const version = Buffer.from(answer.bytes).toString("utf8").trim();

  const server = createEngineServer({ sessions, folder: options.folder, version });
  await listening(server, () => server.listen(options.socket));
  chmodSync(options.socket, 0o600);
  let tcpPort: number | undefined;
  if (options.tcp === true) {
    const open = createEngineServer({ sessions, folder: options.folder, version });
    await listening(open, () => open.listen(0, "127.0.0.1"));
    tcpPort = (open.address() as AddressInfo).port;
  }
  process.on("message", (message: { readonly kind: string }) => {
    if (message.kind === "stop") void stop(sessions);
  });
  tell({ kind: "ready", version, ...(tcpPort === undefined ? {} : { tcpPort }) });
}

async function stop(sessions: Sessions): Promise<void> {
  // Closing waits for running statements, so they are told to end first.
  await sessions.kill("engine-request-").catch(() => {});
  sessions.close();
  process.exit(0);
}

async function listening(server: Server, listen: () => void): Promise<void> {
  listen();
  await once(server, "listening");
}

function tell(message: FromEngine): void {
  process.send?.(message);
}
