// Reads the configuration: file, environment, flags. The only reader of the environment.
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { formatMistake, type Mistake, mistakesOf, parseYaml, type YamlDocument } from "../model/yaml.ts";
import { Config } from "./config-schema.ts";

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly file?: string }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

export interface ConfigSources {
  /** `--config`; default: `homeostat.yaml` in the working directory if it is there. */
  readonly file?: string | undefined;
  /** `--set a.b=value`, in order. */
  readonly sets: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** YAML file, then environment (`HOMEOSTAT_STORE__URL`), then flags (`--set store.url=…`); later ones win. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const env = sources.env ?? process.env;
  const file = sources.file ?? env["HOMEOSTAT_CONFIG"] ?? (existsSync("homeostat.yaml") ? "homeostat.yaml" : undefined);
  const mistakes: Mistake[] = [];
  let document: YamlDocument | undefined;
  if (file !== undefined) {
    const text = readText(file, mistakes);
    const parsed = text === undefined ? undefined : parseYaml(file, text);
    if (parsed?.ok === true) document = parsed.document;
    else if (parsed?.ok === false) mistakes.push(...parsed.mistakes);
    if (document !== undefined && document.value !== null && !isTree(document.value))
      mistakes.push({ file, line: 1, column: 1, says: "is no mapping of settings; write it like store: { … }" });
  }
  const tree: Tree = isTree(document?.value) ? structuredClone(document.value) : {};
  /** Which setting came from where, so that a mistake names its source and not a line of the file. */
  const origins = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("HOMEOSTAT_") || name === "HOMEOSTAT_CONFIG" || value === undefined) continue;
    const path = name.slice("HOMEOSTAT_".length).split("__").map(camelCase);
    setPath(tree, path, scalar(value));
    origins.set(path.join("."), `environment ${name}`);
  }
  for (const set of sources.sets) {
    const equals = set.indexOf("=");
    if (equals < 1) {
      mistakes.push({
        file: `--set ${set}`,
        line: 0,
        column: 0,
        says: "is not key=value; write it like store.url=http://…",
      });
      continue;
    }
    const path = set.slice(0, equals).split(".");
    setPath(tree, path, scalar(set.slice(equals + 1)));
    origins.set(path.join("."), `--set ${set}`);
  }
  const unset: string[] = [];
  resolveSecrets(tree, env, (path, name) => {
    const says = `${path}: environment variable ${name} is not set; set it, or write the value here`;
    const at = document?.place(path.split(".")) ?? { line: 0, column: 0 };
    mistakes.push(placed({ file: file ?? "configuration", ...at, says }, origins));
    unset.push(`${path}:`);
  });
  const checked = Config.safeParse(tree);
  if (!checked.success) {
    const nowhere: YamlDocument = { value: undefined, place: () => ({ line: 0, column: 0 }) };
    for (const mistake of mistakesOf(file ?? "configuration", document ?? nowhere, checked.error)) {
      if (unset.some((path) => mistake.says.startsWith(path))) continue;
      mistakes.push(placed(mistake, origins));
    }
  }
  if (mistakes.length > 0 || !checked.success) return { ok: false, mistakes };
  return { ok: true, config: checked.data, ...(file === undefined ? {} : { file: resolve(file) }) };
}

/** One variable of the environment, for what has a file of its own. */
export function environmentOf(name: string): string | undefined {
  return process.env[name];
}

export function formatMistakes(mistakes: readonly Mistake[]): string {
  return mistakes.map((mistake) => formatMistake(mistake)).join("\n");
}

/** A mistake in what came from the environment or a flag names that, and no line of the file. */
function placed(mistake: Mistake, origins: ReadonlyMap<string, string>): Mistake {
  const origin = [...origins].find(
    ([path]) => mistake.says.startsWith(`${path}:`) || mistake.says.startsWith(`${path}.`),
  );
  return origin === undefined ? mistake : { ...mistake, file: origin[1], line: 0, column: 0 };
}

type Tree = { [key: string]: unknown };

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readText(file: string, mistakes: Mistake[]): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    mistakes.push({ file, line: 0, column: 0, says: `cannot be read (${why}); check the path given with --config` });
    return undefined;
  }
}

function setPath(tree: Tree, path: readonly string[], value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    // Own keys only: `__proto__.x` must become an unknown key, not a change to every object.
    const next = Object.hasOwn(node, key) ? node[key] : undefined;
    const child: Tree = isTree(next) ? next : Object.create(null);
    Object.defineProperty(node, key, { value: child, enumerable: true, configurable: true, writable: true });
    node = child;
  }
  Object.defineProperty(node, path.at(-1)!, { value, enumerable: true, configurable: true, writable: true });
}

/** `HTTP_PORT` -> `httpPort`. */
function camelCase(name: string): string {
  return name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Numbers, booleans and JSON lists or objects as such; everything else is text. */
function scalar(text: string): unknown {
  if (/^(true|false|-?\d+(\.\d+)?|\[.*\]|\{.*\})$/s.test(text)) {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}

/** Replaces `${env:NAME}` in every text, so that secrets need not stand in the file. A name that is not set is told with its place. */
function resolveSecrets(
  node: Tree | unknown[],
  env: NodeJS.ProcessEnv,
  tell: (path: string, name: string) => void,
  path: readonly string[] = [],
): void {
  for (const [key, value] of Object.entries(node)) {
    const here = [...path, key];
    if (typeof value === "object" && value !== null) resolveSecrets(value as Tree, env, tell, here);
    if (typeof value !== "string") continue;
    (node as Tree)[key] = value.replace(/\$\{env:(\w+)\}/g, (_, name: string) => {
      const found = env[name];
      if (found === undefined) tell(here.join("."), name);
      return found ?? "";
    });
  }
}
