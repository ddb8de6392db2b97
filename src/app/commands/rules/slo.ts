// homeostat rules slo: the Prometheus rule file that objectives stand for.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { formatMistake, generateSloRules } from "../../../detect/rules/rule-file.ts";
import { type Io, usageError, userError } from "../../command.ts";

export async function printSloRules(args: readonly string[], io: Io): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true, options: {} });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) throw usageError("name one file of objectives");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw userError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const made = generateSloRules(basename(file), text);
  if ("mistakes" in made) {
    for (const mistake of made.mistakes) io.err(formatMistake(mistake));
    return 1;
  }
  io.out(made.text.trimEnd());
  return 0;
}
