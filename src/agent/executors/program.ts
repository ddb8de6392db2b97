// Running a declared program: argument list, no shell, no inherited environment, a time limit and a limit on what it may say.
import { spawn } from "node:child_process";
import { oneLine } from "../../model/one-line.ts";
import { formatDuration } from "../../model/time.ts";
import { failed, type StepResult, wordOf } from "../executor.ts";

export interface Program {
  /** Program (absolute path) and arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly timeoutMs: number;
}

export interface Ran {
  /** Undefined: it did not start, or a signal ended it. */
  readonly exitCode: number | undefined;
  readonly timedOut: boolean;
  /** Why it did not start. */
  readonly error?: string;
  /** The beginning of standard output, as it came. */
  readonly stdout: string;
  /** First and last lines of both outputs. */
  readonly output: readonly string[];
}

const keptBytes = 8 * 1024;
const linesMax = 5;
const lineMax = 300;
/** Between SIGTERM and SIGKILL of a program that takes too long. */
const graceMs = 2000;

/** Runs it to its end. Whatever it started in its own process group ends with it when time is up. Never rejects. */
export function runProgram({ argv, env, folder, timeoutMs }: Program): Promise<Ran> {
  return new Promise((resolve) => {
    const [program, ...args] = argv;
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...env },
      shell: false,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = createKeeper();
    const out = createKeeper();
    let timedOut = false;
    let ended = false;
    const signal = (name: NodeJS.Signals): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, name);
      } catch {
        // It has ended already.
      }
    };
    const late = setTimeout(() => {
      timedOut = true;
      signal("SIGTERM");
      setTimeout(() => {
        signal("SIGKILL");
        // A grandchild that left the group may hold the pipes open for ever.
        child.stdout.destroy();
        child.stderr.destroy();
      }, graceMs).unref();
    }, timeoutMs);
    const done = (exitCode: number | undefined, error?: string): void => {
      if (ended) return;
      ended = true;
      clearTimeout(late);
      child.stdout?.destroy();
      child.stderr?.destroy();
      const why = error === undefined ? {} : { error };
      resolve({ exitCode, timedOut, stdout: out.first(), output: said.lines(), ...why });
    };
    child.on("error", (error) => done(undefined, wordOf(error)));
    child.stdout?.on("data", (chunk: Buffer) => {
      out.add(chunk);
      said.add(chunk);
    });
    child.stderr?.on("data", (chunk: Buffer) => said.add(chunk));
    // `exit`, not `close`: a daemon it left behind may hold the pipes. What was written before is read first.
    child.on("exit", (code) => setTimeout(() => done(code ?? undefined), 20));
    child.on("close", (code) => done(code ?? undefined));
  });
}

/** What a run means for a step that wants exit code 0. `hide`: texts that must not be repeated. */
export function resultOf(what: string, ran: Ran, timeoutMs: number, hide: readonly string[] = []): StepResult {
  if (ran.error !== undefined) return failed(`${what} did not start (${ran.error})`);
  const output = ran.output.map((line) => hide.reduce((text, secret) => text.replaceAll(secret, "***"), line));
  const about = { output, ...(ran.exitCode === undefined ? {} : { exitCode: ran.exitCode }) };
  if (ran.timedOut)
    return { ...failed(`${what} was ended: it took longer than ${formatDuration(timeoutMs)}`), ...about };
  if (ran.exitCode === 0) return { outcome: "succeeded", says: what, ...about };
  const how = ran.exitCode === undefined ? "was ended by a signal" : `ended with exit code ${ran.exitCode}`;
  return { ...failed(`${what} ${how}`), ...about };
}

/** Values that an environment carries and an output should not. */
export function secretsIn(env: Readonly<Record<string, string>>): readonly string[] {
  return Object.values(env).filter((value) => value.length >= 8);
}

/** Keeps the beginning and the end of what goes through it. */
function createKeeper() {
  let begin = Buffer.alloc(0);
  let end = Buffer.alloc(0);
  let total = 0;
  return {
    add(chunk: Buffer) {
      total += chunk.length;
      if (begin.length < keptBytes) begin = Buffer.concat([begin, chunk.subarray(0, keptBytes - begin.length)]);
      end = Buffer.concat([end, chunk]).subarray(-keptBytes);
    },
    first: () => begin.toString("utf8"),
    lines(): readonly string[] {
      const overlap = Math.max(0, begin.length + end.length - total);
      const cut = begin.length + end.length < total;
      const whole = cut ? undefined : Buffer.concat([begin, end.subarray(overlap)]).toString("utf8");
      if (whole !== undefined) return shorten(split(whole));
      return [
        ...split(begin.toString("utf8")).slice(0, linesMax),
        "…",
        ...split(end.toString("utf8")).slice(-linesMax),
      ];
    },
  };
}

function split(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => oneLine(line, lineMax))
    .filter((line) => line !== "");
}

function shorten(lines: readonly string[]): readonly string[] {
  return lines.length <= 2 * linesMax ? lines : [...lines.slice(0, linesMax), "…", ...lines.slice(-linesMax)];
}
