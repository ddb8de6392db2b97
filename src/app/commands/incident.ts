// homeostat incident: what happened, why, how sure, and what was done; as text, JSON or the draft of a post-mortem.
import { parseArgs } from "node:util";
import { loadFailureModes } from "../../diagnose/failure-modes.ts";
import type { Incident } from "../../model/incident.ts";
import { type Api, apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { type Command, type Io, usageError } from "../command.ts";
import { budgetsOf } from "../incident/budget.ts";
import { postMortem } from "../incident/markdown.ts";
import { printList, printReport } from "../incident/print.ts";
import { reportOf } from "../incident/report.ts";
import { gatherStory } from "../incident/story.ts";
import { readFolder, shipped } from "../paths.ts";

const listed = 20;

export const incident: Command = {
  name: "incident",
  summary: "tell an incident: timeline, causes with evidence, what is not known, what was done",
  help: `Usage: homeostat incident [--json]                     the newest incidents
       homeostat incident ID [--markdown | --json]     one of them

  --markdown        the draft of a post-mortem
  --json            one JSON document
${apiHelp}

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
    const [id] = positionals;
    if (positionals.length > 1) throw usageError("it takes one id");
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
  const { modes } = loadFailureModes(readFolder(shipped.failureModes, ".yaml"));
  const { onset, resolvedAt, updatedAt } = story.incident;
  const report = reportOf(story, modes, await budgetsOf(api, { from: onset, to: resolvedAt ?? updatedAt }));
  if (as === "json") io.out(JSON.stringify(report));
  else if (as === "markdown") io.out(postMortem(report));
  else printReport(report, io);
  return 0;
}
