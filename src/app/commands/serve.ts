// homeostat serve: the service, until it is told to stop.
import { parseArgs } from "node:util";
import { createLiveClock } from "../clock/live.ts";
import { type Command, configHelp, configOptions, userError } from "../command.ts";
import { formatMistakes, loadConfig } from "../config.ts";
import { version } from "../paths.ts";
import { startService } from "../service.ts";
import { stopSignal } from "../stop-signal.ts";
import { createTelemetry } from "../telemetry.ts";

export const serve: Command = {
  name: "serve",
  summary: "receive telemetry, store it, detect, diagnose, notify; acts only where the configuration says so",
  help: `Usage: homeostat serve [OPTIONS]

${configHelp}

Listens on 4318 (OTLP/HTTP), 4317 (OTLP/gRPC) and 7070 (API, console, /metrics), loopback unless configured.
SIGTERM or Ctrl-C stops it; nothing accepted is lost.`,
  async run(args, io) {
    const { values } = parseArgs({ args: [...args], options: configOptions });
    const loaded = loadConfig({ file: values.config, sets: values.set ?? [] });
    if (!loaded.ok)
      throw userError(`the configuration has mistakes, so nothing was started:\n${formatMistakes(loaded.mistakes)}`);
    const { config } = loaded;
    const stop = stopSignal();
    await using telemetry = createTelemetry({ ...config.telemetry, version });
    using clock = createLiveClock(telemetry);
    await using service = await startService(config, { clock, telemetry });
    io.out(`homeostat ${version} is up: ${service.summary}`);
    const signal = await stop;
    telemetry.log.info(`stopping on ${signal}`);
    return 0;
  },
};
