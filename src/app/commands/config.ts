// homeostat config: the configuration in force, or its schema.
import { parseArgs } from "node:util";
import { type Command, configHelp, configOptions, userError } from "../command.ts";
import { formatMistakes, loadConfig } from "../config.ts";
import { configJsonSchema } from "../config-schema.ts";

export const config: Command = {
  name: "config",
  summary: "print the configuration in force, or its JSON Schema",
  help: `Usage: homeostat config [OPTIONS]

  --schema          print the JSON Schema of the configuration file instead
${configHelp}

Secrets are printed as ***. Durations are printed in milliseconds.`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: { ...configOptions, schema: { type: "boolean", default: false } },
    });
    if (values.schema) {
      io.out(JSON.stringify(configJsonSchema(), null, 2));
      return 0;
    }
    const loaded = loadConfig({ file: values.config, sets: values.set ?? [] });
    if (!loaded.ok) throw userError(`the configuration has mistakes:\n${formatMistakes(loaded.mistakes)}`);
    const hide = (key: string, value: unknown): unknown => (key === "secret" || key === "password" ? "***" : value);
    io.out(JSON.stringify(loaded.config, hide, 2));
    return 0;
  },
};
