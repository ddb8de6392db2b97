// Weights and files against a manifest of their SHA-256 sums, as sha256sum writes it.
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, normalize, sep } from "node:path";
import type { DurationMs, Instant } from "../model/time.ts";
import type { Mistake } from "../model/yaml.ts";
import type { ProbeResult } from "./result.ts";
import { type ProbeTarget, targetEntity } from "./target.ts";

export interface Manifest {
  readonly path: string;
  /** Where its names begin. */
  readonly root: string;
  /** Whose files they are; `url` is only its name. */
  readonly owner: ProbeTarget;
  readonly everyMs: DurationMs;
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

/** Every mistake in the manifest, or the manifest. Names that lead out of `root` are refused. */
export function readManifest(
  path: string,
  about: Pick<Manifest, "everyMs"> & {
    readonly root?: string | undefined;
    readonly owner: Omit<ProbeTarget, "url"> & { readonly instance: string };
  },
): { readonly manifest?: Manifest; readonly mistakes: readonly Mistake[] } {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return {
      mistakes: [{ file: path, line: 0, column: 0, says: `cannot be read (${wordOf(error)}); check the path` }],
    };
  }
  const files: { name: string; sha256: string }[] = [];
  const mistakes: Mistake[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const parts = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line);
    const says =
      parts === null
        ? "is no line of a manifest; write it as sha256sum does: 64 hexadecimal digits, two spaces, a name"
        : whyRefused(parts[2] ?? "");
    if (says !== undefined) mistakes.push({ file: path, line: i + 1, column: parts === null ? 1 : 67, says });
    else if (parts !== null) files.push({ name: parts[2]!, sha256: parts[1]!.toLowerCase() });
  }
  if (files.length === 0 && mistakes.length === 0)
    mistakes.push({ file: path, line: 0, column: 0, says: "names no file; write it with sha256sum FILES" });
  if (mistakes.length > 0) return { mistakes };
  const { root = dirname(path), owner, everyMs } = about;
  return { manifest: { path, root, owner: { ...owner, url: path }, everyMs, files }, mistakes };
}

/** Reads every file once, one after the other, in a stream. One result a file; ends early when stopped. */
export async function runManifest(
  manifest: Manifest,
  at: Instant,
  signal: AbortSignal,
): Promise<readonly ProbeResult[]> {
  const results: ProbeResult[] = [];
  const entity = targetEntity(manifest.owner);
  for (const { name, sha256 } of manifest.files) {
    if (signal.aborted) break;
    const about = { probe: "checksum", case: name, target: manifest.path, entity, model: "", at, tokens: 0 };
    const begun = performance.now();
    let found: string | undefined;
    let why = "";
    try {
      found = await sumOf(join(manifest.root, name), signal);
    } catch (error) {
      why = wordOf(error);
    }
    if (signal.aborted) break;
    const seconds = (performance.now() - begun) / 1000;
    if (found === sha256)
      results.push({ ...about, outcome: "passed", reason: "", says: "as in the manifest", seconds, score: 1 });
    else if (found !== undefined)
      results.push({
        ...about,
        outcome: "failed",
        reason: "differs",
        says: `${name} is not what the manifest says`,
        seconds,
        score: 0,
      });
    else if (why === "ENOENT")
      results.push({ ...about, outcome: "failed", reason: "missing", says: `${name} is not there`, seconds, score: 0 });
    else
      results.push({
        ...about,
        outcome: "unanswered",
        reason: "unreadable",
        says: `${name} cannot be read (${why})`,
        seconds,
        score: Number.NaN,
      });
  }
  return results;
}

async function sumOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024, signal }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function whyRefused(name: string): string | undefined {
  const isOutside = isAbsolute(name) || normalize(name).split(sep).includes("..");
  return isOutside ? "leads out of the folder; name files below it" : undefined;
}

function wordOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof Error ? error.name : String(error);
}
