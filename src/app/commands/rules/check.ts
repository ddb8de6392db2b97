// homeostat rules check: which rules are taken, which are refused, and why.
import { parseArgs } from "node:util";
import { formatMistake, parseRuleFile, type RuleMistake } from "../../../detect/rules/rule-file.ts";
import type { Io } from "../../command.ts";
import { readNamed, textsAt } from "./files.ts";

interface Checked {
  readonly file: string;
  /** Undefined: the file could not be read as one of rules at all. */
  readonly accepted: number | undefined;
  readonly refused: number;
  readonly mistakes: readonly RuleMistake[];
}

export async function checkRules(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: "boolean", default: false } },
  });
  const checked = readNamed(positionals).flatMap(checkOne);
  const ok = checked.every(({ mistakes }) => mistakes.length === 0);
  if (values.json) {
    const accepted = checked.reduce((sum, one) => sum + (one.accepted ?? 0), 0);
    const refused = checked.reduce((sum, one) => sum + one.refused, 0);
    const files = checked.map((one) => ({ ...one, accepted: one.accepted ?? 0, read: one.accepted !== undefined }));
    io.out(JSON.stringify({ ok, accepted, refused, files }));
    return ok ? 0 : 1;
  }
  for (const { file, accepted, refused, mistakes } of checked) {
    for (const mistake of mistakes) io.out(formatMistake(mistake));
    if (accepted === undefined) io.out(`${file}: not read`);
    else io.out(`${file}: ${count(accepted, "rule")} taken${refused === 0 ? "" : `, ${refused} refused`}`);
  }
  return ok ? 0 : 1;
}

function checkOne(path: string): readonly Checked[] {
  return textsAt(path).map((read) => {
    if ("mistake" in read) return { file: read.name, accepted: undefined, refused: 0, mistakes: [read.mistake] };
    const { file, refused, mistakes } = parseRuleFile(read.name, read.text);
    const accepted = file?.groups.reduce((sum, { rules }) => sum + rules.length, 0);
    return { file: read.name, accepted, refused, mistakes };
  });
}

function count(number: number, of: string): string {
  return `${number} ${of}${number === 1 ? "" : "s"}`;
}
