// A real git repository in a temporary folder.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface Clone {
  readonly path: string;
  /** Writes files and commits them; gives the commit. */
  commit(files: Readonly<Record<string, string>>, subject: string): string;
  /** At the last commit, or another; a tag there is of the name is moved. */
  tag(name: string, commit?: string): void;
  /** As if the object, and only it, had not been fetched yet; and as if it now were. */
  hide(revision: string): void;
  show(revision: string): void;
  configure(key: string, value: string): void;
  remove(): void;
}

export const hasGit = ((): boolean => {
  try {
    execFileSync("git", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

export function makeClone(): Clone {
  const path = mkdtempSync(join(tmpdir(), "homeostat-clone-"));
  const who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.invalid", "-c", "commit.gpgsign=false"];
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", path, ...who, ...args], { encoding: "utf8" }).trim();
  git("init", "--quiet", "--initial-branch=main");
  const hidden = new Map<string, string>();
  const objectOf = (id: string): string => join(path, ".git", "objects", id.slice(0, 2), id.slice(2));
  return {
    path,
    commit(files, subject) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(path, name)), { recursive: true });
        writeFileSync(join(path, name), text);
      }
      git("add", "--all");
      git("commit", "--quiet", "--message", subject);
      return git("rev-parse", "HEAD");
    },
    configure: (key, value) => void git("config", key, value),
    tag: (name, commit = "HEAD") => void git("tag", "--force", name, commit),
    hide(revision) {
      const object = objectOf(git("rev-parse", revision));
      hidden.set(revision, object);
      renameSync(object, `${object}.hidden`);
    },
    show(revision) {
      const object = hidden.get(revision)!;
      renameSync(`${object}.hidden`, object);
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** `count` numbered lines, some of them replaced. */
export function lines(count: number, replaced: Readonly<Record<number, string>> = {}): string {
  return Array.from({ length: count }, (_, i) => replaced[i + 1] ?? `line ${i + 1}`)
    .join("\n")
    .concat("\n");
}

/** A Python traceback whose innermost frame is the last place. */
export function traceback(
  error: string,
  ...places: readonly (readonly [file: string, line: number, name: string])[]
): string {
  const frames = places.map(([file, line, name]) => `  File "${file}", line ${line}, in ${name}\n    call()`);
  return ["Traceback (most recent call last):", ...frames, error].join("\n");
}
