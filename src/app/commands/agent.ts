// homeostat agent: carries out repairs on this host, and only what its own file allows.
import { parseArgs } from "node:util";
import { type May, whatItMay } from "../../agent/agent.ts";
import { loadAllowFile } from "../../agent/allow-file.ts";
import { writeManifest } from "../../agent/executors/manifest.ts";
import { silentTelemetry } from "../../model/ports/telemetry.ts";
import { formatMistake } from "../../model/yaml.ts";
import { openAgent, remarksOn } from "../agent.ts";
import { type Command, type Io, usageError, userError } from "../command.ts";
import { formatMistakes } from "../config.ts";
import { version } from "../paths.ts";
import { stopSignal } from "../stop-signal.ts";
import { createTelemetry } from "../telemetry.ts";

export const agent: Command = {
  name: "agent",
  summary: "carry out repairs on a host without an orchestrator: signed requests, and only what its own file allows",
  help: `Usage: homeostat agent --config FILE
       homeostat agent check --config FILE [--json]
       homeostat agent manifest FOLDER

  --config FILE     what the agent may do, for whom (docs/agent.md, docs/agent.example.yaml); only root or the user it runs
                    as may be able to write it
  --json            check: one JSON document: { "ok": …, "mistakes": […], "remarks": […], "may": […] }

check tells every mistake of the file with its place (exit code 1), and remarks on this host: programs and files that are
not there or that others could change. manifest writes SHA-256 sums and sizes of everything in FOLDER, for checksum steps.
SIGTERM or Ctrl-C stops it after the step that runs; what waits is taken up at the next start.`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { config: { type: "string" }, json: { type: "boolean", default: false } },
    });
    const [what, folder, ...more] = positionals;
    if (what === "manifest" && folder !== undefined && more.length === 0) return manifest(folder, io);
    if ((what !== undefined && what !== "check") || folder !== undefined)
      throw usageError("it is agent, agent check, or agent manifest FOLDER");
    if (values.config === undefined) throw usageError("it needs --config FILE");
    return what === "check" ? check(values.config, values.json, io) : serve(values.config, io);
  },
};

async function serve(path: string, io: Io): Promise<number> {
  const loaded = loadAllowFile(path);
  if (!loaded.ok) throw userError(`the file has mistakes, so nothing was started:\n${formatMistakes(loaded.mistakes)}`);
  const { file } = loaded;
  const stop = stopSignal();
  await using telemetry = createTelemetry({ level: "info", version });
  await using open = await openAgent(file, telemetry);
  const does = file.mode === "observe" ? "only tells what it would do" : "acts";
  io.out(`homeostat agent ${file.name} ${version} listens on ${file.listen.host}:${open.port} and ${does}:`);
  for (const line of mayLines(open.agent.may())) io.out(`  ${line}`);
  for (const remark of remarksOn(file, open.agent.may())) telemetry.log.warn(remark);
  const signal = await stop;
  telemetry.log.info(`stopping on ${signal}`);
  return 0;
}

function check(path: string, json: boolean, io: Io): number {
  const loaded = loadAllowFile(path);
  if (!loaded.ok) {
    if (json) io.out(JSON.stringify({ ok: false, mistakes: loaded.mistakes, remarks: [], may: [] }));
    else for (const mistake of loaded.mistakes) io.out(formatMistake(mistake));
    return 1;
  }
  const may = whatItMay(loaded.file, { now: Date.now, telemetry: silentTelemetry });
  const remarks = remarksOn(loaded.file, may);
  if (json) io.out(JSON.stringify({ ok: true, mistakes: [], remarks, may: mayLines(may) }));
  else {
    io.out(`no mistakes in ${path}; agent ${loaded.file.name} (mode ${loaded.file.mode}) may:`);
    for (const line of mayLines(may)) io.out(`  ${line}`);
    for (const remark of remarks) io.out(`remark: ${remark}`);
  }
  return 0;
}

async function manifest(folder: string, io: Io): Promise<number> {
  const { text, left } = await writeManifest(folder).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw userError(`${folder} cannot be read (${why}); name a folder`);
  });
  for (const name of left) io.err(`homeostat agent: ${name} is no plain file and was left out`);
  if (text === "") throw userError(`there is no plain file in ${folder}; name the folder that holds the files`);
  io.out(text.trimEnd());
  return 0;
}

function mayLines(may: readonly May[]): readonly string[] {
  return may.map(({ rule, may: what }) => `${rule.action} on ${rule.target}: ${what}`);
}
