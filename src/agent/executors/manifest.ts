// Manifests of SHA-256 sums as sha256sum writes them, with sizes in comments that it passes over: `#bytes N NAME`.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { kindOf, openFolder, openPlain, walk } from "../beneath.ts";
import { readTrusted } from "../ownership.ts";

export interface Listed {
  /** Below the folder, with / between; no part is `..`. */
  readonly name: string;
  readonly sha256: string;
  readonly bytes?: number;
}

export type ReadManifest =
  | { readonly ok: true; readonly files: readonly Listed[] }
  | { readonly ok: false; readonly says: string };

const manifestBytesMax = 16 * 1024 * 1024;
const filesMax = 100_000;

/** Refuses one that others could have written, and names that lead out of the folder. */
export function readManifest(path: string): ReadManifest {
  const no = (says: string): ReadManifest => ({ ok: false, says: `${path} ${says}` });
  const read = readTrusted(path, manifestBytesMax);
  if (!read.ok) return no(read.says);
  const sums = new Map<string, string>();
  const sizes = new Map<string, number>();
  for (const [i, line] of read.text.split(/\r?\n/).entries()) {
    const size = /^#bytes (\d{1,15}) (.+)$/.exec(line);
    if (size !== null) sizes.set(size[2]!, Number(size[1]));
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, sum, name] = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line) ?? [];
    if (sum === undefined || name === undefined) return no(`has a line ${i + 1} that is not as sha256sum writes it`);
    if (!isInside(name)) return no(`names a file in line ${i + 1} that is not below the folder`);
    if (sums.has(name)) return no(`names a file twice, the second time in line ${i + 1}`);
    sums.set(name, sum.toLowerCase());
  }
  if (sums.size === 0) return no("names no file");
  if (sums.size > filesMax) return no(`names more than ${filesMax} files`);
  const files = [...sums].map(([name, sha256]) => ({ name, sha256, ...sizeOf(sizes.get(name)) }));
  return { ok: true, files };
}

/** What a file is, against what is listed. `other`: something that is no plain file stands there, and is not touched. */
export type Found = "as-listed" | "wrong" | "missing" | "other";

/** Opens by handle all the way: a symbolic link on the way is `other`. Rejects on what the disk refuses. */
export async function findListed(root: string, { name, sha256, bytes }: Listed): Promise<Found> {
  try {
    const place = await walk(root, name);
    await using folder = place.folder;
    const kind = await kindOf(folder.at(place.name));
    if (kind === undefined) return "missing";
    if (kind !== "file") return "other";
    await using file = await openPlain(folder.at(place.name));
    if (bytes !== undefined && (await file.stat()).size !== bytes) return "wrong";
    return (await sumOf(file)) === sha256 ? "as-listed" : "wrong";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return "missing";
    if (code === "ELOOP" || code === "ENOTDIR" || code === "EISDIR") return "other";
    throw error;
  }
}

/** SHA-256 of the whole file in hex. */
export async function sumOf(file: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(1024 * 1024);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) return hash.digest("hex");
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** A manifest of everything below a folder, in the order of names; symbolic links are left out and told. */
export async function writeManifest(
  root: string,
): Promise<{ readonly text: string; readonly left: readonly string[] }> {
  const lines: string[] = [];
  const left: string[] = [];
  async function list(relative: string): Promise<void> {
    await using folder = await openFolder(relative === "" ? root : `${root}/${relative}`);
    for (const name of (await folder.names()).sort((a, b) => (a < b ? -1 : 1))) {
      const path = relative === "" ? name : `${relative}/${name}`;
      const kind = await kindOf(folder.at(name));
      if (kind === "folder") await list(path);
      else if (kind !== "file" || !isInside(path)) left.push(path);
      else {
        await using file = await openPlain(folder.at(name));
        lines.push(`#bytes ${(await file.stat()).size} ${path}`, `${await sumOf(file)}  ${path}`);
      }
    }
  }
  await list("");
  return { text: lines.map((line) => `${line}\n`).join(""), left };
}

function isInside(name: string): boolean {
  const parts = name.split("/");
  return !/[\p{Cc}\\]/u.test(name) && parts.every((part) => part !== "" && part !== "." && part !== "..");
}

function sizeOf(bytes: number | undefined): { readonly bytes?: number } {
  return bytes === undefined ? {} : { bytes };
}
