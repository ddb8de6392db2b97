// Keeps one engine process alive: starts it, watches it, replaces it when it dies or hangs.
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { entryUrl } from "../../model/entry.ts";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import { type StoreError, storeError } from "../errors.ts";
import type { FromEngine, StartEngine } from "./messages.ts";

export interface EngineOptions {
  /** Data directory of the engine. */
  readonly path: string;
  readonly memoryBytes: number;
  /** How long to wait for a predecessor that still holds the directory; default 5 s. */
  readonly lockWaitMs?: number;
  readonly tcp?: boolean;
  /** Asked when the engine does not open its data, with what it said; true: that has been seen to, so try again. */
  readonly repair?: (failure: string) => Promise<boolean>;
}

export interface Engine {
  /** Takes HTTP clients to the engine process of the moment. Without one, connecting fails at once. */
  readonly agent: Agent;
  version(): string;
  /** Of the process of the moment; undefined between two. */
  pid(): number | undefined;
  tcpPort(): number | undefined;
  /** How many times the process has been replaced. */
  replaced(): number;
  /** Gives running statements no time: end them before. SIGKILL after 5 s. */
  close(): Promise<void>;
}

const heartbeatMs = 500;
/**
 * How long one may take to be answered: so many turns of our own event loop, each that long at least. Not one timer,
 * because a timer that is due is served before an answer that has long arrived, and where our own loop stalls, a
 * second of the clock is over before the question is even written: the deaf one would be us.
 */
const answer = { turns: 10, turnMs: 100 } as const;
/** Counted in heartbeats, not by the clock, so that a paused machine does not look like a hung engine. */
const missed = { ping: 5, statement: 10 } as const;
/** Of the kind that the engine's control session runs, which waits for no other. */
const statement = `/?query=${encodeURIComponent("SELECT 1 FROM system.processes LIMIT 1")}`;
const stderrBytes = 8192;
const closeMs = 5000;
/** Repairs before one start is given up; each may be of one file. */
const repairsMax = 200;

interface Running {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly version: string;
  readonly tcpPort?: number;
}

/** Resolves once the engine answers. Throws a StoreError: directory-in-use, engine-unsupported or unavailable. */
export async function startEngine(options: EngineOptions, telemetry: Telemetry): Promise<Engine> {
  // Socket paths end at about 100 characters, so the folder must be short: the data directory may not be.
  const folder = await mkdtemp(join(tmpdir(), "hs-"));
  let generation = 0;
  let current: Running | undefined;
  let closing = false;
  let deaf = 0;
  let stuck = 0;
  let timer: NodeJS.Timeout | undefined;

  const launch = async (): Promise<Running> => {
    const socket = join(folder, `${++generation}.sock`);
    const start: StartEngine = {
      kind: "start",
      path: options.path,
      folder,
      socket,
      memoryBytes: options.memoryBytes,
      ...(options.tcp === undefined ? {} : { tcp: options.tcp }),
    };
    const running = await launchUnlocked(start, options, telemetry, () => closing);
    deaf = 0;
    stuck = 0;
    running.child.once("exit", (code, signal) => void died(running, code ?? signal));
    current = running;
    return running;
  };
  const died = async (running: Running, how: unknown): Promise<void> => {
    if (current === running) current = undefined;
    if (closing) return;
    telemetry.count("homeostat.store.engine_restarts", 1);
    telemetry.log.error("store: the engine process died; starting another", { how });
    for (let delayMs = 100; !closing; delayMs = Math.min(delayMs * 2, 5000)) {
      try {
        await launch();
        return;
      } catch (error) {
        telemetry.log.error("store: the engine did not start; trying again", { error: String(error), delayMs });
        await wait(delayMs, undefined, { ref: false });
      }
    }
  };
  const beat = async (): Promise<void> => {
    const watched = current;
    if (watched === undefined) return;
    // A process may be busy with statements for longer than it may be deaf to a ping.
    const [hears, works] = await Promise.all([answers(watched.socket, "/ping"), answers(watched.socket, statement)]);
    if (current !== watched) return;
    deaf = hears ? 0 : deaf + 1;
    stuck = works ? 0 : stuck + 1;
    if (deaf < missed.ping && stuck < missed.statement) return;
    telemetry.log.error("store: the engine does not answer; replacing it", { pid: watched.child.pid, deaf, stuck });
    deaf = 0;
    stuck = 0;
    watched.child.kill("SIGKILL");
  };

  try {
    await launch();
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  timer = setInterval(() => void beat(), heartbeatMs);
  timer.unref();

  const agent = socketAgent(() => current?.socket);
  return {
    agent,
    version: () => current?.version ?? "",
    pid: () => current?.child.pid,
    tcpPort: () => current?.tcpPort,
    replaced: () => generation - 1,
    async close() {
      closing = true;
      clearInterval(timer);
      agent.destroy();
      const last = current;
      if (last !== undefined) await stop(last.child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a process; while a predecessor still holds the directory, tries again. */
async function launchUnlocked(
  start: StartEngine,
  options: EngineOptions,
  telemetry: Telemetry,
  closing: () => boolean,
): Promise<Running> {
  const pauseMs = 250;
  const giveUpAt = performance.now() + (options.lockWaitMs ?? 5000);
  for (let repairs = 0; ; ) {
    const result = await launchOnce(start, telemetry);
    if ("child" in result) {
      if (!closing()) return result;
      await stop(result.child);
      throw storeError("unavailable", "The store is closing.");
    }
    if (result.kind === "unavailable" && repairs++ < repairsMax && (await options.repair?.(result.message)) === true) {
      telemetry.log.error("store: the engine did not open its data; that was repaired", { error: result.message });
      continue;
    }
    if (result.kind !== "directory-in-use" || performance.now() >= giveUpAt || closing()) throw result;
    await wait(pauseMs);
  }
}

async function launchOnce(start: StartEngine, telemetry: Telemetry): Promise<Running | StoreError> {
  // An empty environment: SQL can read the process's own, and secrets live in ours.
  const child = fork(entryUrl(import.meta.url, "./engine-process.ts"), [], {
    env: { UV_THREADPOOL_SIZE: "8" },
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-stderrBytes);
    telemetry.log.debug("store: engine", { stderr: text.slice(0, stderrBytes) });
  });
  // A process that dies while we talk to it is told by its exit.
  child.on("error", () => {});
  const first = await new Promise<FromEngine | undefined>((resolve) => {
    child.once("message", (message: FromEngine) => resolve(message));
    child.once("exit", () => resolve(undefined));
    child.send(start, () => {});
  });
  if (first?.kind === "ready") {
    const { version, tcpPort } = first;
    return { child, socket: start.socket, version, ...(tcpPort === undefined ? {} : { tcpPort }) };
  }
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await new Promise((gone) => child.once("exit", gone));
  return startError(start.path, first?.message ?? "the process ended before it was ready", first?.missing, stderr);
}

function startError(path: string, message: string, missing: boolean | undefined, stderr: string): StoreError {
  if (missing === true)
    return storeError(
      "engine-unsupported",
      `The embedded engine (npm package chdb) does not run here (${process.platform}-${process.arch}: ${message}). ` +
        "It needs glibc Linux or macOS; elsewhere set store.url to a ClickHouse server.",
    );
  if (/Cannot lock file|Another server instance/i.test(stderr))
    return storeError(
      "directory-in-use",
      `The data directory ${path} is in use by another process. Stop that one, or choose another directory.`,
    );
  const lines = stderr.trim().split("\n");
  // Node ends its last words with its version, the engine with a stack: the line that names the error says more.
  const detail = lines.findLast((line) => /(error|exception)\b.*: /i.test(line))?.trim() ?? lines.slice(-3).join(" ");
  return storeError("unavailable", `The embedded engine did not open ${path}: ${message}. ${detail}`);
}

function socketAgent(socket: () => string | undefined): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  // Where the connection goes is decided anew each time, because each engine process has a socket of its own.
  agent.createConnection = () => connect({ path: socket() ?? "/nonexistent" });
  return agent;
}

/** True if that is answered in time. */
async function answers(socket: string, path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    let timer: NodeJS.Timeout;
    const settle = (answered: boolean): void => {
      clearTimeout(timer);
      ask.destroy();
      resolve(answered);
    };
    const turn = (left: number): void => {
      if (left === 0) settle(false);
      else timer = setTimeout(turn, answer.turnMs, left - 1).unref();
    };
    const ask = request({ socketPath: socket, path, agent: false }, (response) => {
      response.resume().once("end", () => settle(response.statusCode === 200));
    });
    ask
      .once("error", () => settle(false))
      .once("close", () => settle(false))
      .end();
    turn(answer.turns);
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), closeMs);
  if (child.connected) child.send({ kind: "stop" }, () => {});
  await exited;
  clearTimeout(timer);
}
