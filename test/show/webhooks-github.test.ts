// GitHub's webhooks, over HTTP: pushes, deployments, releases and packages become changes, each once.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openHooks, shaA, shaB, shaC } from "./webhook-kit.ts";

const at = (text: string): number => Date.parse(text);
const repository = { full_name: "org/chat", html_url: "https://git.example/org/chat", default_branch: "main" };
const githubDeployment = {
  id: 77,
  sha: shaB,
  ref: "v2.1",
  environment: "production",
  created_at: "2026-03-01T11:50:00Z",
  creator: { login: "octo" },
};

describe("GitHub's webhooks", () => {
  let hooks: Awaited<ReturnType<typeof openHooks>>;
  beforeAll(async () => {
    hooks = await openHooks();
  });
  afterAll(() => hooks[Symbol.asyncDispose]());

  test("GitHub: a deployment and its status are one deploy, told by when it began", async () => {
    const first = await hooks.send(
      "github",
      { action: "created", deployment: githubDeployment, repository },
      { "x-github-event": "deployment" },
    );
    expect(first).toMatchObject({ status: 202, body: { outcome: "taken", detail: "deployment:chat" } });
    const id = first.body.ids[0];
    expect(hooks.stored(id)).toMatchObject({
      kind: "deploy",
      target: "deployment:chat",
      at: at("2026-03-01T11:50:00Z"),
      after: { commit: shaB, version: "v2.1", environment: "production" },
      by: "github:digest-of-4",
      source: "github",
      summary: "deployment of org/chat v2.1 to production",
    });
    const status = (state: string, created: string) => ({
      action: "created",
      deployment: githubDeployment,
      deployment_status: { state, created_at: created, log_url: "https://git.example/run/1" },
      repository,
    });
    const event = { "x-github-event": "deployment_status" };
    expect((await hooks.send("github", status("queued", "2026-03-01T11:51:00Z"), event)).body.outcome).toBe("ignored");
    const running = await hooks.send("github", status("in_progress", "2026-03-01T11:55:00Z"), event);
    expect(running).toMatchObject({ status: 202, body: { ids: [id] } });
    const done = await hooks.send("github", status("success", "2026-03-01T11:59:00Z"), event);
    expect(done).toMatchObject({ status: 200, body: { outcome: "known", ids: [id] } });
    expect(hooks.kept.changes?.filter(({ source }) => source === "github")).toHaveLength(1);
    expect(hooks.stored(id)).toMatchObject({ at: at("2026-03-01T11:55:00Z"), url: "https://git.example/run/1" });
  });

  test("the version before is what the same sender said last of the same course", async () => {
    const next = { ...githubDeployment, id: 78, sha: shaC, ref: "v2.2", created_at: "2026-03-01T11:58:00Z" };
    const { body } = await hooks.send(
      "github",
      { action: "created", deployment: next, repository },
      { "x-github-event": "deployment" },
    );
    expect(hooks.stored(body.ids[0])).toMatchObject({
      before: { commit: shaB, version: "v2.1" },
      after: { commit: shaC, version: "v2.2" },
    });
  });

  test("GitHub: a push counts on the branch that the mapping names, and of repositories without mapping on the default branch", async () => {
    const push = (ref: string, name = "org/chat", more: object = {}) => ({
      ref,
      before: shaA,
      after: shaB,
      compare: "https://git.example/org/chat/compare/a...b",
      commits: [{}, {}],
      head_commit: { message: "Admit more requests\n\nbody", timestamp: "2026-03-01T10:00:00Z" },
      repository: { ...repository, full_name: name, pushed_at: at("2026-03-01T11:40:00Z") / 1000 },
      sender: { login: "octo" },
      ...more,
    });
    const event = { "x-github-event": "push" };
    const released = await hooks.send("github", push("refs/heads/release"), event);
    expect(hooks.stored(released.body.ids[0])).toMatchObject({
      kind: "deploy",
      at: at("2026-03-01T11:40:00Z"),
      before: { commit: shaA },
      after: { commit: shaB, branch: "release", subject: "Admit more requests" },
      summary: "push of 2 commits to release of org/chat",
      url: "https://git.example/org/chat/compare/a...b",
    });
    expect((await hooks.send("github", push("refs/heads/feature"), event)).body.outcome).toBe("ignored");
    expect((await hooks.send("github", push("refs/tags/v1"), event)).body.outcome).toBe("ignored");
    expect((await hooks.send("github", push("refs/heads/main", "org/unheard-of"), event)).body).toMatchObject({
      outcome: "taken",
      detail: "deployment:unheard-of, of which there is no telemetry yet",
    });
    expect((await hooks.send("github", push("refs/heads/topic", "org/unheard-of"), event)).body.outcome).toBe(
      "ignored",
    );
    expect(
      hooks.stored((await hooks.send("github", push("refs/heads/main", "other/thing"), event)).body.ids[0])?.target,
    ).toBe("service:others");
  });

  test("GitHub: releases and packages are told; other events are acknowledged and counted", async () => {
    const release = {
      action: "published",
      release: { id: 5, tag_name: "v3", published_at: "2026-03-01T09:00:00Z" },
      repository,
    };
    const known = await hooks.send("github", release, { "x-github-event": "release" });
    expect(hooks.stored(known.body.ids[0])).toMatchObject({ kind: "other", after: { release: "v3" } });
    const staging = { deployment: { ...githubDeployment, id: 80, environment: "staging" }, repository };
    expect((await hooks.send("github", staging, { "x-github-event": "deployment" })).body).toMatchObject({
      outcome: "ignored",
      detail: "concerns nothing here: environment or branch not mapped",
    });
    const other = { ...repository, full_name: "org/manifests" };
    const { body } = await hooks.send("github", { ...release, repository: other }, { "x-github-event": "release" });
    expect(hooks.stored(body.ids[0])).toMatchObject({ kind: "config", after: { release: "v3" } });
    const registry_package = {
      name: "chat",
      package_type: "CONTAINER",
      package_version: { id: 9, version: "sha256:1", container_metadata: { tag: { name: "v3", digest: "sha256:1" } } },
    };
    const packaged = await hooks.send(
      "github",
      { action: "published", registry_package, repository: other },
      { "x-github-event": "registry_package" },
    );
    expect(hooks.stored(packaged.body.ids[0])).toMatchObject({ after: { package: "v3", digest: "sha256:1" } });
    const before = hooks.counted.length;
    expect(await hooks.send("github", { zen: "…" }, { "x-github-event": "ping" })).toMatchObject({ status: 200 });
    expect(await hooks.send("github", { action: "opened" }, { "x-github-event": "issues" })).toMatchObject({
      status: 200,
      body: { outcome: "ignored" },
    });
    expect(hooks.counted.slice(before)).toEqual(["github ignored", "github ignored"]);
  });
});
