// A file of JSON lines that only grows: a line is on the disk before anything happens because of it.
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

export interface Lines {
  /** What the file held when it was opened, oldest first. */
  readonly found: readonly unknown[];
  /** Durable when it returns. Throws what the file system says; the file then ends with the line before. */
  append(value: unknown): void;
  /** Replaces all by these, atomically. */
  rewrite(values: Iterable<unknown>): void;
  /** Bytes now. */
  readonly size: () => number;
  close(): void;
}

const mode = 0o600;
const append = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/**
 * Opens or makes the file. A last line that is not whole was never acknowledged and is cut off; any other that is no JSON means
 * the file was changed: throws, with its number. Throws as well on a file larger than `bytesMax`.
 */
export function openLines(file: string, bytesMax: number): Lines {
  let handle = openSync(file, append, mode);
  const before = fstatSync(handle).size;
  if (before > bytesMax) throw damaged(file, `is larger than ${bytesMax} bytes`);
  const text = readFileSync(handle, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  let size = Buffer.byteLength(whole);
  if (whole.length !== text.length) ftruncateSync(handle, size);
  const found = whole
    .split("\n")
    .slice(0, -1)
    .map((line, i) => {
      try {
        return JSON.parse(line) as unknown;
      } catch {
        throw damaged(file, `has a line ${i + 1} that was not written by the agent`);
      }
    });
  syncFolder(file);
  return {
    found,
    append(value) {
      const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
        fsyncSync(handle);
      } catch (error) {
        // Half a line, or one whose durability is not known, must not become whole by the next.
        ftruncateSync(handle, size);
        throw error;
      }
      size += bytes.length;
    },
    rewrite(values) {
      const next = openSync(`${file}.next`, append | constants.O_TRUNC, mode);
      const bytes = Buffer.from([...values].map((value) => `${JSON.stringify(value)}\n`).join(""));
      for (let done = 0; done < bytes.length; ) done += writeSync(next, bytes, done);
      fsyncSync(next);
      renameSync(`${file}.next`, file);
      syncFolder(file);
      closeSync(handle);
      handle = next;
      size = bytes.length;
    },
    size: () => size,
    close: () => closeSync(handle),
  };
}

/** Makes names in the file's folder durable. */
export function syncFolder(file: string): void {
  const folder = openSync(dirname(file), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function damaged(file: string, says: string): Error {
  const what = `${file} ${says}. What ran before is not known, so nothing is run: look at it, and move it away to begin anew`;
  return Object.assign(new Error(what), { name: "AgentError" });
}
