// homeostat backtest: the anomalies that detection would have told of over stored history.
import { parseArgs } from "node:util";
import { parseDuration } from "../../model/time.ts";
import { rangeOf } from "../api-time.ts";
import { type Command, configHelp, configOptions, usageError } from "../command.ts";
import { version } from "../paths.ts";
import { rejudge } from "../rejudge.ts";
import { configured, openConfiguredStore } from "../store-options.ts";
import { allIncidents } from "../stored-incidents.ts";
import { createTelemetry } from "../telemetry.ts";
import { tellAnomalies } from "../tell-anomalies.ts";

export const backtest: Command = {
  name: "backtest",
  summary: "tell what detection would have found in stored history",
  help: `Usage: homeostat backtest --from TIME [--to TIME] [OPTIONS]

Judges stored metrics with the same code as the live service, step by step in their own time: replicas' signals and every other
series. Reads the data of a stopped service. Incidents it had open keep out of baselines what they did then. Spans and log records
are not looked at.

  --from TIME       first instant to tell of: 2026-11-24T08:00:00Z, or how long ago: 6h, 3d
  --to TIME         last instant (default: now)
  --learn DURATION  how long before --from to begin learning (default 2h)
  --detector NAME   only what this detector decided, as anomalies name it: robust-level, spike, drift, dropout, series, …
  --data FOLDER     data directory (default: as configured)
${configHelp}
  --json            one JSON document

Example: homeostat backtest --from 6h --json`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...configOptions,
        from: { type: "string" },
        to: { type: "string" },
        learn: { type: "string", default: "2h" },
        detector: { type: "string" },
        data: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const range = rangeOf(values.from, values.to, Date.now());
    const learn = parseDuration(values.learn);
    if (learn === undefined) throw usageError(`--learn: ${JSON.stringify(values.learn)} is no duration; write 2h`);
    const sets = [...(values.set ?? []), ...(values.data === undefined ? [] : [`dataDirectory=${values.data}`])];
    const sources = { file: values.config, sets };
    await using telemetry = createTelemetry({ level: "error", version });
    await using store = await openConfiguredStore(sources, telemetry);
    const incidents = await allIncidents(store.records);
    const judged = await rejudge(
      configured(sources),
      { range, learnFrom: range.from - learn, incidents },
      { reader: store.reader, telemetry },
    );
    tellAnomalies(judged, values.detector, values.json, io);
    return 0;
  },
};
