// Restarting a plain process: found by its pid file, asked to end, killed if it does not, started by its declared arguments.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { formatDuration } from "../../model/time.ts";
import { type Executor, type ExecutorDeps, failed, refused, type StepResult, wordOf } from "../executor.ts";
import { whyNotTrusted } from "../ownership.ts";
import type { StepOf } from "../step-schema.ts";
import { isSame, processOf, type Running } from "./running.ts";

type Step = StepOf<"process">;
const pollMs = 50;

/** Blind to a process that runs while its pid file is gone: it is started a second time, and that one has to notice. */
export function plainProcess(step: Step, { now }: ExecutorDeps): Executor {
  return {
    may: `end the process of ${step.pidFile} and start ${step.start[0]}`,
    problems() {
      const program = whyNotTrusted(step.start[0]!);
      const file = existsSync(step.pidFile) ? whyNotTrusted(step.pidFile) : undefined;
      return [
        ...(program === undefined ? [] : [`${step.start[0]} ${program}`]),
        ...(file === undefined ? [] : [`${step.pidFile} ${file}`]),
      ];
    },
    async run(): Promise<StepResult> {
      try {
        const [why] = this.problems();
        if (why !== undefined) return refused(why);
        const found = find(step);
        if (typeof found === "string") return refused(found);
        const ended = found === undefined ? "was not running" : await end(found, step, now);
        if (ended === undefined)
          return failed(`process ${found!.pid} does not end, killed or not; nothing was started`);
        return await start(step, ended);
      } catch (error) {
        return failed(`process of ${step.pidFile} was not restarted (${wordOf(error)})`);
      }
    },
    restarts: true,
  };
}

/** The process of the pid file; undefined if it has ended; a text says why it must be left alone. */
function find(step: Step): Running | undefined | string {
  if (!existsSync(step.pidFile)) return undefined;
  const text = readFileSync(step.pidFile, "utf8").slice(0, 100).trim();
  const pid = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  if (pid <= 1 || pid === process.pid) return `${step.pidFile} holds no number of a process that may be ended`;
  const found = processOf(pid);
  // The number was given to another process since: that one is none of ours.
  return found?.commandLine.includes(step.match) === true ? found : undefined;
}

/** How it ended; undefined if it did not. */
async function end(found: Running, step: Step, now: () => number): Promise<string | undefined> {
  process.kill(found.pid, "SIGTERM");
  if (await isGone(found, step.grace, now)) return "ended when asked";
  process.kill(found.leads ? -found.pid : found.pid, "SIGKILL");
  return (await isGone(found, 5000, now)) ? `was killed after ${formatDuration(step.grace)}` : undefined;
}

async function isGone(found: Running, ms: number, now: () => number): Promise<boolean> {
  for (const until = now() + ms; isSame(found); await pause(pollMs)) if (now() > until) return false;
  return true;
}

async function start(step: Step, ended: string): Promise<StepResult> {
  if (step.writesPidFile) rmSync(step.pidFile, { force: true });
  const child = await launch(step);
  if (typeof child === "string") return failed(`it ${ended} and could not be started (${child})`);
  if (!step.writesPidFile) writePid(step.pidFile, child.pid!);
  let exit: number | undefined;
  child.once("exit", (code) => (exit = code ?? -1));
  await pause(step.settle);
  if (step.writesPidFile) {
    const found = find(step);
    if (typeof found === "object") return started(ended, found.pid);
    return failed(`it ${ended}; ${step.start[0]} wrote no number of a process that runs to ${step.pidFile}`);
  }
  if (exit === undefined) return started(ended, child.pid!);
  const code = exit < 0 ? {} : { exitCode: exit };
  return { ...failed(`it ${ended}; what was started ended again within ${formatDuration(step.settle)}`), ...code };
}

function started(ended: string, pid: number): StepResult {
  return { outcome: "succeeded", says: `it ${ended} and runs again as process ${pid}` };
}

function launch(step: Step): Promise<ChildProcess | string> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const log =
    step.log === undefined ? undefined : openSync(step.log, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o640);
  const [program, ...args] = step.start;
  return new Promise((resolve) => {
    const child = spawn(program!, args, {
      cwd: step.folder ?? "/",
      env: { ...step.env },
      detached: true,
      shell: false,
      stdio: ["ignore", log ?? "ignore", log ?? "ignore"],
    });
    if (log !== undefined) closeSync(log);
    child.once("error", (error) => resolve(wordOf(error)));
    child.once("spawn", () => {
      child.unref();
      resolve(child);
    });
  });
}

function writePid(file: string, pid: number): void {
  const next = `${file}.${randomBytes(6).toString("hex")}`;
  writeFileSync(next, `${pid}\n`, { flag: "wx", mode: 0o644 });
  renameSync(next, file);
}
