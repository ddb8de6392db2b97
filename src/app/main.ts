// argv -> command -> exit code.
import { type Command, type Io, userError } from "./command.ts";
import { version } from "./paths.ts";

/** Loaded when asked for: help should not wait for the database client and the learned detector. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./commands/serve.ts")).serve,
  demo: async () => (await import("./commands/demo.ts")).demo,
  check: async () => (await import("./commands/check.ts")).check,
  rules: async () => (await import("./commands/rules.ts")).rules,
  scan: async () => (await import("./commands/scan.ts")).scan,
  signals: async () => (await import("./commands/signals.ts")).signals,
  probe: async () => (await import("./commands/probe.ts")).probe,
  agent: async () => (await import("./commands/agent.ts")).agent,
  incident: async () => (await import("./commands/incident.ts")).incident,
  ledger: async () => (await import("./commands/ledger.ts")).ledger,
  deliveries: async () => (await import("./commands/deliveries.ts")).deliveries,
  config: async () => (await import("./commands/config.ts")).config,
  train: async () => (await import("./commands/train.ts")).train,
  cost: async () => (await import("./commands/cost.ts")).cost,
  erase: async () => (await import("./commands/erase.ts")).erase,
  changes: async () => (await import("./commands/changes.ts")).changes,
  compare: async () => (await import("./commands/compare.ts")).compare,
  detect: async () => (await import("./commands/detect.ts")).detect,
  gauntlet: async () => (await import("./commands/gauntlet.ts")).gauntlet,
  fit: async () => (await import("./commands/fit.ts")).fit,
  backtest: async () => (await import("./commands/backtest.ts")).backtest,
  replay: async () => (await import("./commands/replay.ts")).replay,
};

const summaries: Readonly<Record<string, string>> = {
  serve: "receive, store, detect, diagnose, notify",
  demo: "see it work on a simulated fleet",
  check: "print every mistake in configuration and rules",
  rules: "check, test, generate and backtest rules",
  scan: "tell what it would have told over the history you have already",
  signals: "show what arrives and which signals it becomes",
  probe: "ask served models questions with known answers",
  agent: "carry out repairs on a host without an orchestrator, and only what its own file allows",
  incident: "tell an incident: what, where, why, what was done",
  ledger: "list what was decided and done, and verify that record",
  deliveries: "list messages that did not get through, and send them again",
  config: "print the configuration, or its JSON Schema",
  train: "train the learned detector",
  cost: "print what stored telemetry takes",
  erase: "remove a trace, a user or a tenant",
  changes: "tell what changed: image, flags, model, LoRA, prompt template, driver, config",
  compare: "tell whether one version, model, node or GPU serves better than another",
  detect: "score detection on labelled series",
  gauntlet: "play incidents with known causes through the service, and score what it makes of them",
  fit: "fit the catalogue's odds to incidents whose cause is known",
  backtest: "tell what detection would have found in stored history",
  replay: "tell what detection finds in a file of metrics",
};

/** Runs `homeostat ARGS…` and resolves to its exit code: 0 well, 1 failed, 2 misused. */
export async function main(args: readonly string[]): Promise<number> {
  const io: Io = {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  };
  const [name, ...rest] = args;
  const [topic] = rest;
  if (name === "help" && topic !== undefined) return main([topic, "--help"]);
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    io.out(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    io.out(version);
    return 0;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    io.err(`homeostat: there is no command "${name}"; see homeostat --help`);
    return 2;
  }
  const command = await load();
  if (rest.includes("--help") || rest.includes("-h")) {
    io.out(`homeostat ${command.name}: ${command.summary}\n\n${command.help}`);
    return 0;
  }
  try {
    return await command.run(rest, io);
  } catch (error) {
    return report(error, command, io);
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines = Object.entries(summaries).map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Homeostat ${version}: keeps LLM serving healthy and fast by itself.\n\nUsage: homeostat COMMAND [OPTIONS]\n\n${lines.join("\n")}\n\nhomeostat COMMAND --help tells more. homeostat --version prints the version.`;
}

function report(error: unknown, command: Command, io: Io): number {
  const known = error instanceof Error ? error : userError(String(error));
  const usage =
    known.name === "UsageError" || (known as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true;
  if (usage) {
    io.err(`homeostat ${command.name}: ${known.message.split("\n")[0]}; see homeostat ${command.name} --help`);
    return 2;
  }
  // A user's error is one line; a bug shows where it is.
  io.err(`homeostat ${command.name}: ${isExpected(known) ? known.message : (known.stack ?? known.message)}`);
  return 1;
}

function isExpected(error: Error): boolean {
  return (
    error.name !== "Error" &&
    error.name !== "TypeError" &&
    error.name !== "RangeError" &&
    error.name !== "ReferenceError"
  );
}
