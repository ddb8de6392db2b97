// A Python peer as a child process: made once in a virtual environment under the temp folder, asked over stdin.
import { type ChildProcessByStdio, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface PythonPeer {
  /** The answer to one question; both are one line of JSON. */
  ask(question: unknown): Promise<unknown>;
  stop(): void;
}

/** `script` is a file of `bench/peers`. Undefined, said with the reason, where Python or PyPI is absent. */
export function startPythonPeer(
  script: string,
  packages: readonly string[],
  say: (text: string) => void,
): PythonPeer | undefined {
  const python = installed(script, packages, say);
  if (python === undefined) return undefined;
  const path = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(python, ["-I", path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`${script} ended before it answered`);
      return JSON.parse(value);
    },
    stop: () => child.stdin.end(),
  };
}

function installed(script: string, packages: readonly string[], say: (text: string) => void): string | undefined {
  const home = join(tmpdir(), `homeostat-${script.replace(/\.py$/, "")}-peers`);
  const python = join(home, "bin", "python");
  try {
    if (!existsSync(python)) execFileSync("python3", ["-m", "venv", home], { stdio: "pipe" });
    if (!works(python, packages))
      execFileSync(python, ["-m", "pip", "-q", "install", ...packages], { stdio: "pipe", timeout: 300_000 });
    if (works(python, packages)) return python;
  } catch (error) {
    say(
      `without ${packages.join(", ")}: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)}`,
    );
    return undefined;
  }
  say(`without ${packages.join(", ")}: installed but cannot be imported`);
  return undefined;
}

function works(python: string, packages: readonly string[]): boolean {
  try {
    execFileSync(python, ["-c", `import ${packages.join(", ")}`], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}
