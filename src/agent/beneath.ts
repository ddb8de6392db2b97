// Folders held by handle: what is done in one is done in it, even if somebody swaps a name on the way for a symbolic link.
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, realpath } from "node:fs/promises";
import { join } from "node:path";

export interface Folder extends AsyncDisposable {
  /**
   * A path for one plain name in this very folder. On Linux it goes through the handle (/proc/self/fd), as openat does; elsewhere
   * it is the path the folder had when it was opened, which is blind to a swap in between.
   */
  at(name: string): string;
  /** Names of what is in it. */
  names(): Promise<string[]>;
  /** Identifies the file system. */
  readonly device: number;
  /** Makes changes of names durable. */
  sync(): Promise<void>;
}

const directory = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0);
const throughHandle = process.platform === "linux";

/** Rejects with ENOENT, and with ENOTDIR or ELOOP on anything that is no folder itself. */
export async function openFolder(path: string): Promise<Folder> {
  const handle = await open(path, directory);
  try {
    const { dev } = await handle.stat();
    const shown = throughHandle ? `/proc/self/fd/${handle.fd}` : await realpath(path);
    return {
      at(name) {
        if (name === "" || name === "." || name === ".." || /[/\0]/.test(name))
          throw new Error(`${name} is no plain name`);
        return join(shown, name);
      },
      names: () => readdir(join(shown, ".")),
      device: dev,
      sync: () => handle.sync(),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * The folder that holds the last part of `relative` (plain names with / between), and that part. No part of the way may be a
 * symbolic link: rejects with ENOTDIR or ELOOP. `make`: missing folders on the way are made.
 */
export async function walk(
  root: string,
  relative: string,
  make = false,
): Promise<{ readonly folder: Folder; readonly name: string }> {
  const parts = relative.split("/");
  const name = parts.pop()!;
  let folder = await openFolder(root);
  try {
    for (const part of parts) {
      const path = folder.at(part);
      if (make) await mkdir(path, { mode: 0o755 }).catch(ignoreExisting);
      const next = await openFolder(path);
      await folder[Symbol.asyncDispose]();
      folder = next;
    }
    folder.at(name);
    return { folder, name };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}

/** A plain file for reading; rejects with ELOOP on a symbolic link and with EISDIR on anything else that is no file. */
export async function openPlain(path: string): Promise<FileHandle> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | (constants.O_NOFOLLOW ?? 0));
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw Object.assign(new Error("is no plain file"), { code: "EISDIR" });
}

/** A new file for writing, under a name nobody has. */
export function makePlain(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0), 0o600);
}

/** What a name is, without following it; undefined: nothing. */
export async function kindOf(path: string): Promise<"file" | "folder" | "link" | "other" | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return "link";
    if (found.isDirectory()) return "folder";
    return found.isFile() ? "file" : "other";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
