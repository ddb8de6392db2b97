// Pushes, read from what the forges document: the same change from both, and keys that stay as they are stored.
import { describe, expect, test } from "vitest";
import { github } from "../../src/show/webhooks/github.ts";
import { gitlab } from "../../src/show/webhooks/gitlab.ts";
import type { ToldChange } from "../../src/show/webhooks/sender.ts";
import { shaA, shaB } from "./webhook-kit.ts";

const zeros = "0".repeat(40);
const commits = { ref: "refs/heads/main", before: shaA, after: shaB };
const repository = { full_name: "org/chat", default_branch: "main", pushed_at: 1_772_365_200 };
const project = { path_with_namespace: "org/chat", web_url: "https://lab.example/org/chat", default_branch: "main" };

const fromGithub = (more: object = {}) =>
  github.read(
    {
      ...commits,
      compare: "https://git.example/compare",
      commits: [{}],
      head_commit: { message: "Fix it\n\nbody" },
      repository,
      sender: { login: "ada" },
      ...more,
    },
    { "x-github-event": "push" },
  );
const fromGitlab = (more: object = {}) =>
  gitlab.read(
    {
      object_kind: "push",
      ...commits,
      user_username: "ada",
      project,
      commits: [{ id: shaB, message: "Fix it\n\nbody" }],
      ...more,
    },
    { "idempotency-key": "k1" },
  );
const changeOf = (reading: ReturnType<typeof fromGithub>): ToldChange => {
  if (reading.kind !== "change") throw new Error(`no change: ${JSON.stringify(reading)}`);
  return reading.change;
};

describe("pushes", () => {
  const alike = {
    kind: "other",
    names: ["org/chat", "chat"],
    branch: "main",
    summary: "push of 1 commit to main of org/chat",
    before: { commit: shaA, branch: "main" },
    after: { commit: shaB, branch: "main", subject: "Fix it" },
    course: ["branch"],
    actor: "ada",
  };

  test("of GitHub are known by when they were pushed, of GitLab by the delivery; all else is alike", () => {
    expect(changeOf(fromGithub())).toEqual({
      ...alike,
      key: `push org/chat refs/heads/main ${shaA} ${shaB} 1772365200`,
      at: 1_772_365_200_000,
      url: "https://git.example/compare",
    });
    expect(changeOf(fromGitlab())).toEqual({
      ...alike,
      key: `push org/chat refs/heads/main ${shaA} ${shaB} k1`,
      at: undefined,
      url: `https://lab.example/org/chat/-/commit/${shaB}`,
    });
    const unknown = fromGithub({ repository: { full_name: "org/chat", default_branch: "main" } });
    expect(changeOf(unknown).key).toBe(`push org/chat refs/heads/main ${shaA} ${shaB} `);
  });

  test.each([
    ["GitHub", fromGithub],
    ["GitLab", fromGitlab],
  ] as const)("%s: a new branch has no commit before; another than the default one is a side branch", (_, from) => {
    const change = changeOf(from({ ref: "refs/heads/a/topic", before: zeros }));
    expect(change).toMatchObject({ branch: "a/topic", sideBranch: true, before: { commit: undefined } });
    expect(changeOf(from())).not.toHaveProperty("sideBranch");
  });

  test.each([
    ["GitHub, a tag", () => fromGithub({ ref: "refs/tags/v1" })],
    ["GitLab, a tag", () => fromGitlab({ ref: "refs/tags/v1" })],
    ["GitHub, a branch deleted", () => fromGithub({ deleted: true, after: zeros })],
    ["GitHub, only said to be deleted", () => fromGithub({ deleted: true })],
    ["GitLab, a branch deleted", () => fromGitlab({ after: zeros })],
  ])("%s: no push to a branch", (_, read) => {
    expect(read()).toEqual({ kind: "ignored", why: "no push to a branch" });
  });
});
