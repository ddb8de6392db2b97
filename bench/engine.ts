// A real engine in the loop: llama.cpp on a model made here, replicas under load; one is killed, stuck or overrun. Is it found, named, placed, and over?
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeModel } from "./engine/gguf.ts";
import { isInstalled } from "./engine/llama.ts";
import { type Load, startLoad } from "./engine/load.ts";
import { type Goal, printReport } from "./lib/report.ts";
import { doorsOf, type Serve, startServe, stopServe } from "./lib/serve.ts";

const program = fileURLToPath(new URL("engine/engine-process.ts", import.meta.url));
/** Whoever was there for so long is missed when it is gone. */
const warmMs = 1000 * Number(process.env["WARM_S"] ?? 240);
const waitMs = 1000 * Number(process.env["WAIT_S"] ?? 300);
/** How long it goes on once it was found: what else opens, and what the first incident then says. */
const holdMs = 1000 * Number(process.env["HOLD_S"] ?? 60);
/** How long its end is waited for once the fault is taken back: rules look back five minutes. */
const overMs = 1000 * Number(process.env["OVER_S"] ?? 600);
/** Requests a second, over all replicas. */
const rate = Number(process.env["RATE"] ?? 1);
const overloadFactor = 20;
const pollMs = 1000;
const shape = { layers: 4, width: 256, heads: 8, feedForward: 512, context: 512 };

interface Engine {
  child: ChildProcess;
  readonly name: string;
  readonly url: string;
  readonly host: string;
}

/** Of one run: what a fault may do with it. */
interface Run {
  readonly engine: Engine;
  readonly load: Load;
  /** Starts the engine again at its old port. */
  restart(): Promise<void>;
}

interface Fault {
  readonly name: string;
  readonly replicas: number;
  /** Any of them is right: what of a process that neither answers nor ends is the case shows only on its machine. */
  readonly modes: readonly string[];
  does(run: Run): void | Promise<void>;
  undo(run: Run): void | Promise<void>;
}

interface Told {
  /** Of the incident. */
  readonly id: string;
  readonly afterS: number;
  readonly mode: string;
  readonly probability: number;
  readonly location: string;
}

const lost = ["capacity-loss"];
const faults: readonly Fault[] = [
  { name: "kill", replicas: 2, modes: lost, ...byKill("SIGKILL") },
  { name: "kill-of-three", replicas: 3, modes: lost, ...byKill("SIGKILL") },
  { name: "kill-only", replicas: 1, modes: lost, ...byKill("SIGKILL") },
  { name: "end", replicas: 2, modes: lost, ...byKill("SIGTERM") },
  {
    name: "stall",
    replicas: 2,
    modes: ["stuck-engine"],
    does: async ({ engine }) => void (await fetch(`${engine.url}/block`)),
    async undo({ engine, restart }) {
      await killed(engine, "SIGKILL");
      await restart();
    },
  },
  {
    name: "freeze",
    replicas: 2,
    modes: [...lost, "stuck-engine"],
    does: ({ engine }) => void engine.child.kill("SIGSTOP"),
    undo: ({ engine }) => void engine.child.kill("SIGCONT"),
  },
  mute(),
  {
    name: "overload",
    replicas: 2,
    modes: ["traffic-burst", "concurrency-cap"],
    does: ({ load }) => load.setRate(overloadFactor * rate),
    undo: ({ load }) => load.setRate(rate),
  },
];

if (!isInstalled()) {
  process.stderr.write(
    "engine: llama.cpp is not installed here, so nothing was run; node bench/engine/install.mjs brings it (85 MB)\n",
  );
  printReport({ bench: "engine", figures: {}, goals: [] });
} else {
  const only = process.argv[2];
  const figures: Record<string, number> = {};
  for (const fault of faults.filter(({ name }) => only === undefined || only.split(",").includes(name))) {
    const { told, later, further, falseBefore, ok, host, overS } = await run(fault);
    const right = fault.modes.includes(told?.mode ?? "") ? 1 : 0;
    const placed =
      told !== undefined && (told.location.includes(host) || told.location.startsWith("deployment:")) ? 1 : 0;
    const key = fault.name.replaceAll("-", "_");
    Object.assign(figures, {
      [`${key}_detected`]: told === undefined ? 0 : 1,
      ...(told === undefined ? {} : { [`${key}_seconds`]: told.afterS }),
      [`${key}_right_mode`]: right,
      [`${key}_right_place`]: placed,
      ...(later === undefined ? {} : { [`${key}_right_later`]: fault.modes.includes(later.mode) ? 1 : 0 }),
      [`${key}_further`]: further,
      [`${key}_over`]: overS === undefined ? 0 : 1,
      ...(overS === undefined ? {} : { [`${key}_over_seconds`]: overS }),
      [`${key}_false_before`]: falseBefore,
      [`${key}_answers_before`]: ok,
    });
    const end = overS === undefined ? "not over" : `over ${overS} s after its end`;
    process.stderr.write(
      `${fault.name} of ${host}: ${told === undefined ? "not found" : JSON.stringify(told)}, ${end}\n`,
    );
  }
  printReport({
    bench: "engine",
    figures,
    goals: Object.keys(figures).flatMap(goalsOf),
  });
}

function byKill(signal: NodeJS.Signals): Pick<Fault, "does" | "undo"> {
  return { does: ({ engine }) => killed(engine, signal), undo: ({ restart }) => restart() };
}

/** Gone, and something else takes connections at its port and never answers. */
function mute(): Fault {
  const held: Socket[] = [];
  const server = createServer((socket) => void held.push(socket.on("error", () => {})));
  return {
    name: "mute",
    replicas: 2,
    modes: [...lost, "stuck-engine"],
    async does({ engine }) {
      await killed(engine, "SIGKILL");
      await new Promise<void>((resolve) => server.listen(Number(new URL(engine.url).port), "127.0.0.1", resolve));
    },
    async undo({ restart }) {
      for (const socket of held) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await restart();
    },
  };
}

function killed({ child }: Engine, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  return gone;
}

/** Everything anew for one fault; nothing of it outlives the run. */
async function run(fault: Fault) {
  const directory = mkdtempSync(join(tmpdir(), "homeostat-engine-"));
  const children: ChildProcess[] = [];
  let serve: Serve | undefined;
  const reap = (): void => {
    for (const child of children) child.kill("SIGKILL");
  };
  process.once("exit", reap);
  try {
    const modelPath = join(directory, "model.gguf");
    writeFileSync(modelPath, makeModel(shape, 1));
    const otlpPort = await freePort();
    const engines: Engine[] = [];
    const start = (name: string, port: string) =>
      startEngine([modelPath, `http://127.0.0.1:${otlpPort}`, name, port], children);
    for (let i = 0; i < fault.replicas; i++) engines.push(await start(`llama-${i}`, "0"));
    const scrape = [{ job: "llama-server", interval: "5s", timeout: "4s", targets: engines.map(({ host }) => host) }];
    serve = startServe({
      directory: join(directory, "data"),
      sets: [`receive.httpPort=${otlpPort}`, `scrape=${JSON.stringify(scrape)}`, "detect.learned=false"],
    });
    const { otlpUrl, apiUrl } = await doorsOf(serve);
    const load = startLoad(
      engines.map(({ url }) => url),
      otlpUrl,
      rate,
    );
    await sleep(warmMs);
    const before = await incidents(apiUrl);
    const ok = load.counts.ok;
    const engine = engines.at(-1)!;
    const made: Run = {
      engine,
      load,
      restart: async () =>
        void Object.assign(engine, { child: (await start(engine.name, new URL(engine.url).port)).child }),
    };
    const at = Date.now();
    await fault.does(made);
    let told: Told | undefined;
    while (told === undefined && Date.now() - at < waitMs) {
      await sleep(pollMs);
      const found = (await incidents(apiUrl)).find(({ id }) => !before.some((one) => one.id === id));
      if (found !== undefined) told = await diagnosisOf(apiUrl, found.id, (Date.now() - at) / 1000);
    }
    let later: Told | undefined;
    if (told !== undefined) {
      await sleep(holdMs);
      later = await diagnosisOf(apiUrl, told.id, (Date.now() - at) / 1000);
    }
    const undoneAt = Date.now();
    await fault.undo(made);
    let overS: number | undefined;
    while (told !== undefined && overS === undefined && Date.now() - undoneAt < overMs) {
      await sleep(pollMs);
      const open = (await incidents(apiUrl)).some(({ state }) => state !== "resolved");
      if (!open) overS = (Date.now() - undoneAt) / 1000;
    }
    const since = (await incidents(apiUrl)).filter(({ id }) => !before.some((one) => one.id === id));
    for (const { id } of since.filter(({ id }) => id !== told?.id)) {
      process.stderr.write("  further:\n");
      await diagnosisOf(apiUrl, id, (Date.now() - at) / 1000);
    }
    await load.stop();
    reap();
    await stopServe(serve);
    serve = undefined;
    const further = Math.max(0, since.length - 1);
    return { told, later, further, falseBefore: before.length, ok, host: engine.host, overS };
  } finally {
    reap();
    serve?.child.kill("SIGKILL");
    await serve?.exit;
    process.off("exit", reap);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function startEngine(args: readonly [string, string, string, string], children: ChildProcess[]): Promise<Engine> {
  const [, , name] = args;
  const child = spawn(process.execPath, ["--import", "tsx", program, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const match = /listening on (\d+)/.exec(line);
      if (match !== null) resolve(match[1]!);
    });
    child.once("close", (code) => reject(new Error(`an engine ended with ${code} before it listened`)));
  });
  return { child, name, url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}` };
}

async function incidents(apiUrl: string): Promise<readonly { readonly id: string; readonly state: string }[]> {
  const answer = await fetch(`${apiUrl}/api/v1/incidents`);
  const { data } = (await answer.json()) as { data?: { id: string; state: string }[] };
  // Too busy to answer now is asked again.
  return data ?? [];
}

async function diagnosisOf(apiUrl: string, id: string, afterS: number): Promise<Told | undefined> {
  const answer = await fetch(`${apiUrl}/api/v1/diagnoses`);
  type Cause = { failureMode: string; probability: number; location: string };
  const { data } = (await answer.json()) as { data: { incident: string; at: number; causes: Cause[] }[] };
  const latest = data.filter(({ incident }) => incident === id).toSorted((a, b) => b.at - a.at)[0];
  const causes = latest?.causes ?? [];
  for (const { failureMode, probability, location } of causes.slice(0, 4))
    process.stderr.write(`  ${failureMode} ${probability.toFixed(3)} at ${location}\n`);
  const first = causes[0];
  return first === undefined
    ? undefined
    : { id, afterS, mode: first.failureMode, probability: first.probability, location: first.location };
}

function goalsOf(figure: string): readonly Goal[] {
  if (/_(detected|right_mode|right_later|right_place|over)$/.test(figure)) return [{ figure, op: "==", goal: 1 }];
  if (/_(false_before|further)$/.test(figure)) return [{ figure, op: "==", goal: 0 }];
  if (figure.endsWith("_over_seconds")) return [];
  return figure.endsWith("_seconds") ? [{ figure, op: "<=", goal: 180 }] : [];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
