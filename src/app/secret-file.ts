// Secrets that stand in a file, so that they are in no list of processes.
import { readFileSync } from "node:fs";
import { userError } from "./command.ts";

/** The line break that editors leave at the end is no part of it, and all else is. `-` is standard input. Throws a user's error. */
export function secretIn(option: string, file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw userError(`${option}: ${file} cannot be read (${why}); name a file that holds the secret`);
  }
}
