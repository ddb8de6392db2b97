// The file that stops the agent.
import { lstatSync } from "node:fs";
import { wordOf } from "./executor.ts";

/** Why nothing may run: the file is there, or it cannot be told whether it is. Undefined: it may. */
export function whyStopped(file: string): string | undefined {
  try {
    lstatSync(file);
    return `the kill switch ${file} is on; remove the file to let actions run`;
  } catch (error) {
    const why = wordOf(error);
    return why === "ENOENT" ? undefined : `whether the kill switch ${file} is on cannot be told (${why})`;
  }
}
