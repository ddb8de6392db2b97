// homeostat changes: what changed in a stretch of time, and what cannot be known.
import { parseArgs } from "node:util";
import type { KnownChange, WhatChanged } from "../../model/what-changed.ts";
import { apiHelp, apiOptions, connectApi } from "../api-client.ts";
import { rangeHelp, rangeOptions, rangeParameters } from "../api-time.ts";
import { type Command, type Io, userError } from "../command.ts";
import { formatAt } from "../incident/print.ts";
import { plain } from "../incident/untrusted.ts";

export const changes: Command = {
  name: "changes",
  summary: "tell what changed: image, flags, model, LoRA, prompt template, driver, config",
  help: `Usage: homeostat changes [--from TIME] [--to TIME] [--entity ENTITY] [OPTIONS]

Lists change events that people and pipelines told, and changes that telemetry itself shows: another version, image, model, driver or
engine setting than before. Says that nothing changed only of what would have been told: where telemetry states it throughout, or
change events of it came within a day; else that nothing is known, and since when nothing has been heard.

${rangeHelp}
  --entity ENTITY   only of this one (deployment:chat, replica:chat-0, node:gpu-7), what belongs to it, and what it belongs to
${apiHelp}
  --json            one JSON document

Example: homeostat changes --from 6h --entity deployment:chat`,
  async run(args, io) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        ...apiOptions,
        ...rangeOptions,
        entity: { type: "string" },
        json: { type: "boolean", default: false },
      },
    });
    const asked = new URLSearchParams({
      ...{ from: "-1d", to: "now", limit: "1" },
      ...rangeParameters(values),
      ...(values.entity === undefined ? {} : { entity: values.entity }),
    });
    const answer = (await connectApi(values).find(`/api/v1/changes?${asked}`)) as { known?: WhatChanged } | undefined;
    if (answer?.known === undefined)
      throw userError(
        "the service tells nothing of this stretch; ask for 31 days at most, of a Homeostat of this version",
      );
    if (values.json) io.out(JSON.stringify(answer.known));
    else tell(answer.known, io);
    return 0;
  },
};

function tell({ range, says, changes: found, aspects }: WhatChanged, io: Io): void {
  io.out(plain(`${formatAt(range.from)} to ${formatAt(range.to)}: ${says}`));
  for (const one of found) io.out(plain(`  ${whenOf(one)}  ${one.aspect.padEnd(6)}  ${one.says}${sourceOf(one)}`));
  for (const { state, says: words, heard } of aspects) {
    if (state === "changed") continue;
    const last = heard.map(({ source, at }) => `${source} last heard ${formatAt(at)}`).join(", ");
    io.out(plain(`  ${words}${last === "" || state === "unknown" ? "" : ` (${last})`}`));
  }
}

function whenOf({ at, until }: KnownChange): string {
  return until - at < 1000 ? formatAt(at) : `${formatAt(at)} to ${formatAt(until).slice(11)}`;
}

function sourceOf({ source, kind, by, entities }: KnownChange): string {
  if (source === "telemetry") return " (seen in telemetry)";
  return ` (${kind} of ${entities.join(", ")}${by === undefined ? "" : `, by ${by}`})`;
}
