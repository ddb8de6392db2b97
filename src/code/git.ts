// git, asked for what a local clone holds: no shell, no network, nothing of the repository's configuration run, bounded in time and size.
import { execFile } from "node:child_process";

export interface Git {
  /** Standard output; undefined where git says no (what is asked for is not there). Rejects with a {@link GitTrouble}. */
  run(args: readonly string[]): Promise<string | undefined>;
}

/** Why git could not be asked at all, and what to do. */
export interface GitTrouble extends Error {
  readonly name: "GitTrouble";
}

const timeoutMs = 10_000;
const outputMax = 16 * 1024 * 1024;

/**
 * Options that keep a clone somebody else wrote to from running anything: no hooks, no file-system monitor, no pager, and no transport,
 * so that a partial clone does not fetch what is missing.
 */
const guarded = [
  "--no-pager",
  "--no-replace-objects",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
  "-c",
  "core.attributesFile=/dev/null",
  "-c",
  "protocol.allow=never",
  "-c",
  "log.showSignature=false",
];

export function createGit(path: string, signal: AbortSignal, command: string): Git {
  return {
    run(args) {
      return new Promise((resolve, reject) => {
        // The operator named the path, so whoever owns it is meant.
        const all = ["-C", path, ...guarded, "-c", `safe.directory=${path}`, ...args];
        const options = {
          timeout: timeoutMs,
          killSignal: "SIGKILL",
          maxBuffer: outputMax,
          encoding: "utf8",
          signal,
          windowsHide: true,
          env: environment,
        } as const;
        execFile(command, all, options, (error, stdout, stderr) => {
          if (error === null) return resolve(stdout);
          const { code, killed } = error as NodeJS.ErrnoException & { killed?: boolean };
          if ((code as unknown) === "ENOENT")
            return reject(
              gitTrouble(
                `git is not to be found (${command}), so the code at ${path} is not looked at; install git, or name the program in code.git`,
              ),
            );
          if ((code as unknown) === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
            return reject(gitTrouble(`git ${args[0]} says more than ${outputMax / 1024 / 1024} MiB of ${path}`));
          if (signal.aborted) return reject(gitTrouble("it ends"));
          if (killed === true)
            return reject(gitTrouble(`git ${args[0]} took longer than ${timeoutMs / 1000} s at ${path}`));
          if (/not a git repository|cannot change to|dubious ownership/i.test(stderr))
            return reject(gitTrouble(`${path} is no git repository this process may read; name a local clone`));
          resolve(undefined);
        });
      });
    },
  };
}

export function isGitTrouble(error: unknown): error is GitTrouble {
  return error instanceof Error && error.name === "GitTrouble";
}

export function gitTrouble(message: string): GitTrouble {
  return Object.assign(new Error(message), { name: "GitTrouble" as const });
}

/** Nothing of ours: no credentials, no configuration of the user's or the machine's. */
const environment = {
  PATH: "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
  LC_ALL: "C",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_NO_LAZY_FETCH: "1",
  GIT_ASKPASS: "/bin/false",
};
