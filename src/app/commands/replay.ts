// homeostat replay: what detection makes of a file of telemetry, without a service.
import { createReadStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import type { Telemetry } from "../../model/ports/telemetry.ts";
import type { TimeRange } from "../../model/time.ts";
import { createDecoder } from "../../receive/decoder.ts";
import { openStore, type Store } from "../../store/store.ts";
import { type Command, configHelp, configOptions, type Io, usageError, userError } from "../command.ts";
import { version } from "../paths.ts";
import { rejudge } from "../rejudge.ts";
import { configured, storeOptions } from "../store-options.ts";
import { createTelemetry } from "../telemetry.ts";
import { tellAnomalies } from "../tell-anomalies.ts";

export const replay: Command = {
  name: "replay",
  summary: "tell what detection finds in a file of metrics",
  help: `Usage: homeostat replay FILE [--detector NAME] [--json]

FILE holds OTLP metrics as JSON, a request a line, as the OpenTelemetry Collector's file exporter writes them. They go into a store of
their own that is gone afterwards, and are judged by the same code as the live service, step by step in their own time. Lines that
are no OTLP metrics are told of and left out.

  --detector NAME   only what this detector decided
${configHelp}
  --json            one JSON document

Example: homeostat replay metrics.jsonl`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...configOptions, detector: { type: "string" }, json: { type: "boolean", default: false } },
    });
    const [file] = positionals;
    if (file === undefined || positionals.length > 1) throw usageError("it takes one file");
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
      throw userError(`${file} is no file; give one that holds OTLP metrics as JSON, a request a line`);
    const config = configured({ file: values.config, sets: values.set ?? [] });
    const directory = mkdtempSync(join(tmpdir(), "homeostat-replay-"));
    try {
      await using telemetry = createTelemetry({ level: "error", version });
      const { url: _url, ...embedded } = storeOptions(config, directory);
      // What is old is as good as what is new here.
      await using store = await openStore({ ...embedded, retentionDays: {} }, telemetry);
      const range = await load(file, store, telemetry, io);
      const judged = await rejudge(
        config,
        { range, learnFrom: range.from, incidents: [] },
        { reader: store.reader, telemetry },
      );
      tellAnomalies(judged, values.detector, values.json, io);
      return 0;
    } finally {
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    }
  },
};

const linesAtOnce = 200;

/** Stores the file's metrics; resolves with the event time they span. Rejects with a user's error if there are none. */
async function load(file: string, store: Store, telemetry: Telemetry, io: Io): Promise<TimeRange> {
  const decoder = createDecoder({ window: null });
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  let lines = 0;
  const keep = async (): Promise<void> => {
    const sealed = decoder.seal();
    if (sealed.batches.length > 0) await store.journal.append(sealed.batches);
    decoder.promised(sealed);
  };
  for await (const line of createInterface({ input: createReadStream(file) })) {
    lines++;
    if (line.trim() === "") continue;
    const answer = decoder.decode("metrics", "json", new TextEncoder().encode(line), Date.now());
    if (answer.kind !== "decoded" || answer.says !== "") io.err(`${file}:${lines}: ${answer.says}`);
    if (answer.kind !== "decoded" || answer.accepted === 0) {
      telemetry.count("homeostat.app.dropped", 1, { reason: "replay-line" });
      continue;
    }
    for (const [, nano] of line.matchAll(/"timeUnixNano"\s*:\s*"?(\d+)/g)) {
      const at = Math.floor(Number(nano) / 1e6);
      from = Math.min(from, at);
      to = Math.max(to, at + 1);
    }
    if (lines % linesAtOnce === 0) await keep();
  }
  await keep();
  await store.flushed();
  if (to < from) throw userError(`${file} holds no OTLP metrics; each line must be a request as JSON`);
  return { from, to };
}
