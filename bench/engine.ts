// A real engine in the loop: llama.cpp on a model made here, two replicas under load; one is killed, one gets stuck. Is it found, named and placed?
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { makeModel } from "./engine/gguf.ts";
import { isInstalled } from "./engine/llama.ts";
import { startLoad } from "./engine/load.ts";
import { type Goal, printReport } from "./lib/report.ts";
import { doorsOf, startServe, stopServe } from "./lib/serve.ts";

const program = fileURLToPath(new URL("engine/engine-process.ts", import.meta.url));
/** Whoever was there for so long is missed when it is gone. */
const warmMs = 1000 * Number(process.env["WARM_S"] ?? 240);
const waitMs = 1000 * Number(process.env["WAIT_S"] ?? 300);
const pollMs = 1000;
const shape = { layers: 4, width: 256, heads: 8, feedForward: 512, context: 512 };

interface Engine {
  readonly child: ChildProcess;
  readonly url: string;
  readonly host: string;
}

interface Told {
  readonly afterS: number;
  readonly mode: string;
  readonly probability: number;
  readonly location: string;
}

const faults = [
  { name: "kill", mode: "capacity-loss", does: ({ child }: Engine) => void child.kill("SIGKILL") },
  { name: "stall", mode: "stuck-engine", does: async ({ url }: Engine) => void (await fetch(`${url}/block`)) },
] as const;

if (!isInstalled()) {
  process.stderr.write(
    "engine: llama.cpp is not installed here, so nothing was run; node bench/engine/install.mjs brings it (85 MB)\n",
  );
  printReport({ bench: "engine", figures: {}, goals: [] });
} else {
  const only = process.argv[2];
  const figures: Record<string, number> = {};
  for (const fault of faults.filter(({ name }) => only === undefined || name === only)) {
    const { told, falseBefore, ok, host } = await run(fault.does);
    const right = told?.mode === fault.mode ? 1 : 0;
    const placed =
      told !== undefined && (told.location.includes(host) || told.location.startsWith("deployment:")) ? 1 : 0;
    Object.assign(figures, {
      [`${fault.name}_detected`]: told === undefined ? 0 : 1,
      ...(told === undefined ? {} : { [`${fault.name}_seconds`]: told.afterS }),
      [`${fault.name}_right_mode`]: right,
      [`${fault.name}_right_place`]: placed,
      [`${fault.name}_false_before`]: falseBefore,
      [`${fault.name}_answers_before`]: ok,
    });
    process.stderr.write(`${fault.name} of ${host}: ${told === undefined ? "not found" : JSON.stringify(told)}\n`);
  }
  printReport({
    bench: "engine",
    figures,
    goals: Object.keys(figures).flatMap(goalsOf),
  });
}

/** Everything anew for one fault; nothing of it outlives the run. */
async function run(does: (engine: Engine) => void | Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), "homeostat-engine-"));
  const children: ChildProcess[] = [];
  const reap = (): void => {
    for (const child of children) child.kill("SIGKILL");
  };
  process.once("exit", reap);
  try {
    const modelPath = join(directory, "model.gguf");
    writeFileSync(modelPath, makeModel(shape, 1));
    const otlpPort = await freePort();
    const engines: Engine[] = [];
    for (const name of ["llama-0", "llama-1"]) engines.push(await startEngine(modelPath, otlpPort, name, children));
    const scrape = [{ job: "llama-server", interval: "5s", timeout: "4s", targets: engines.map(({ host }) => host) }];
    const serve = startServe({
      directory: join(directory, "data"),
      sets: [`receive.httpPort=${otlpPort}`, `scrape=${JSON.stringify(scrape)}`, "detect.learned=false"],
    });
    const { otlpUrl, apiUrl } = await doorsOf(serve);
    const load = startLoad(
      engines.map(({ url }) => url),
      otlpUrl,
      2,
    );
    await sleep(warmMs);
    const before = await incidents(apiUrl);
    const ok = load.counts.ok;
    const hurt = engines[1]!;
    const at = Date.now();
    await does(hurt);
    let told: Told | undefined;
    while (told === undefined && Date.now() - at < waitMs) {
      await sleep(pollMs);
      const found = (await incidents(apiUrl)).find(({ id }) => !before.some((one) => one.id === id));
      if (found !== undefined) told = await diagnosisOf(apiUrl, found.id, (Date.now() - at) / 1000);
    }
    await load.stop();
    reap();
    await stopServe(serve);
    return { told, falseBefore: before.length, ok, host: hurt.host };
  } finally {
    reap();
    process.off("exit", reap);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function startEngine(
  modelPath: string,
  otlpPort: number,
  name: string,
  children: ChildProcess[],
): Promise<Engine> {
  const args = ["--import", "tsx", program, modelPath, `http://127.0.0.1:${otlpPort}`, name];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const match = /listening on (\d+)/.exec(line);
      if (match !== null) resolve(match[1]!);
    });
    child.once("close", (code) => reject(new Error(`an engine ended with ${code} before it listened`)));
  });
  return { child, url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}` };
}

async function incidents(apiUrl: string): Promise<readonly { readonly id: string }[]> {
  const answer = await fetch(`${apiUrl}/api/v1/incidents`);
  return ((await answer.json()) as { data: { id: string }[] }).data;
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
    : { afterS, mode: first.failureMode, probability: first.probability, location: first.location };
}

function goalsOf(figure: string): readonly Goal[] {
  if (/_(detected|right_mode|right_place)$/.test(figure)) return [{ figure, op: "==", goal: 1 }];
  if (figure.endsWith("_false_before")) return [{ figure, op: "==", goal: 0 }];
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
