// What rooms remember over a restart: learned baselines, alert states, open incidents. One file each, replaced as a whole.
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Telemetry } from "../model/ports/telemetry.ts";

export interface State {
  /** What was saved under the name; undefined if nothing was, or it cannot be read (counted; the room starts anew). */
  load(name: string): Promise<Uint8Array | undefined>;
  save(name: string, bytes: Uint8Array): Promise<void>;
}

export async function openState(directory: string, telemetry: Telemetry): Promise<State> {
  await mkdir(directory, { recursive: true });
  return {
    async load(name) {
      try {
        return new Uint8Array(await readFile(join(directory, name)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        telemetry.count("homeostat.app.state_failed", 1, { name });
        telemetry.log.warn(`state ${name} cannot be read, so it starts anew`, { error: String(error) });
        return undefined;
      }
    },
    async save(name, bytes) {
      const path = join(directory, name);
      const file = await open(`${path}.new`, "w");
      try {
        await file.writeFile(bytes);
        // Written before it is named: a crash leaves the old state, never half of the new.
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
    },
  };
}
