// homeostat incident: what happened, why, how sure, and what was done; as text, JSON or the draft of a post-mortem.
import { parseArgs } from "node:util";
import { loadFailureModes } from "../../diagnose/failure-modes.ts";
import type { FailureMode } from "../../model/failure-mode.ts";
import type { Incident } from "../../model/incident.ts";
import { type Api, apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { type Command, type Io, usageError } from "../command.ts";
import { budgetsOf } from "../incident/budget.ts";
import { readBundle } from "../incident/bundle.ts";
import { exportIncident } from "../incident/export.ts";
import { postMortem } from "../incident/markdown.ts";
import { printList, printReport } from "../incident/print.ts";
import { printReplay } from "../incident/print-replay.ts";
import { replayBundle } from "../incident/replay.ts";
import { reportOf } from "../incident/report.ts";
import { safeguardsOf } from "../incident/safeguards.ts";
import { gatherStory } from "../incident/story.ts";
import { plain } from "../incident/untrusted.ts";
import { readFolder, shipped } from "../paths.ts";

const listed = 20;

export const incident: Command = {
  name: "incident",
  summary: "tell an incident: timeline, causes with evidence, what is not known, what was done",
  help: `Usage: homeostat incident [--json]                     the newest incidents
       homeostat incident ID [--markdown | --json]     one of them
       homeostat incident export ID FILE [--json]      all that is on record of one, in a file
       homeostat incident replay FILE [--json]         think it through again, without a service

  --markdown        the draft of a post-mortem; once it is over, with what would have stopped it, as text to paste
  --json            one JSON document
${apiHelp}

The file holds the incident, its anomalies, alerts, diagnoses, changes, log findings and repairs, what it touched, and the series around
it. E-mail and IP addresses, keys, names of people in "by" and the like are replaced by [ip-1] and so on, the same all through the file;
names of replicas, models and services are not. It is never written over a file that is there.
A replay diagnoses by the catalogue of today and tells what that changes; alerts and log symptoms are as they were. Exit code 1 where
the first cause is another.

Example: homeostat incident 3f0c9a1b22d4e5f6 --markdown > post-mortem.md`,
  async run(args, io) {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...apiOptions,
        markdown: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
    const [id, ...rest] = positionals;
    if (id === "replay") return await replay(rest, values.json, io);
    if (id === "export") return await exportTo(connectApi(values), rest, values.json, io);
    if (rest.length > 0) throw usageError("it takes one id");
    if (values.markdown && values.json) throw usageError("choose one of --markdown and --json");
    if (id === undefined && values.markdown) throw usageError("--markdown needs the id of an incident");
    const api = connectApi(values);
    if (id === undefined) return await tellNewest(api, values.json, io);
    return await tellOne(api, id, values.markdown ? "markdown" : values.json ? "json" : "text", io);
  },
};

async function tellNewest(api: Api, json: boolean, io: Io): Promise<number> {
  const incidents = await api.list<Incident>("/api/v1/incidents", listed);
  if (json) io.out(JSON.stringify(incidents));
  else printList(incidents, io);
  return 0;
}

async function tellOne(api: Api, id: string, as: "text" | "markdown" | "json", io: Io): Promise<number> {
  const story = await gatherStory(api, id);
  const { onset, resolvedAt, updatedAt } = story.incident;
  const open = { from: onset, to: resolvedAt ?? updatedAt };
  const now = Date.now();
  const modes = catalogue();
  const budgets = await budgetsOf(api, open, now);
  const report = reportOf(story, modes, budgets, await safeguardsOf(api, story, modes, now));
  if (as === "json") io.out(JSON.stringify(report));
  else if (as === "markdown") io.out(postMortem(report));
  else printReport(report, io);
  return 0;
}

async function exportTo(api: Api, words: readonly string[], json: boolean, io: Io): Promise<number> {
  const [id, file] = words;
  if (id === undefined || file === undefined || words.length > 2) throw usageError("export takes an id and a file");
  const { series, entities, diagnoses, left } = await exportIncident(api, id, file, Date.now());
  const points = series.reduce((sum, { times }) => sum + times.length, 0);
  const counts = { series: series.length, points, entities: entities.length, diagnoses: diagnoses.length };
  if (json) io.out(JSON.stringify({ file, ...counts, left }));
  else {
    const told = Object.entries(counts).map(([name, count]) => `${count.toLocaleString("en")} ${name}`);
    io.out(plain(`${file}: ${told.join(", ")}`));
    for (const one of left) io.out(plain(`not in it: ${one}`));
  }
  return 0;
}

async function replay(words: readonly string[], json: boolean, io: Io): Promise<number> {
  const [file] = words;
  if (file === undefined || words.length > 1) throw usageError("replay takes one file");
  const replayed = await replayBundle(readBundle(file), catalogue());
  if (json) io.out(JSON.stringify(replayed));
  else printReplay(replayed, io);
  return replayed.changed ? 1 : 0;
}

function catalogue(): readonly FailureMode[] {
  return loadFailureModes(readFolder(shipped.failureModes, ".yaml")).modes;
}
