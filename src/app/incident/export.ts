// Writes the bundle of an incident: records, entities and series, redacted.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { loadFailureModes } from "../../diagnose/failure-modes.ts";
import type { Entity } from "../../model/entity.ts";
import type { Incident } from "../../model/incident.ts";
import type { Api } from "../api-client.ts";
import { userError } from "../command.ts";
import { readFolder, shipped, version } from "../paths.ts";
import { type Bundle, format, formatVersion } from "./bundle.ts";
import { createPseudonyms } from "./pseudonyms.ts";
import { seriesAround } from "./series-export.ts";
import { gatherStory } from "./story.ts";

/** Symptoms compare with what was half an hour before. */
const beforeMs = 45 * 60_000;
const afterMs = 2 * 60_000;
/** Longer incidents are thought through at their beginning. */
const lengthMax = 60 * 60_000;

/** Rejects with a user's error if there is no such incident, or the file cannot be written. */
export async function exportIncident(api: Api, id: string, file: string, now: number): Promise<Bundle> {
  const story = await gatherStory(api, id);
  const files = readFolder(shipped.failureModes, ".yaml");
  const { modes } = loadFailureModes(files);
  const { data: all = [] } = ((await api.find("/api/v1/entities")) ?? {}) as { readonly data?: readonly Entity[] };
  const entities = around(story.incident, all);
  const last = story.diagnoses.at(-1)?.at ?? story.incident.updatedAt;
  const range = {
    from: story.incident.onset - beforeMs,
    to: Math.min(last, story.incident.openedAt + lengthMax) + afterMs,
  };
  const { series, left } = await seriesAround(api, entities, modes, range);
  const bundle: Bundle = createPseudonyms().redact({
    format,
    version: formatVersion,
    homeostat: version,
    exportedAt: now,
    catalogue: Object.fromEntries(files.map(({ name, text }) => [name.split(/[\\/]/).at(-1)!, hashOf(text)])),
    ...story,
    entities,
    series,
    left,
  });
  try {
    // Never over a file that is there: it may be another incident's.
    writeFileSync(file, JSON.stringify(bundle), { flag: "wx", mode: 0o600 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw userError(`cannot write ${file} (${why}); name a file that is not there yet, in a folder that is`);
  }
  return bundle;
}

/** What the incident touched, what that belongs to, its siblings, and what they run on. */
function around({ entities }: Incident, all: readonly Entity[]): readonly Entity[] {
  const touched = all.filter(({ id }) => entities.includes(id));
  const families = new Set(touched.flatMap(({ id, parent }) => [id, ...(parent === undefined ? [] : [parent])]));
  const family = all.filter(({ id, parent }) => families.has(id) || (parent !== undefined && families.has(parent)));
  const nodes = new Set(
    family.flatMap(({ kind, name, place }) => (kind === "node" ? [name] : (place?.["node"] ?? []))),
  );
  return all.filter(
    (one) =>
      family.includes(one) ||
      (one.kind === "node" && nodes.has(one.name)) ||
      (one.place?.["node"] !== undefined && nodes.has(one.place["node"])),
  );
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
