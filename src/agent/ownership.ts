// Whether a file is safe to believe: nobody but its owner and root can write it, or replace it from a folder above it.
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { wordOf } from "./executor.ts";

export type Read = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly says: string };

/**
 * Text of a file that only root or this user can write. What is judged is what is read: one handle for both. `secret`: nobody
 * else may read it either.
 */
export function readTrusted(file: string, bytesMax: number, secret = false): Read {
  const no = (says: string): Read => ({ ok: false, says });
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return no(`cannot be read (${wordOf(error)}); check the path`);
  }
  try {
    const found = fstatSync(handle);
    if (!found.isFile()) return no("is no plain file");
    if (found.size > bytesMax) return no(`is larger than ${bytesMax} bytes`);
    const why = whyUnsafe(found) ?? whyOpen(found, secret) ?? whyFoldersUnsafe(file);
    return why === undefined ? { ok: true, text: readFileSync(handle, "utf8") } : no(why);
  } catch (error) {
    return no(`cannot be read (${wordOf(error)})`);
  } finally {
    closeSync(handle);
  }
}

/** Why a file or folder that others could change must not be used; undefined if only root and this user can. */
export function whyNotTrusted(path: string): string | undefined {
  try {
    return whyUnsafe(statSync(path)) ?? whyFoldersUnsafe(path);
  } catch (error) {
    return `is not there or cannot be looked at (${wordOf(error)})`;
  }
}

function whyUnsafe({ uid, mode }: Stats): string | undefined {
  const me = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== me) return `belongs to user ${uid}, who could change it; give it to root or to user ${me}`;
  return (mode & 0o022) === 0 ? undefined : "can be written by others; take that away: chmod go-w";
}

function whyOpen({ mode }: Stats, secret: boolean): string | undefined {
  return secret && (mode & 0o044) !== 0 ? "can be read by others; take that away: chmod go-r" : undefined;
}

/** Who can write a folder can put another file in place of one in it, unless the folder is sticky, as /tmp is. */
function whyFoldersUnsafe(path: string): string | undefined {
  for (const start of new Set([resolve(path), realpathSync(path)])) {
    for (let folder = dirname(start); ; folder = dirname(folder)) {
      const found = statSync(folder);
      const why = (found.mode & 0o1000) === 0 ? whyUnsafe(found) : undefined;
      if (why !== undefined) return `is in ${folder}, which ${why}`;
      if (folder === dirname(folder)) break;
    }
  }
  return undefined;
}
