// Going back to the release before: a symbolic link is replaced by one to another folder, in one step.
import { randomBytes } from "node:crypto";
import { lstatSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { readlink, rename, symlink, unlink } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { type Folder, kindOf, openFolder } from "../beneath.ts";
import { type Executor, failed, refused, type StepResult, type UndoToken, wordOf } from "../executor.ts";
import { whyNotTrusted } from "../ownership.ts";
import type { StepOf } from "../step-schema.ts";

type Step = StepOf<"symlink">;
/** Numbers in names count as numbers: release-9 is before release-10. */
const byName = new Intl.Collator("en", { numeric: true });

export function symlinkRelease(step: Step): Executor {
  const name = basename(step.link);

  /** Name of the release the link points at; undefined if that is none of the folder. */
  async function current(folder: Folder): Promise<string | undefined> {
    return (await kindOf(folder.at(name))) === "link" ? releaseOf(step, await readlink(folder.at(name))) : undefined;
  }

  async function pointAt(release: string, from: string, verb: string): Promise<StepResult> {
    await using folder = await openFolder(dirname(step.link));
    await using releases = await openFolder(step.releases);
    if ((await kindOf(releases.at(release))) !== "folder") return refused(`release ${release} is no folder any more`);
    const temporary = `.${name}.${randomBytes(6).toString("hex")}`;
    const old = await readlink(folder.at(name));
    const target = isAbsolute(old)
      ? join(step.releases, release)
      : relative(realpathSync(dirname(step.link)), join(realpathSync(step.releases), release));
    await symlink(target, folder.at(temporary));
    try {
      if ((await current(folder)) !== from) throw new Error("somebody else changed the link just now");
      await rename(folder.at(temporary), folder.at(name));
    } catch (error) {
      await unlink(folder.at(temporary)).catch(() => {});
      throw error;
    }
    await folder.sync();
    return {
      outcome: "succeeded",
      says: `${step.link} ${verb} from ${from} to ${release}`,
      undo: { before: from, after: release },
    };
  }

  async function guarded(work: () => Promise<StepResult>): Promise<StepResult> {
    try {
      return await work();
    } catch (error) {
      return failed(`${step.link} was not switched (${wordOf(error)})`);
    }
  }

  return {
    may: `point ${step.link} at the release before, among the folders of ${step.releases}`,
    problems: () => problemsOf(step),
    run: () =>
      guarded(async () => {
        const [why] = problemsOf(step);
        if (why !== undefined) return refused(why);
        await using folder = await openFolder(dirname(step.link));
        const from = await current(folder);
        if (from === undefined) return refused(`${step.link} is no link to a folder of ${step.releases}`);
        const before = await releaseBefore(step, from);
        if (before === undefined) return refused(`there is no release before ${from} in ${step.releases}`);
        return pointAt(before, from, "was switched back");
      }),
    undo: ({ before, after }: UndoToken) =>
      guarded(async () => {
        await using folder = await openFolder(dirname(step.link));
        const now = await current(folder);
        if (now !== after)
          return refused(`${step.link} is at ${now ?? "something else"} by now, not at ${after}: left alone`);
        return pointAt(before, after, "was switched");
      }),
    restarts: false,
  };
}

async function releaseBefore(step: Step, current: string): Promise<string | undefined> {
  await using releases = await openFolder(step.releases);
  const found: { name: string; time: number }[] = [];
  for (const name of await releases.names()) {
    if (name.startsWith(".") || (await kindOf(releases.at(name))) !== "folder") continue;
    found.push({ name, time: lstatSync(releases.at(name)).mtimeMs });
  }
  const order = (a: { name: string; time: number }, b: { name: string; time: number }): number =>
    (step.order === "time" ? a.time - b.time : 0) || byName.compare(a.name, b.name);
  const sorted = found.sort(order);
  const at = sorted.findIndex(({ name }) => name === current);
  return at > 0 ? sorted[at - 1]!.name : undefined;
}

/** The plain name of a release behind the text of a link. */
function releaseOf(step: Step, text: string): string | undefined {
  const target = isAbsolute(text) ? text : join(realpathSync(dirname(step.link)), text);
  const release = basename(target);
  const place = dirname(target);
  const isIts = place === step.releases || place === realpathSync(step.releases);
  return isIts && release !== ".." && release !== "." ? release : undefined;
}

function problemsOf(step: Step): readonly string[] {
  const problems: string[] = [];
  for (const folder of new Set([dirname(step.link), step.releases])) {
    const why = whyNotTrusted(folder);
    if (why !== undefined) problems.push(`${folder} ${why}`);
  }
  if (problems.length > 0) return problems;
  try {
    readdirSync(step.releases);
    if (releaseOf(step, readlinkSync(step.link)) === undefined)
      problems.push(`${step.link} points at no folder of ${step.releases}`);
  } catch (error) {
    problems.push(`${step.link} is no symbolic link that can be read (${wordOf(error)})`);
  }
  return problems;
}
