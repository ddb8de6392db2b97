// Prometheus rule files: from YAML to checked rules, or to every mistake with its place and its remedy.
import { checkGroups } from "./check.ts";
import type { RuleFile, RuleGroup } from "./rule.ts";
import { sloRuleFile } from "./slo.ts";
import { readSlos } from "./slo-file.ts";
import { type Position, readDocuments, readYaml, type YamlFile, type YamlMistake } from "./yaml.ts";

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
 * Reads a rule file: `groups` as Prometheus has them, and `slo`, from which more groups are made (see `sloRuleFile`); of a file of
 * several documents, all. `mistakes` has all of them. Rules without a mistake are in `file` all the same, so that one wrong rule
 * does not silence the others (`refused` counts the wrong ones); there is no `file` only where the YAML itself cannot be read.
 */
export function parseRuleFile(
  name: string,
  text: string,
): { readonly file?: RuleFile; readonly refused: number; readonly mistakes: readonly RuleMistake[] } {
  const documents = readDocuments(text);
  if ("mistakes" in documents)
    return { refused: 0, mistakes: documents.mistakes.map((mistake) => ({ file: name, ...mistake })) };
  const mistakes: RuleMistake[] = [];
  const groups: RuleGroup[] = [];
  const names = new Set<string>();
  let refused = 0;
  let read = 0;
  for (const yaml of documents) {
    const tell = (place: Position, what: string, mend: string): void => {
      mistakes.push({ file: name, ...place, what, mend });
    };
    const checked = checkGroups(yaml, tell, names);
    const slo = sloOf(yaml);
    const made = slo === undefined ? undefined : madeOf(yaml, slo, name);
    for (const mistake of made?.mistakes ?? []) mistakes.push({ file: name, ...mistake });
    if (checked === undefined) continue;
    read++;
    refused += checked.refused;
    groups.push(...checked.groups, ...(made?.groups ?? []));
  }
  mistakes.sort(byPlace);
  return read === 0 ? { refused, mistakes } : { file: { name, groups }, refused, mistakes };
}

/** The rule file that the `slo` of a file stands for, or every mistake in it. */
export function generateSloRules(
  name: string,
  text: string,
): { readonly text: string } | { readonly mistakes: readonly RuleMistake[] } {
  const yaml = readYaml(text);
  if ("mistakes" in yaml) return { mistakes: yaml.mistakes.map((mistake) => ({ file: name, ...mistake })) };
  const slo = sloOf(yaml);
  if (slo === undefined) {
    const what = "the file has no slo";
    return { mistakes: [{ file: name, line: 1, column: 1, what, mend: "write slo: and a list of objectives" }] };
  }
  const { slos, mistakes } = readSlos(yaml, ["slo"], slo);
  if (mistakes.length > 0) {
    return { mistakes: mistakes.map((mistake) => ({ file: name, ...mistake })).toSorted(byPlace) };
  }
  return { text: sloRuleFile(slos, name) };
}

function byPlace(a: RuleMistake, b: RuleMistake): number {
  return a.line - b.line || a.column - b.column;
}

function sloOf({ value }: YamlFile): unknown {
  return typeof value === "object" && value !== null && "slo" in value ? value.slo : undefined;
}

function madeOf(
  yaml: YamlFile,
  slo: unknown,
  name: string,
): { readonly groups: readonly RuleGroup[]; readonly mistakes: readonly YamlMistake[] } {
  const { slos, mistakes } = readSlos(yaml, ["slo"], slo);
  const { file, mistakes: own } = parseRuleFile(name, sloRuleFile(slos, name));
  // The generator's own doing, unless what the objectives contribute does not fit: told where the list begins.
  const told = own.map(({ what, mend }) => ({ ...yaml.at(["slo"]), what, mend }));
  return { groups: file?.groups ?? [], mistakes: [...mistakes, ...told] };
}

/** `file:line:column: what; mend`. */
export function formatMistake({ file, line, column, what, mend }: RuleMistake): string {
  return line === 0 ? `${file}: ${what}; ${mend}` : `${file}:${line}:${column}: ${what}; ${mend}`;
}
