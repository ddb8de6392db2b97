// Emptying a cache: what is in the folder goes, the folder stays.
import { randomBytes } from "node:crypto";
import { mkdir, rename, rm } from "node:fs/promises";
import { openFolder } from "../beneath.ts";
import { type Executor, failed, wordOf } from "../executor.ts";
import { whyNotTrusted } from "../ownership.ts";
import type { StepOf } from "../step-schema.ts";

export function cacheFolder(step: StepOf<"cache">): Executor {
  return {
    may: `empty the cache ${step.folder}`,
    problems() {
      const why = whyNotTrusted(step.folder);
      return why === undefined ? [] : [`${step.folder} ${why}`];
    },
    async run() {
      try {
        await using folder = await openFolder(step.folder);
        // At once out of the way of whoever uses the cache, and only then removed. Links are removed, not followed.
        const gone = folder.at(`.emptied-${randomBytes(6).toString("hex")}`);
        await mkdir(gone, { mode: 0o700 });
        const names = (await folder.names()).filter((name) => !step.keep.includes(name) && !gone.endsWith(`/${name}`));
        for (const name of names) await rename(folder.at(name), `${gone}/${name}`);
        await rm(gone, { recursive: true });
        return { outcome: "succeeded", says: `${step.folder} was emptied of ${names.length} entries` };
      } catch (error) {
        return failed(`${step.folder} was not emptied (${wordOf(error)})`);
      }
    },
    restarts: false,
  };
}
