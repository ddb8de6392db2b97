// argv -> command -> exit code.
import { type Command, type Io, userError } from "./command.ts";
import { check } from "./commands/check.ts";
import { config } from "./commands/config.ts";
import { demo } from "./commands/demo.ts";
import { serve } from "./commands/serve.ts";
import { train } from "./commands/train.ts";
import { version } from "./paths.ts";

const commands: readonly Command[] = [serve, demo, check, config, train];

/** Runs `homeostat ARGS…` and resolves to its exit code: 0 well, 1 failed, 2 misused. */
export async function main(args: readonly string[]): Promise<number> {
  const io: Io = {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  };
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    io.out(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    io.out(version);
    return 0;
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    io.err(`homeostat: there is no command "${name}"; see homeostat --help`);
    return 2;
  }
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
  const width = Math.max(...commands.map((command) => command.name.length));
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
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
