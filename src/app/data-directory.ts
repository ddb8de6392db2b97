// The folder Homeostat keeps its data in.
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { userError } from "./command.ts";

/** Throws a user's error where it cannot be made. */
export function makeDirectory(directory: string): void {
  try {
    makeFolders(directory);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw userError(
      `cannot make the data directory ${directory} (${why}); set dataDirectory to a place that can be written`,
    );
  }
}

/** As `mkdir -p`; Node's own recursive form never returns where the file system says "no such entry" for ever, as /proc does. */
function makeFolders(directory: string): void {
  if (existsSync(directory)) return;
  makeFolders(dirname(directory));
  mkdirSync(directory);
}
