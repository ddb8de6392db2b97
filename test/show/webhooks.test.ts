// Other systems' webhooks of changes, over HTTP: what each documents becomes one change, of the right thing, told once.
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { now } from "./kit.ts";
import { openHooks, seconds, secret, shaA, shaB, shaC, signingToken, timed } from "./webhook-kit.ts";

const at = (text: string): number => Date.parse(text);
describe("webhooks of changes", () => {
  let hooks: Awaited<ReturnType<typeof openHooks>>;
  beforeAll(async () => {
    hooks = await openHooks();
  });
  afterAll(() => hooks[Symbol.asyncDispose]());

  test("GitLab: push, deployment and release; token or signature", async () => {
    const project = {
      path_with_namespace: "team/chat",
      web_url: "https://lab.example/team/chat",
      default_branch: "main",
    };
    const push = {
      object_kind: "push",
      ref: "refs/heads/main",
      before: shaA,
      after: shaB,
      user_username: "ada",
      project,
      commits: [{ id: shaB, message: "Fix the batcher\n" }],
      total_commits_count: 1,
    };
    const pushed = await hooks.send("gitlab", push, { "idempotency-key": "k1" });
    expect(hooks.stored(pushed.body.ids[0])).toMatchObject({
      target: "deployment:chat",
      at: now,
      before: { commit: shaA },
      after: { commit: shaB },
      summary: "push of 1 commit to main of team/chat",
      by: "gitlab:digest-of-3",
    });
    expect((await hooks.send("gitlab", push, { "idempotency-key": "k1" })).body).toMatchObject({
      outcome: "known",
      ids: pushed.body.ids,
    });
    // The branch went back and forth: the same commits, another delivery.
    expect((await hooks.send("gitlab", push, { "idempotency-key": "k2" })).body.ids).not.toEqual(pushed.body.ids);

    const deployed = {
      object_kind: "deployment",
      status: "success",
      status_changed_at: "2026-03-01 13:30:00 +0200",
      deployment_id: 15,
      environment: "production",
      project,
      short_sha: shaB.slice(0, 8),
      user: { username: "ada" },
      commit_url: `https://lab.example/team/chat/-/commit/${shaB}`,
      ref: "main",
    };
    const body = JSON.stringify(deployed);
    const key = Buffer.from(signingToken.slice("whsec_".length), "base64");
    const signed = {
      "x-gitlab-token": "",
      "webhook-id": "w1",
      "webhook-timestamp": String(seconds),
      "webhook-signature": `v1,bm9uZQ== ${timed(body, "w1", seconds, key)}`,
    };
    const answer = await hooks.send("gitlab", body, signed);
    expect(hooks.stored(answer.body.ids[0])).toMatchObject({
      kind: "deploy",
      at: at("2026-03-01T11:30:00Z"),
      after: { commit: shaB },
    });
    expect((await hooks.send("gitlab", body, { ...signed, "webhook-timestamp": String(seconds - 301) })).status).toBe(
      401,
    );
    expect((await hooks.send("gitlab", { ...deployed, status: "failed" })).body.outcome).toBe("ignored");
    const release = {
      object_kind: "release",
      action: "create",
      tag: "v4",
      released_at: "2026-03-01 10:55:12 UTC",
      project,
      commit: { id: shaC },
    };
    expect(hooks.stored((await hooks.send("gitlab", release)).body.ids[0])).toMatchObject({
      at: at("2026-03-01T10:55:12Z"),
      after: { release: "v4", commit: shaC },
    });
    expect((await hooks.send("gitlab", { object_kind: "wiki_page" })).body.outcome).toBe("ignored");
    // Nobody reads v4.1 where v1.4 was released.
    const turned = await hooks.send("gitlab", { ...release, tag: "v\u202e1.4\u202c\n!" });
    expect(hooks.stored(turned.body.ids[0])).toMatchObject({
      summary: "release v 1.4 ! of team/chat",
      after: { release: "v 1.4 !" },
    });
  });

  test("Argo CD: a sync is a deploy; with the same images, after another commit, it is a change of settings", async () => {
    const sync = {
      app: "chat",
      namespace: "argocd",
      phase: "Succeeded",
      revision: shaA,
      images: ["r.example/chat:v1"],
      startedAt: "2026-03-01T11:00:00Z",
      repository: "https://git.example/org/unmapped.git",
      actor: "",
      url: "https://argo.example/applications/chat",
    };
    const first = await hooks.send("argocd", sync);
    expect(hooks.stored(first.body.ids[0])).toMatchObject({ kind: "deploy", target: "deployment:chat", by: "argocd" });
    const second = await hooks.send("argocd", { ...sync, revision: shaB, startedAt: "2026-03-01T11:10:00Z" });
    expect(hooks.stored(second.body.ids[0])).toMatchObject({
      kind: "config",
      before: { commit: shaA },
      after: { commit: shaB },
    });
    const third = await hooks.send("argocd", {
      ...sync,
      revision: shaC,
      images: ["r.example/chat:v2"],
      startedAt: "2026-03-01T11:20:00Z",
    });
    expect(hooks.stored(third.body.ids[0])).toMatchObject({ kind: "deploy", before: { images: "r.example/chat:v1" } });
    expect((await hooks.send("argocd", { ...sync, phase: "Failed" })).body.outcome).toBe("ignored");
  });

  test("Flux: what was rolled out is told, what was fetched or failed is not", async () => {
    const event = {
      involvedObject: { kind: "Kustomization", namespace: "apps", name: "chat", uid: "u" },
      severity: "info",
      timestamp: "2026-03-01T11:00:00Z",
      message: "Reconciliation finished",
      reason: "ReconciliationSucceeded",
      metadata: { "kustomize.toolkit.fluxcd.io/revision": `main@sha1:${shaA}` },
    };
    const first = await hooks.send("flux", event);
    expect(hooks.stored(first.body.ids[0])).toMatchObject({
      kind: "deploy",
      target: "deployment:chat",
      after: { commit: shaA },
    });
    expect((await hooks.send("flux", event)).body.outcome).toBe("known");
    const helm = {
      ...event,
      involvedObject: { ...event.involvedObject, kind: "HelmRelease" },
      reason: "UpgradeSucceeded",
      metadata: { revision: "1.4.0", "app-version": "v2" },
    };
    expect(hooks.stored((await hooks.send("flux", helm)).body.ids[0])).toMatchObject({
      after: { version: "1.4.0", appVersion: "v2" },
    });
    for (const more of [
      { severity: "error" },
      { reason: "DependencyNotReady" },
      { involvedObject: { kind: "GitRepository", name: "chat" } },
    ])
      expect((await hooks.send("flux", { ...event, ...more })).body.outcome).toBe("ignored");
  });

  test("MLflow: an alias that moves changes every deployment that serves the model", async () => {
    const alias = (version: string, timestamp: string) => ({
      entity: "model_version_alias",
      action: "created",
      timestamp,
      data: { name: "tuned-chat", alias: "champion", version },
    });
    await hooks.send("mlflow", alias("3", "2026-03-01T10:00:00+00:00"));
    const read = hooks.histories();
    const { body } = await hooks.send("mlflow", alias("4", "2026-03-01T11:00:00+00:00"));
    expect(body.ids).toHaveLength(2);
    expect(hooks.histories() - read).toBe(1);
    expect(body.ids.map((id) => hooks.stored(id)?.target).toSorted()).toEqual(["deployment:one", "deployment:two"]);
    for (const id of body.ids)
      expect(hooks.stored(id)).toMatchObject({
        kind: "model",
        at: at("2026-03-01T11:00:00Z"),
        before: { model_version: "3" },
        after: { model_version: "4", alias: "champion" },
        summary: "model tuned-chat: alias champion is version 4 now",
      });
    const created = {
      entity: "model_version",
      action: "created",
      timestamp: "2026-03-01T09:00:00+00:00",
      data: { name: "tuned-chat", version: "5" },
    };
    const before = hooks.histories();
    expect(hooks.stored((await hooks.send("mlflow", created)).body.ids[0])).toMatchObject({
      kind: "other",
      after: { registered: "5" },
    });
    // What is registered follows nothing.
    expect(hooks.histories()).toBe(before);
    expect((await hooks.send("mlflow", { ...created, entity: "prompt" })).body.outcome).toBe("ignored");
    const staged = JSON.stringify({
      event: "MODEL_VERSION_TRANSITIONED_STAGE",
      event_timestamp: at("2026-03-01T11:30:00Z"),
      model_name: "tuned-chat",
      version: "5",
      from_stage: "Staging",
      to_stage: "Production",
    });
    const databricks = { "x-databricks-signature": createHmac("sha256", secret).update(staged).digest("hex") };
    expect(hooks.stored((await hooks.send("mlflow", staged, databricks)).body.ids[0])).toMatchObject({
      before: { stage: "Staging" },
      after: { stage: "Production", model_version: "5" },
    });
  });
});
