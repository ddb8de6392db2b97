// Reads the agent's own file: every mistake with its place, or what it allows and the keys it names.
import { type Mistake, parseYamlAs } from "../model/yaml.ts";
import { type AgentFile, AgentSchema, type KeySource } from "./allow-schema.ts";
import { readTrusted } from "./ownership.ts";

export type LoadedFile =
  | { readonly ok: true; readonly file: AgentFile }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

const fileBytesMax = 256 * 1024;

/** Refuses a file that others could have written. */
export function loadAllowFile(path: string): LoadedFile {
  const read = readTrusted(path, fileBytesMax);
  if (!read.ok) return { ok: false, mistakes: [{ file: path, line: 0, column: 0, says: read.says }] };
  const parsed = parseYamlAs<AgentFile>(path, read.text, AgentSchema);
  return parsed.ok ? { ok: true, file: parsed.value } : { ok: false, mistakes: parsed.mistakes };
}

export interface ReadKeys {
  /** `whsec_…` secrets that could be read and are ones. */
  readonly secrets: readonly string[];
  /** The others: where, and what is wrong. Never says a secret. */
  readonly problems: readonly string[];
}

/** `isSecret`: whether a text is a secret of Standard Webhooks. */
export function readKeys(
  sources: readonly KeySource[],
  env: (name: string) => string | undefined,
  isSecret: (text: string) => boolean,
): ReadKeys {
  const secrets: string[] = [];
  const problems: string[] = [];
  for (const { file, env: name } of sources) {
    const where = file === undefined ? `environment variable ${name}` : file;
    const read = file === undefined ? fromEnvironment(env(name!)) : readTrusted(file, 4096, true);
    if (!read.ok) problems.push(`${where} ${read.says}`);
    else if (isSecret(read.text.trim())) secrets.push(read.text.trim());
    else problems.push(`${where} holds no whsec_ and 16 to 64 bytes in base64: echo whsec_$(openssl rand -base64 32)`);
  }
  return { secrets, problems };
}

function fromEnvironment(text: string | undefined) {
  return text === undefined ? { ok: false as const, says: "is not set" } : { ok: true as const, text };
}
