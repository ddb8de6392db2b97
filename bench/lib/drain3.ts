// Drain3 from PyPI as a child process: made once in a virtual environment under the temp folder, fed over stdin.
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface Drain3 {
  /** CPU seconds of each round, of `stream` behind `lines` where there is one; groups and templates of the lines. */
  run(lines: readonly string[], stream: readonly string[], rounds: number): Promise<Answer>;
  stop(): void;
}

interface Answer {
  readonly seconds: readonly number[];
  readonly ids: readonly number[];
  readonly texts: readonly string[];
}

/** Undefined, said with the reason, where Python or PyPI is absent. */
export async function startDrain3(say: (text: string) => void): Promise<Drain3 | undefined> {
  const python = installed(say);
  if (python === undefined) return undefined;
  const script = fileURLToPath(new URL("../peers/drain3.py", import.meta.url));
  // Isolated: the script bears the name of the package.
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(python, ["-I", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(lines, stream, rounds) {
      child.stdin.write(`${JSON.stringify({ lines, stream, rounds })}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error("drain3.py ended before it answered");
      return JSON.parse(value) as Answer;
    },
    stop: () => child.stdin.end(),
  };
}

function installed(say: (text: string) => void): string | undefined {
  const home = join(tmpdir(), "homeostat-drain3");
  const python = join(home, "bin", "python");
  try {
    if (!existsSync(python)) execFileSync("python3", ["-m", "venv", home], { stdio: "pipe" });
    if (!works(python))
      execFileSync(python, ["-m", "pip", "-q", "install", "drain3"], { stdio: "pipe", timeout: 300_000 });
    if (works(python)) return python;
  } catch (error) {
    say(`without Drain3: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)}`);
    return undefined;
  }
  say("without Drain3: it was installed but cannot be imported");
  return undefined;
}

function works(python: string): boolean {
  try {
    execFileSync(python, ["-c", "import drain3"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}
