// homeostat check: every mistake in the configuration and in the rules it names, before anything starts.
import { parseArgs } from "node:util";
import { formatMistake } from "../../model/yaml.ts";
import { type Command, configHelp, configOptions } from "../command.ts";
import { loadConfig } from "../config.ts";
import { loadKnowledge } from "../knowledge.ts";

export const check: Command = {
  name: "check",
  summary: "print every mistake in the configuration and the rules, with its place and what to do",
  help: `Usage: homeostat check [OPTIONS]

${configHelp}
  --json            one JSON document: { "ok": …, "mistakes": […] }

Exit code 0 when there is none, 1 otherwise.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { ...configOptions, json: { type: "boolean", default: false } },
    });
    const loaded = loadConfig({ file: values.config, sets: values.set ?? [] });
    const mistakes = loaded.ok ? loadKnowledge(loaded.config).mistakes : loaded.mistakes;
    if (values.json) io.out(JSON.stringify({ ok: mistakes.length === 0, mistakes }));
    else if (mistakes.length === 0)
      io.out(`no mistakes${loaded.ok && loaded.file !== undefined ? ` in ${loaded.file}` : ""}`);
    else for (const mistake of mistakes) io.out(formatMistake(mistake));
    return mistakes.length === 0 ? 0 : 1;
  },
};
