// What a command of the `homeostat` program is, and how it ends.

export interface Io {
  /** Results go here: text for people, or JSON with `--json`. */
  out(line: string): void;
  /** Logs and errors go here. */
  err(line: string): void;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Whole help text below the summary: usage, options, examples. */
  readonly help: string;
  /** Resolves to the exit code. Throws a {@link UsageError} for words it cannot take. */
  run(args: readonly string[], io: Io): Promise<number>;
}

/** A failure whose message is all the user needs: what, where, what to do. Printed as one line, exit code 1. */
export function userError(message: string): Error {
  return Object.assign(new Error(message), { name: "UserError" });
}

/** Words on the command line that cannot be taken. Exit code 2. */
export function usageError(message: string): Error {
  return Object.assign(new Error(message), { name: "UsageError" });
}

export const configHelp = `  --config FILE     configuration file (default: homeostat.yaml here, if it is there)
  --set KEY=VALUE   one setting, for example --set store.url=http://127.0.0.1:8123; may be repeated`;

/** Options shared by commands that read the configuration, for `parseArgs`. */
export const configOptions = {
  config: { type: "string" },
  set: { type: "string", multiple: true },
} as const;
