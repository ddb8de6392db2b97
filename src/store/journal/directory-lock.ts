// One process a spool: two would store each other's rows twice.
import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { storeError } from "../errors.ts";

/** Takes the lock or throws a StoreError `directory-in-use`. The result gives it back. A dead holder's lock is taken over. */
export function lockDirectory(directory: string): () => void {
  const file = join(directory, "lock");
  for (let tries = 0; ; tries++) {
    try {
      const handle = openSync(file, "wx", 0o600);
      writeSync(handle, `${process.pid} ${startOf(process.pid)}`);
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const [pid = "", start = ""] = readOr(file, "").split(" ");
    if (tries < 3 && !isAlive(Number(pid), start)) {
      rmSync(file, { force: true });
      continue;
    }
    throw storeError(
      "directory-in-use",
      `The directory ${directory} is in use by process ${pid}. Stop that one, or choose another directory.`,
    );
  }
}

function isAlive(pid: number, start: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  // Process ids come again, above all in containers; start times do not.
  return startOf(pid) === start;
}

/** Start time in clock ticks since boot, where the system tells (Linux); else empty. */
function startOf(pid: number): string {
  const text = readOr(`/proc/${pid}/stat`, "");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}
