// Prometheus rule files: from YAML to checked rules, or to every mistake with its place and its remedy.
import { checkGroups } from "./check.ts";
import type { RuleFile } from "./rule.ts";
import { readYaml } from "./yaml.ts";

export type { RuleFile } from "./rule.ts";

export interface RuleMistake {
  readonly file: string;
  /** From 1, as the column. */
  readonly line: number;
  readonly column: number;
  readonly what: string;
  readonly mend: string;
}

/**
 * Reads a rule file. `mistakes` has all of them. Rules without a mistake are in `file` all the same, so that one wrong rule
 * does not silence the others; there is no `file` only where the YAML itself cannot be read.
 */
export function parseRuleFile(
  name: string,
  text: string,
): { readonly file?: RuleFile; readonly mistakes: readonly RuleMistake[] } {
  const yaml = readYaml(text);
  if ("mistakes" in yaml) return { mistakes: yaml.mistakes.map((mistake) => ({ file: name, ...mistake })) };
  const mistakes: RuleMistake[] = [];
  const groups = checkGroups(yaml, (place, what, mend) => {
    mistakes.push({ file: name, ...place, what, mend });
  });
  mistakes.sort((a, b) => a.line - b.line || a.column - b.column);
  return groups === undefined ? { mistakes } : { file: { name, groups }, mistakes };
}

/** `file:line:column: what; mend`. */
export function formatMistake({ file, line, column, what, mend }: RuleMistake): string {
  return `${file}:${line}:${column}: ${what}; ${mend}`;
}
