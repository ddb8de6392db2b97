// Prometheus rule files: from YAML to checked rules, or to every mistake with its place and its remedy.
import type { DurationMs } from "../../model/time.ts";
import type { ParsedQuery } from "../../promql/ast.ts";
import { checkGroups } from "./check.ts";
import type { Template } from "./template.ts";
import { readYaml } from "./yaml.ts";

export interface AlertRule {
  readonly kind: "alert";
  readonly name: string;
  readonly expr: ParsedQuery;
  readonly forMs: DurationMs;
  readonly keepFiringForMs: DurationMs;
  readonly labels: Readonly<Record<string, Template>>;
  readonly annotations: Readonly<Record<string, Template>>;
  /** From 1. */
  readonly line: number;
}

export interface RecordRule {
  readonly kind: "record";
  readonly name: string;
  readonly expr: ParsedQuery;
  readonly labels: Readonly<Record<string, string>>;
  readonly line: number;
}

export type Rule = AlertRule | RecordRule;

export interface RuleGroup {
  readonly name: string;
  /** Undefined = the engine's default. */
  readonly intervalMs: DurationMs | undefined;
  /** Most alerts or recorded series of one rule; 0 = no limit. */
  readonly limit: number;
  /** How far before now the rules look. */
  readonly offsetMs: DurationMs;
  readonly rules: readonly Rule[];
}

export interface RuleFile {
  readonly name: string;
  readonly groups: readonly RuleGroup[];
}

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
export function parseRuleFile(name: string, text: string): { readonly file?: RuleFile; readonly mistakes: readonly RuleMistake[] } {
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
