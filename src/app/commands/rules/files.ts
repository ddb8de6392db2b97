// Rule and test files as the command line names them.
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { RuleMistake } from "../../../detect/rules/rule-file.ts";
import type { RuleFolder } from "../../../detect/rules/unit-tests.ts";
import { usageError } from "../../command.ts";
import { ruleFilesAt } from "../../paths.ts";

type Read = { readonly name: string; readonly text: string } | { readonly name: string; readonly mistake: RuleMistake };

/** At least one name, or a usage error. */
export function readNamed(names: readonly string[]): readonly string[] {
  if (names.length === 0) throw usageError("name a file");
  return names;
}

/** The rule file at `path`, or those in the folder. What cannot be read is told as a mistake like any other. */
export function textsAt(path: string): readonly Read[] {
  let files: readonly string[];
  try {
    files = ruleFilesAt(path);
  } catch (error) {
    return [unreadable(path, error)];
  }
  if (files.length === 0)
    return [unreadable(path, new Error("the folder has no *.rules.yaml, *.slo.yaml or other YAML"))];
  return files.map((file) => {
    try {
      return { name: file, text: readFileSync(file, "utf8") };
    } catch (error) {
      return unreadable(file, error);
    }
  });
}

/** Rule files beside a test file. */
export function folderOf(testFile: string): RuleFolder {
  const at = (path: string): string => (path.startsWith("/") ? path : join(dirname(testFile), path));
  return {
    read: (path) => readFileSync(at(path), "utf8"),
    expand(pattern) {
      const wanted = patternOf(basename(pattern));
      return readdirSync(dirname(at(pattern)))
        .filter((name) => wanted.test(name))
        .toSorted((a, b) => (a < b ? -1 : 1))
        .map((name) => join(dirname(pattern), name));
    },
  };
}

/** `*`, `?` and `[…]` of a shell, in the last part of a path. */
function patternOf(glob: string): RegExp {
  const pieces = glob.replace(/\*|\?|\[[^\]]*\]|[^*?[]+|\[/g, (piece) => {
    if (piece === "*") return "[^/]*";
    if (piece === "?") return "[^/]";
    return piece.length > 1 && piece.startsWith("[") ? piece : piece.replace(/[.+^${}()|\\[\]]/g, "\\$&");
  });
  return new RegExp(`^${pieces}$`);
}

function unreadable(file: string, error: unknown): Read {
  const gone = (error as NodeJS.ErrnoException).code === "ENOENT";
  const what = gone ? "there is no such file" : error instanceof Error ? error.message : String(error);
  return { name: file, mistake: { file, line: 0, column: 0, what, mend: "name a file that can be read" } };
}
