// Where the files that ship with Homeostat are, from source and compiled alike.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

export const shipped = {
  packs: join(root, "rules", "packs"),
  signals: join(root, "rules", "signals"),
  failureModes: join(root, "rules", "failure-modes"),
  connectors: join(root, "rules", "connectors"),
  probes: join(root, "rules", "probes"),
  models: join(root, "models"),
  gauntlet: join(root, "test", "gauntlet"),
  plainThresholds: join(root, "rules", "gauntlet", "plain-thresholds.rules.yaml"),
};

/** The version in package.json. */
export const version: string = (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string })
  .version;

export interface TextFile {
  readonly name: string;
  readonly text: string;
}

/** The files of `folder` whose name ends in `ending`, by name. */
export function readFolder(folder: string, ending: string): readonly TextFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((name) => readOne(join(folder, name)));
}

/** Names of rule files in a folder: Prometheus rule files and objectives. */
const ruleFileName = /[.](rules|slo)[.]ya?ml$/;
const yamlName = /[.]ya?ml$/;
const testName = /[._-]tests?[.]ya?ml$/;

/**
 * `path` itself, or the rule files in it if it is a folder, by name: those called so, else all YAML but tests, for a folder as
 * Prometheus's users have it. Throws what the file system throws.
 */
export function ruleFilesAt(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).toSorted((a, b) => (a < b ? -1 : 1));
  const called = names.filter((name) => ruleFileName.test(name));
  const found = called.length > 0 ? called : names.filter((name) => yamlName.test(name) && !testName.test(name));
  return found.map((name) => join(path, name));
}

export function readOne(path: string): TextFile {
  return { name: path.startsWith(root) ? path.slice(root.length) : basename(path), text: readFileSync(path, "utf8") };
}
