// A file whose presence stops every repair: for whoever is on the machine and has no token.
import { accessSync, constants, lstatSync } from "node:fs";
import { dirname } from "node:path";

/** Why nothing may be sent; undefined where the file is certainly not there. What cannot be told counts as there. */
export function killedByFile(path: string): string | undefined {
  try {
    lstatSync(path);
    return `the kill switch is on: there is a file ${path}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && canLookInto(dirname(path))) return undefined;
    return `the kill switch is on: it cannot be told whether there is a file ${path} (${code ?? String(error)})`;
  }
}

/** A folder that is not there may be one that is not mounted. */
function canLookInto(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
