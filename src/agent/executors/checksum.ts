// Repair of data by checksum: what is not as the manifest says goes to quarantine and is fetched again from the declared source.
import { randomBytes } from "node:crypto";
import { link, mkdir, rename, statfs, unlink } from "node:fs/promises";
import { type Folder, kindOf, makePlain, openFolder, walk } from "../beneath.ts";
import { type Executor, type ExecutorDeps, failed, refused, type StepResult, wordOf } from "../executor.ts";
import { whyNotTrusted } from "../ownership.ts";
import type { StepOf } from "../step-schema.ts";
import { fetchListed, type Source } from "./fetch.ts";
import { findListed, type Listed, readManifest, sumOf } from "./manifest.ts";

type Step = StepOf<"checksum">;
const quarantinedMax = 1000;

export function checksumRepair(step: Step, { now, telemetry }: ExecutorDeps): Executor {
  /** Moves what is wrong away, gets it again and puts it in place when its sum is right. Rejects with a word why. */
  async function mend(file: Listed, source: Source, quarantine: Folder): Promise<void> {
    const place = await walk(step.folder, file.name, true);
    await using folder = place.folder;
    const path = folder.at(place.name);
    if ((await kindOf(path)) === "file") {
      const stamp = new Date(now()).toISOString().replaceAll(":", "");
      const name = `${stamp}-${randomBytes(3).toString("hex")}-${file.name.replaceAll("/", "_").slice(-150)}`;
      await rename(path, quarantine.at(name));
      await quarantine.sync();
    }
    const temporary = folder.at(`.${randomBytes(8).toString("hex")}.part`);
    try {
      await using part = await makePlain(temporary);
      await fetchListed(source, file, part, step.stall);
      await part.chmod(0o644);
      await part.sync();
      if ((await sumOf(part)) !== file.sha256)
        throw new Error("what the source sent is not as the manifest says either");
      await putInPlace(temporary, path);
      await folder.sync();
    } finally {
      await unlink(temporary).catch(() => {});
    }
    telemetry.count("homeostat.agent.files_repaired");
  }

  async function repair(): Promise<StepResult> {
    const manifest = readManifest(step.manifest);
    if (!manifest.ok) return refused(manifest.says);
    const wrong: Listed[] = [];
    for (const file of manifest.files) {
      const found = await findListed(step.folder, file);
      if (found === "other")
        return refused(
          `${file.name} is no plain file, or behind a symbolic link; name the folder that holds the files`,
        );
      if (found !== "as-listed") wrong.push(file);
    }
    const of = `${wrong.length} of ${manifest.files.length} files of ${step.folder}`;
    if (wrong.length === 0)
      return { outcome: "succeeded", says: `all ${manifest.files.length} files of ${step.folder} are as listed` };
    if (step.source === undefined) return failed(`${of} are not as listed (${namesOf(wrong)}); no source is declared`);
    const needed = wrong.reduce((sum, { bytes = 0 }) => sum + bytes, 0);
    const space = await statfs(step.folder);
    if (needed > space.bavail * space.bsize)
      return refused(`${of} are wrong, and there is no room for ${needed} bytes`);
    await mkdir(step.quarantine, { mode: 0o700 }).catch(ignoreExisting);
    await using quarantine = await openFolder(step.quarantine);
    await using folder = await openFolder(step.folder);
    if (quarantine.device !== folder.device) return refused(`${step.quarantine} is on another file system`);
    if ((await quarantine.names()).length + wrong.length > quarantinedMax)
      return refused(`${step.quarantine} is full (${quarantinedMax} files); look at them and remove them`);
    const mended: Listed[] = [];
    for (const file of wrong) {
      try {
        await mend(file, step.source, quarantine);
        mended.push(file);
      } catch (error) {
        const done = mended.length === 0 ? "" : `; mended before: ${namesOf(mended)}`;
        return failed(`${file.name} was not mended (${wordOf(error)})${done}`);
      }
    }
    return { outcome: "succeeded", says: `${of} were wrong and are mended: ${namesOf(mended)}` };
  }

  return {
    may: `check ${step.folder} against ${step.manifest}${
      step.source === undefined
        ? ""
        : ` and mend it from ${"folder" in step.source ? step.source.folder : step.source.url}`
    }`,
    problems() {
      const manifest = readManifest(step.manifest);
      const folder = whyNotTrusted(step.folder);
      return [...(manifest.ok ? [] : [manifest.says]), ...(folder === undefined ? [] : [`${step.folder} ${folder}`])];
    },
    async run() {
      try {
        return await repair();
      } catch (error) {
        return failed(`${step.folder} could not be checked (${wordOf(error)})`);
      }
    },
    restarts: false,
  };
}

/** Not by rename where it can be helped: what came to stand there meanwhile is not ours to replace. */
async function putInPlace(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(wordOf(error))) throw error;
    await rename(temporary, path);
  }
}

function namesOf(files: readonly Listed[]): string {
  const names = files.slice(0, 5).map(({ name }) => name);
  return files.length > 5 ? `${names.join(", ")} and ${files.length - 5} more` : names.join(", ");
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}
