// What forges tell alike: pushes to a repository's branches, and the names a repository goes by.
import type { Instant } from "../../model/time.ts";
import { ignored, type Reading } from "./sender.ts";

/** A push as both forges tell it. */
export interface ToldPush {
  /** The repository's full name: `org/chat`. */
  readonly name: string;
  readonly defaultBranch: string | null | undefined;
  readonly ref: string;
  /** Commits; only zeros where there is none. */
  readonly before: string;
  readonly after: string;
  /** How many commits it brought. */
  readonly count: number;
  /** The first line of what the newest commit says. */
  readonly subject: string;
  /** Tells the pushes apart of a branch that is moved to and fro. */
  readonly keyEnd: string | number;
  readonly at: Instant | undefined;
  readonly actor: string | undefined;
  readonly url: string | undefined;
}

/** `org/chat` -> `org/chat`, `chat`. */
export const namesOf = (full: string): readonly string[] => [full, full.slice(full.lastIndexOf("/") + 1)];

/** A push to a branch that is still there after it; tags and deleted branches change nothing. */
export function pushed(push: ToldPush): Reading {
  const { name, ref, before, after, count, subject, at, actor, url } = push;
  const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
  if (branch === undefined || isZero(after)) return ignored("no push to a branch");
  return {
    kind: "change",
    change: {
      key: ["push", name, ref, before, after, push.keyEnd].join(" "),
      at,
      kind: "other",
      names: namesOf(name),
      branch,
      ...(branch === push.defaultBranch ? {} : { sideBranch: true }),
      summary: `push of ${count} commit${count === 1 ? "" : "s"} to ${branch} of ${name}`,
      before: { commit: isZero(before) ? undefined : before, branch },
      // Not in the summary, by whose words failure modes know a change: what is pushed does not run yet.
      after: { commit: after, branch, subject },
      course: ["branch"],
      actor,
      url,
    },
  };
}

const isZero = (commit: string): boolean => /^0+$/.test(commit);
