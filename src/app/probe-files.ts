// Probe files and manifests as the configuration names them, read and checked.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Mistake } from "../model/yaml.ts";
import { type Manifest, readManifest } from "../probe/checksums.ts";
import { loadProbes, type ProbeSpec } from "../probe/spec.ts";
import type { Probes } from "./config-probes.ts";
import { readFolder, readOne, shipped, type TextFile } from "./paths.ts";

export interface ProbeKnowledge {
  readonly probes: readonly ProbeSpec[];
  readonly manifests: readonly Manifest[];
  readonly mistakes: readonly Mistake[];
}

export function probeKnowledge(config: Pick<Probes, "files" | "shipped" | "manifests">): ProbeKnowledge {
  const mistakes: Mistake[] = [];
  const files = config.files.flatMap((path) => filesAt(path, mistakes));
  const loaded = loadProbes([...(config.shipped ? readFolder(shipped.probes, ".yaml") : []), ...files]);
  mistakes.push(...loaded.mistakes);
  const manifests = config.manifests.flatMap(({ file, root, every, ...owner }) => {
    const about = { everyMs: every, owner, ...(root === undefined ? {} : { root: resolve(root) }) };
    const read = readManifest(resolve(file), about);
    mistakes.push(...read.mistakes);
    return read.manifest === undefined ? [] : [read.manifest];
  });
  return { probes: loaded.probes, manifests, mistakes };
}

function filesAt(path: string, mistakes: Mistake[]): readonly TextFile[] {
  const place = resolve(path);
  const wrong = (says: string): readonly TextFile[] => {
    mistakes.push({ file: `probes.files: ${path}`, line: 0, column: 0, says });
    return [];
  };
  if (!existsSync(place)) return wrong(`there is no file ${place}; correct the name`);
  try {
    if (!statSync(place).isDirectory()) return [readOne(place)];
    const names = readdirSync(place).filter((name) => /[.]ya?ml$/.test(name));
    return names.toSorted((a, b) => (a < b ? -1 : 1)).map((name) => readOne(join(place, name)));
  } catch (error) {
    return wrong(`cannot be read (${error instanceof Error ? error.message : String(error)}); check the path`);
  }
}
