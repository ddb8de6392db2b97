// homeostat gauntlet: scenarios with known faults through the real service, and how well it finds and names them.
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism, cpus, tmpdir, totalmem } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { type DurationMs, parseDuration } from "../../model/time.ts";
import { parseScenario } from "../../simulate/scenario-file.ts";
import { type Command, type Io, usageError, userError } from "../command.ts";
import { formatMistakes } from "../config.ts";
import type { ActOrder } from "../gauntlet/acting/rehearsal.ts";
import { figuresOf, type Run } from "../gauntlet/figures.ts";
import type { Through } from "../gauntlet/play.ts";
import type { PlayOrder } from "../gauntlet/play-process.ts";
import { goals, modeLines, runLine } from "../gauntlet/report.ts";
import { type Answer, runAll } from "../gauntlet/run-all.ts";
import { varied } from "../gauntlet/vary.ts";
import { shipped } from "../paths.ts";
import { stopSignal } from "../stop-signal.ts";

export const gauntlet: Command = {
  name: "gauntlet",
  summary: "play incidents with known causes through the service, and score what it makes of them",
  help: `Usage: homeostat gauntlet [OPTIONS]

Every scenario is a simulated fleet on virtual time whose telemetry goes in at the real doors of a service of its own (embedded
store), and whose truth is known. Told: found or not, after how long, cause and place named right, false incidents; beside them what
plain thresholds would have told of the same telemetry. The probes of rules/probes ask every simulated replica, as often and for as
many tokens as they would ask real ones, on virtual time; a setting probes.targets: [] leaves them out.

  --scenarios PATH  a folder of scenario files, or one (default: those of the repository, test/gauntlet)
  --seeds N         play each with N seeds: its own and the N-1 after it (default 1)
  --only TEXT       only scenarios whose id contains TEXT
  --vary N          instead of them N drawn anew from them: faults, fleets, loads and times crossed
  --draw SEED       which N (default 1)
  --after DURATION  a drawn scenario with a fault ends so long after its onset, for example 10m
  --processes N     so many at once (default: one a core)
  --in-memory       ten times faster: without the wire, the database, privacy rules and what is read from single requests;
                    figures of such a run say so
  --study FILE      with --in-memory: add to FILE, a JSON document a line, what each look through the catalogue found, with its
                    truth: what fitted odds are made from
  --act             with --in-memory: repairs are decided, carried out in the fleet, verified and taken back as with mode: auto, and
                    judged by what people feel of it with and without them
  --act-mode MODE   auto, or approve: everything waits for a person, the stand-in of --approver (default auto)
  --approver        with --act: whoever is asked answers after two minutes, and knows the truth
  --story           with each scenario what was told, in order
  --json            one JSON document as the last line

docs/scenario.schema.json describes a scenario file. Exit code 1 if a scenario could not be played.

Example: homeostat gauntlet --only kv --story`,
  async run(args, io) {
    const options = parseOptions(args);
    const read = readOrders(options);
    const folder = mkdtempSync(join(tmpdir(), "homeostat-gauntlet-"));
    const orders = read.map((order) => ({ ...order, folder }));
    const stop = new AbortController();
    void stopSignal().then(() => stop.abort());
    const runs: Run[] = [];
    const errors: string[] = [];
    const tell = options.json ? io.err : io.out;
    try {
      await runAll(
        orders,
        options.processes,
        (answer) => take(answer, orders, runs, errors, { tell, ...options }),
        stop.signal,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }
    const figures = figuresOf(runs);
    for (const line of modeLines(runs)) tell(line);
    for (const error of errors) io.err(error);
    writeReport(figures, runs, options, io);
    return errors.length > 0 || stop.signal.aborted ? 1 : 0;
  },
};

interface Options {
  readonly path: string;
  readonly seeds: number;
  readonly only: string;
  readonly vary: number;
  readonly draw: number;
  readonly afterMs: DurationMs;
  readonly study: string | undefined;
  readonly processes: number;
  readonly through: Through;
  readonly act: ActOrder | undefined;
  readonly story: boolean;
  readonly json: boolean;
}

function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenarios: { type: "string", default: shipped.gauntlet },
      seeds: { type: "string", default: "1" },
      only: { type: "string", default: "" },
      vary: { type: "string", default: "0" },
      draw: { type: "string", default: "1" },
      after: { type: "string" },
      study: { type: "string" },
      processes: { type: "string", default: String(availableParallelism()) },
      act: { type: "boolean", default: false },
      "act-mode": { type: "string", default: "auto" },
      approver: { type: "boolean", default: false },
      "in-memory": { type: "boolean", default: false },
      story: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const seeds = Number(values.seeds);
  const processes = Number(values.processes);
  const vary = wholeNumber("vary", values.vary, 100_000);
  const draw = wholeNumber("draw", values.draw, 4_294_967_295);
  const afterMs = values.after === undefined ? Number.POSITIVE_INFINITY : parseDuration(values.after);
  if (afterMs === undefined) throw usageError(`--after ${values.after} is not a duration such as 10m`);
  if (values.study !== undefined && !values["in-memory"]) throw usageError("--study needs --in-memory");
  const { act, approver, "act-mode": mode } = values;
  if (act && !values["in-memory"]) throw usageError("--act needs --in-memory");
  if (mode !== "auto" && mode !== "approve") throw usageError(`--act-mode ${mode} is neither auto nor approve`);
  if (!(Number.isInteger(seeds) && seeds >= 1 && seeds <= 1000))
    throw usageError(`--seeds ${values.seeds} is not a whole number from 1 to 1000`);
  if (!(Number.isInteger(processes) && processes >= 1 && processes <= 64))
    throw usageError(`--processes ${values.processes} is not a whole number from 1 to 64`);
  if (!existsSync(values.scenarios))
    throw userError(`there is no ${values.scenarios}; give a folder of scenario files, or one`);
  const through = values["in-memory"] ? "memory" : "service";
  return {
    path: values.scenarios,
    seeds,
    only: values.only,
    vary,
    draw,
    afterMs,
    study: values.study,
    processes,
    through,
    act: act ? { mode, approver: approver || mode === "approve" } : undefined,
    story: values.story,
    json: values.json,
  };
}

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw usageError(`--${name} ${text} is not a whole number from 0 to ${max}`);
}

/** Throws a user's error that names every mistake of every file. */
function readOrders({
  path,
  seeds,
  only,
  through,
  act,
  vary,
  draw,
  afterMs,
}: Options): readonly Omit<PlayOrder, "folder">[] {
  const files = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: "utf8" })
        .filter((name) => /[.]ya?ml$/.test(name))
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map((name) => join(path, name))
    : [path];
  const mistakes = [];
  const orders: Omit<PlayOrder, "folder">[] = [];
  const written = files.map((file) => ({ file, text: readFileSync(file, "utf8") }));
  for (const { file, text } of vary === 0 ? written : varied(written, vary, draw, afterMs)) {
    const parsed = parseScenario(file, text);
    if (!parsed.ok) {
      mistakes.push(...parsed.mistakes);
      continue;
    }
    const { id, seed } = parsed.value.scenario;
    if (!id.includes(only)) continue;
    for (let i = 0; i < seeds; i++) {
      const order = { number: orders.length, file, text, seed: i === 0 ? undefined : seed + i, settings: {}, through };
      orders.push(act === undefined ? order : { ...order, act });
    }
  }
  if (mistakes.length > 0)
    throw userError(`the scenarios have mistakes, so nothing was played:\n${formatMistakes(mistakes)}`);
  if (orders.length === 0) throw userError(`no scenario in ${path} has an id with "${only}" in it`);
  return orders;
}

function take(
  answer: Answer,
  orders: readonly PlayOrder[],
  runs: Run[],
  errors: string[],
  { tell, story, study }: Pick<Options, "story" | "study"> & { readonly tell: (line: string) => void },
): void {
  const { file, text, seed } = orders[answer.number]!;
  const parsed = parseScenario(file, text);
  if (!parsed.ok) return;
  const { scenario, truth, durationMs } = parsed.value;
  const name = seed === undefined ? scenario.id : `${scenario.id} seed ${seed}`;
  if ("error" in answer) {
    errors.push(`${basename(file)}: ${name} could not be played: ${answer.error}`);
    return;
  }
  const { score, baseline, cpuSeconds, acted } = answer.played;
  if (study !== undefined)
    for (const lesson of answer.played.lessons) appendFileSync(study, `${JSON.stringify(lesson)}\n`);
  const run: Run = {
    scenario: name,
    mode: truth.mode,
    virtualMs: durationMs,
    score,
    baseline,
    ...(acted === undefined ? {} : { acted }),
  };
  runs.push(run);
  tell(runLine(run, runs.length, orders.length, cpuSeconds));
  if (!story) return;
  for (const line of [...answer.played.story, ...(acted?.story ?? [])]) tell(`      ${line}`);
}

function writeReport(figures: Record<string, number>, runs: readonly Run[], { json, through }: Options, io: Io): void {
  const rounded = Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      Number.isFinite(value) ? Number(value.toPrecision(4)) : null,
    ]),
  );
  if (!json) {
    if (through === "memory")
      io.out("played in memory: without the wire, the database and what is read from single requests");
    for (const [name, value] of Object.entries(rounded)) io.out(`${name.padEnd(44)} ${value ?? "nothing to tell"}`);
    return;
  }
  const machine = {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
  };
  const scenarios = runs.map(({ scenario, mode, score, baseline, acted }) => ({
    scenario,
    mode,
    ...score,
    baseline,
    acted,
  }));
  io.out(
    JSON.stringify({
      bench: "gauntlet",
      through,
      figures: rounded,
      goals: goals(figures),
      peers: {},
      scenarios,
      machine,
    }),
  );
}
