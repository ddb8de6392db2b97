// Going back in a git checkout: to a declared ref or the commit before; a tree with changes is left alone.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Executor, failed, refused, type StepResult, type UndoToken } from "../executor.ts";
import { whyNotTrusted } from "../ownership.ts";
import type { StepOf } from "../step-schema.ts";
import { runProgram } from "./program.ts";

type Step = StepOf<"git">;

/** Nothing of a user's or the system's configuration, no hooks, no questions. The checkout's own configuration is believed. */
const environment = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_OPTIONAL_LOCKS: "0",
  LC_ALL: "C",
  PATH: "/usr/bin:/bin",
};
const underWay = ["MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge", "rebase-apply"];

/** HEAD is left detached, so that no branch moves. Blind to submodules. */
export function gitCheckout(step: Step): Executor {
  const options = [
    "-c",
    `safe.directory=${step.checkout}`,
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
  ];

  async function git(
    ...args: string[]
  ): Promise<{ readonly ok: boolean; readonly text: string; readonly why: string }> {
    const ran = await runProgram({
      argv: [step.program, ...options, "-C", step.checkout, ...args],
      env: environment,
      folder: "/",
      timeoutMs: step.timeout,
    });
    const why = ran.error ?? (ran.timedOut ? "took too long" : (ran.output.at(-1) ?? "said nothing"));
    return { ok: ran.exitCode === 0 && !ran.timedOut, text: ran.stdout.trim(), why };
  }

  const commitOf = async (what: string): Promise<string | undefined> => {
    const { ok, text } = await git("rev-parse", "--verify", "--quiet", "--end-of-options", `${what}^{commit}`);
    return ok && /^[0-9a-f]{40,64}$/.test(text) ? text : undefined;
  };

  /** A branch by name, else the commit. */
  async function head(): Promise<string | undefined> {
    const branch = await git("symbolic-ref", "--quiet", "HEAD");
    return branch.ok && branch.text.startsWith("refs/heads/") ? branch.text : commitOf("HEAD");
  }

  async function whyNot(): Promise<string | undefined> {
    const folder = await git("rev-parse", "--absolute-git-dir");
    if (!folder.ok) return `${step.checkout} is no checkout (${folder.why})`;
    const busy = underWay.find((name) => existsSync(join(folder.text, name)));
    if (busy !== undefined) return `${step.checkout} is in the middle of something (${busy}); finish it`;
    const status = await git("status", "--porcelain", "--untracked-files=no");
    if (!status.ok) return `the state of ${step.checkout} cannot be told (${status.why})`;
    return status.text === ""
      ? undefined
      : `${step.checkout} has changes that are not committed; commit or remove them`;
  }

  /** `to` is a commit or a branch; no text of a request comes here. */
  async function moveTo(to: string, from: string): Promise<StepResult> {
    if (!/^([0-9a-f]{40,64}|refs\/heads\/[^-].*)$/.test(to)) return refused(`${to} is no branch or commit`);
    const branch = to.startsWith("refs/heads/") ? to.slice("refs/heads/".length) : undefined;
    const moved = await git(
      "checkout",
      "--quiet",
      "--no-recurse-submodules",
      ...(branch === undefined ? ["--detach", to] : [branch]),
      "--",
    );
    if (!moved.ok) return failed(`git did not check out ${short(to)} (${moved.why})`);
    const now = await commitOf("HEAD");
    if (now === undefined || now !== (await commitOf(to)))
      return failed(`${step.checkout} is not at ${short(to)} after all`);
    return {
      outcome: "succeeded",
      says: `${step.checkout} went from ${short(from)} to ${short(to)}`,
      undo: { before: from, after: to },
    };
  }

  return {
    may: `check out ${step.to} in ${step.checkout}`,
    problems: () => {
      const paths = [step.checkout, step.program].map((path) => [path, whyNotTrusted(path)] as const);
      return paths.flatMap(([path, why]) => (why === undefined ? [] : [`${path} ${why}`]));
    },
    async run() {
      const [why] = this.problems();
      const not = why ?? (await whyNot());
      if (not !== undefined) return refused(not);
      const from = await head();
      const at = await commitOf("HEAD");
      const to = await commitOf(wanted(step));
      if (from === undefined || at === undefined) return refused(`${step.checkout} has no commit yet`);
      if (to === undefined) return refused(`${step.to} is no commit of ${step.checkout}`);
      return to === at ? refused(`${step.checkout} is at ${step.to} already`) : moveTo(to, from);
    },
    async undo({ before, after }: UndoToken) {
      const not = await whyNot();
      if (not !== undefined) return refused(not);
      const at = await commitOf("HEAD");
      if (at !== after)
        return refused(`${step.checkout} is at ${short(at ?? "nothing")} by now, not at ${short(after)}: left alone`);
      return moveTo(before, after);
    },
    restarts: false,
  };
}

function wanted(step: Step): string {
  if (step.to === "previous-commit") return "HEAD~1";
  return step.to === "previous-checkout" ? "HEAD@{1}" : step.to;
}

function short(name: string): string {
  return /^[0-9a-f]{40,}$/.test(name) ? name.slice(0, 12) : name;
}
