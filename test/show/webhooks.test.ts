// Other systems' webhooks of changes, over HTTP: what each documents becomes one change, proved and told once.
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Entity } from "../../src/model/entity.ts";
import { createMask } from "../../src/receive/privacy/redact-text.ts";
import type { ChangeReceipt, Problem } from "../../src/show/contract.ts";
import type { SenderName } from "../../src/show/webhooks/sender.ts";
import type { WebhookOptions } from "../../src/show/webhooks/take.ts";
import { type Kept, memoryRecords, now, openWorld, postJson, type World } from "./kit.ts";

const shaA = "a".repeat(40);
const shaB = "b".repeat(40);
const shaC = "c".repeat(40);
const secret = "correct horse battery";
const signingToken = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;
const at = (text: string): number => Date.parse(text);

const deployment: Entity = { id: "deployment:chat", kind: "deployment", name: "chat", labels: {} };
const replicas: Entity[] = ["one", "two"].map((name) => ({
  id: `replica:${name}`,
  kind: "replica",
  name,
  parent: `deployment:${name}`,
  labels: { model: "tuned-chat" },
}));

const options: WebhookOptions = {
  secrets: {
    github: ["an older secret", secret],
    gitlab: [secret, signingToken],
    argocd: [secret],
    flux: [secret],
    mlflow: [secret],
  },
  map: [
    { name: "org/chat", from: "github", environment: "production", target: "deployment:chat" },
    { name: "org/chat", from: "github", branch: "release", target: "deployment:chat", kind: "deploy" },
    { name: "org/manifests", target: "deployment:chat", kind: "config" },
    { name: "other/*", target: "service:others" },
  ],
  onlyMapped: false,
  toleranceMs: 300_000,
  actor: (name) => `digest-of-${name.length}`,
  mask: createMask(),
};

const hub = (body: string, key = secret): string => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
const timed = (body: string, id: string, seconds: number, key: string | Buffer = secret): string =>
  `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`;
const seconds = Math.floor(now / 1000);

/** Headers that prove a delivery, for each sender. */
const proofs: Readonly<Record<SenderName, (body: string) => Record<string, string>>> = {
  github: (body) => ({ "x-hub-signature-256": hub(body) }),
  gitlab: () => ({ "x-gitlab-token": secret }),
  argocd: () => ({ "x-homeostat-token": secret }),
  flux: (body) => ({ "x-signature": hub(body) }),
  mlflow: (body) => ({
    "x-mlflow-delivery-id": "d1",
    "x-mlflow-timestamp": String(seconds),
    "x-mlflow-signature": timed(body, "d1", seconds),
  }),
};

const repository = { full_name: "org/chat", html_url: "https://git.example/org/chat", default_branch: "main" };
const githubDeployment = {
  id: 77,
  sha: shaB,
  ref: "v2.1",
  environment: "production",
  created_at: "2026-03-01T11:50:00Z",
  creator: { login: "octo" },
};

describe("webhooks of changes", () => {
  let world: World;
  let kept: Kept;
  const counted: string[] = [];
  beforeAll(async () => {
    kept = {};
    const records = memoryRecords(kept);
    const log = {
      add: async (event: ChangeEvent) => {
        // As the store has it: the same id is one, the newest.
        kept.changes = [...(kept.changes ?? []).filter(({ id }) => id !== event.id), event];
      },
      within: async () => kept.changes ?? [],
    };
    world = await openWorld({
      kept,
      deps: { webhooks: options, records, changes: log, entities: () => [deployment, ...replicas] },
    });
    const { count } = world.deps.telemetry;
    (world.deps.telemetry as { count: typeof count }).count = (name, amount, attributes) => {
      if (name === "homeostat.show.webhooks") counted.push(`${attributes?.["sender"]} ${attributes?.["outcome"]}`);
      count(name, amount, attributes);
    };
  });
  afterAll(() => world.show[Symbol.asyncDispose]());

  async function send(sender: SenderName, payload: unknown, headers: Record<string, string> = {}) {
    const body = typeof payload === "string" ? payload : JSON.stringify(payload);
    const answer = await world.get(
      `/api/v1/changes/${sender}`,
      postJson(body, { ...proofs[sender](body), ...headers }),
    );
    return { status: answer.status, body: (await answer.json()) as ChangeReceipt & Problem };
  }
  const stored = (id: string | undefined): ChangeEvent | undefined => kept.changes?.find((one) => one.id === id);

  test("GitHub: a deployment and its status are one deploy, told by when it began", async () => {
    const first = await send(
      "github",
      { action: "created", deployment: githubDeployment, repository },
      { "x-github-event": "deployment" },
    );
    expect(first).toMatchObject({ status: 202, body: { outcome: "taken", detail: "deployment:chat" } });
    const id = first.body.ids[0];
    expect(stored(id)).toMatchObject({
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
    expect((await send("github", status("queued", "2026-03-01T11:51:00Z"), event)).body.outcome).toBe("ignored");
    const running = await send("github", status("in_progress", "2026-03-01T11:55:00Z"), event);
    expect(running).toMatchObject({ status: 202, body: { ids: [id] } });
    const done = await send("github", status("success", "2026-03-01T11:59:00Z"), event);
    expect(done).toMatchObject({ status: 200, body: { outcome: "known", ids: [id] } });
    expect(kept.changes?.filter(({ source }) => source === "github")).toHaveLength(1);
    expect(stored(id)).toMatchObject({ at: at("2026-03-01T11:55:00Z"), url: "https://git.example/run/1" });
  });

  test("the version before is what the same sender said last of the same course", async () => {
    const next = { ...githubDeployment, id: 78, sha: shaC, ref: "v2.2", created_at: "2026-03-01T11:58:00Z" };
    const { body } = await send(
      "github",
      { action: "created", deployment: next, repository },
      { "x-github-event": "deployment" },
    );
    expect(stored(body.ids[0])).toMatchObject({
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
    const released = await send("github", push("refs/heads/release"), event);
    expect(stored(released.body.ids[0])).toMatchObject({
      kind: "deploy",
      at: at("2026-03-01T11:40:00Z"),
      before: { commit: shaA },
      after: { commit: shaB, branch: "release", subject: "Admit more requests" },
      summary: "push of 2 commits to release of org/chat",
      url: "https://git.example/org/chat/compare/a...b",
    });
    expect((await send("github", push("refs/heads/feature"), event)).body.outcome).toBe("ignored");
    expect((await send("github", push("refs/tags/v1"), event)).body.outcome).toBe("ignored");
    expect((await send("github", push("refs/heads/main", "org/unheard-of"), event)).body).toMatchObject({
      outcome: "taken",
      detail: "deployment:unheard-of, of which there is no telemetry yet",
    });
    expect((await send("github", push("refs/heads/topic", "org/unheard-of"), event)).body.outcome).toBe("ignored");
    expect(stored((await send("github", push("refs/heads/main", "other/thing"), event)).body.ids[0])?.target).toBe(
      "service:others",
    );
  });

  test("GitHub: releases and packages are told; other events are acknowledged and counted", async () => {
    const release = {
      action: "published",
      release: { id: 5, tag_name: "v3", published_at: "2026-03-01T09:00:00Z" },
      repository,
    };
    const known = await send("github", release, { "x-github-event": "release" });
    expect(stored(known.body.ids[0])).toMatchObject({ kind: "other", after: { release: "v3" } });
    const staging = { deployment: { ...githubDeployment, id: 80, environment: "staging" }, repository };
    expect((await send("github", staging, { "x-github-event": "deployment" })).body).toMatchObject({
      outcome: "ignored",
      detail: "concerns nothing here: environment or branch not mapped",
    });
    const other = { ...repository, full_name: "org/manifests" };
    const { body } = await send("github", { ...release, repository: other }, { "x-github-event": "release" });
    expect(stored(body.ids[0])).toMatchObject({ kind: "config", after: { release: "v3" } });
    const registry_package = {
      name: "chat",
      package_type: "CONTAINER",
      package_version: { id: 9, version: "sha256:1", container_metadata: { tag: { name: "v3", digest: "sha256:1" } } },
    };
    const packaged = await send(
      "github",
      { action: "published", registry_package, repository: other },
      { "x-github-event": "registry_package" },
    );
    expect(stored(packaged.body.ids[0])).toMatchObject({ after: { package: "v3", digest: "sha256:1" } });
    const before = counted.length;
    expect(await send("github", { zen: "…" }, { "x-github-event": "ping" })).toMatchObject({ status: 200 });
    expect(await send("github", { action: "opened" }, { "x-github-event": "issues" })).toMatchObject({
      status: 200,
      body: { outcome: "ignored" },
    });
    expect(counted.slice(before)).toEqual(["github ignored", "github ignored"]);
  });

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
    const pushed = await send("gitlab", push, { "idempotency-key": "k1" });
    expect(stored(pushed.body.ids[0])).toMatchObject({
      target: "deployment:chat",
      at: now,
      before: { commit: shaA },
      after: { commit: shaB },
      summary: "push of 1 commit to main of team/chat",
      by: "gitlab:digest-of-3",
    });
    expect((await send("gitlab", push, { "idempotency-key": "k1" })).body).toMatchObject({
      outcome: "known",
      ids: pushed.body.ids,
    });
    // The branch went back and forth: the same commits, another delivery.
    expect((await send("gitlab", push, { "idempotency-key": "k2" })).body.ids).not.toEqual(pushed.body.ids);

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
    const answer = await send("gitlab", body, signed);
    expect(stored(answer.body.ids[0])).toMatchObject({
      kind: "deploy",
      at: at("2026-03-01T11:30:00Z"),
      after: { commit: shaB },
    });
    expect((await send("gitlab", body, { ...signed, "webhook-timestamp": String(seconds - 301) })).status).toBe(401);
    expect((await send("gitlab", { ...deployed, status: "failed" })).body.outcome).toBe("ignored");
    const release = {
      object_kind: "release",
      action: "create",
      tag: "v4",
      released_at: "2026-03-01 10:55:12 UTC",
      project,
      commit: { id: shaC },
    };
    expect(stored((await send("gitlab", release)).body.ids[0])).toMatchObject({
      at: at("2026-03-01T10:55:12Z"),
      after: { release: "v4", commit: shaC },
    });
    expect((await send("gitlab", { object_kind: "wiki_page" })).body.outcome).toBe("ignored");
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
    const first = await send("argocd", sync);
    expect(stored(first.body.ids[0])).toMatchObject({ kind: "deploy", target: "deployment:chat", by: "argocd" });
    const second = await send("argocd", { ...sync, revision: shaB, startedAt: "2026-03-01T11:10:00Z" });
    expect(stored(second.body.ids[0])).toMatchObject({
      kind: "config",
      before: { commit: shaA },
      after: { commit: shaB },
    });
    const third = await send("argocd", {
      ...sync,
      revision: shaC,
      images: ["r.example/chat:v2"],
      startedAt: "2026-03-01T11:20:00Z",
    });
    expect(stored(third.body.ids[0])).toMatchObject({ kind: "deploy", before: { images: "r.example/chat:v1" } });
    expect((await send("argocd", { ...sync, phase: "Failed" })).body.outcome).toBe("ignored");
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
    const first = await send("flux", event);
    expect(stored(first.body.ids[0])).toMatchObject({
      kind: "deploy",
      target: "deployment:chat",
      after: { commit: shaA },
    });
    expect((await send("flux", event)).body.outcome).toBe("known");
    const helm = {
      ...event,
      involvedObject: { ...event.involvedObject, kind: "HelmRelease" },
      reason: "UpgradeSucceeded",
      metadata: { revision: "1.4.0", "app-version": "v2" },
    };
    expect(stored((await send("flux", helm)).body.ids[0])).toMatchObject({
      after: { version: "1.4.0", appVersion: "v2" },
    });
    for (const more of [
      { severity: "error" },
      { reason: "DependencyNotReady" },
      { involvedObject: { kind: "GitRepository", name: "chat" } },
    ])
      expect((await send("flux", { ...event, ...more })).body.outcome).toBe("ignored");
  });

  test("MLflow: an alias that moves changes every deployment that serves the model", async () => {
    const alias = (version: string, timestamp: string) => ({
      entity: "model_version_alias",
      action: "created",
      timestamp,
      data: { name: "tuned-chat", alias: "champion", version },
    });
    await send("mlflow", alias("3", "2026-03-01T10:00:00+00:00"));
    const { body } = await send("mlflow", alias("4", "2026-03-01T11:00:00+00:00"));
    expect(body.ids).toHaveLength(2);
    expect(body.ids.map((id) => stored(id)?.target).toSorted()).toEqual(["deployment:one", "deployment:two"]);
    expect(stored(body.ids[0])).toMatchObject({
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
    expect(stored((await send("mlflow", created)).body.ids[0])).toMatchObject({
      kind: "other",
      after: { registered: "5" },
    });
    expect((await send("mlflow", { ...created, entity: "prompt" })).body.outcome).toBe("ignored");
    const staged = JSON.stringify({
      event: "MODEL_VERSION_TRANSITIONED_STAGE",
      event_timestamp: at("2026-03-01T11:30:00Z"),
      model_name: "tuned-chat",
      version: "5",
      from_stage: "Staging",
      to_stage: "Production",
    });
    const databricks = { "x-databricks-signature": createHmac("sha256", secret).update(staged).digest("hex") };
    expect(stored((await send("mlflow", staged, databricks)).body.ids[0])).toMatchObject({
      before: { stage: "Staging" },
      after: { stage: "Production", model_version: "5" },
    });
  });

  test.each(Object.keys(proofs) as SenderName[])(
    "%s: nothing is taken without proof, or with a wrong one",
    async (sender) => {
      const before = kept.changes?.length;
      const body = JSON.stringify({ object_kind: "push" });
      const event = { "x-github-event": "push" };
      const path = `/api/v1/changes/${sender}`;
      const bare = await world.get(path, postJson(body, event));
      expect(bare.status).toBe(401);
      expect(((await bare.json()) as Problem).detail).toMatch(/not proved to be from/);
      const wrong = Object.fromEntries(
        Object.entries(proofs[sender](`${body} `)).map(([name, value]) => [
          name,
          value === secret ? `${secret}x` : value,
        ]),
      );
      const answer = await world.get(path, postJson(body, { ...event, ...wrong }));
      expect(answer.status).toBe(401);
      expect(JSON.stringify(await answer.json())).not.toContain(secret);
      expect(kept.changes?.length).toBe(before);
      expect(counted.at(-1)).toBe(`${sender} refused`);
    },
  );

  test("MLflow: a delivery that is minutes old is refused, though its signature is right", async () => {
    const body = JSON.stringify({ entity: "model_version", action: "created", data: { name: "m", version: "1" } });
    for (const [stamp, status] of [
      [seconds - 301, 401],
      [seconds + 301, 401],
      [seconds - 299, 202],
    ] as const) {
      const headers = { "x-mlflow-timestamp": String(stamp), "x-mlflow-signature": timed(body, "d1", stamp) };
      expect((await send("mlflow", body, headers)).status).toBe(status);
    }
  });

  test.each([
    ["no JSON", "{", /body: is no JSON/],
    ["bytes that are no text", "\ud800", /body/],
    ["a number", "7", /ref|body|object/i],
    ["nothing of a push", "{}", /ref/],
    ["a push of odd types", JSON.stringify({ ref: 1, before: {}, after: [], repository }), /ref/],
    ["deep nesting", "[".repeat(50_000) + "]".repeat(50_000), /body|object/],
  ])("%s is refused with the place, and is no change", async (_, body, detail) => {
    const before = kept.changes?.length;
    const answer = await send("github", body, { "x-github-event": "push" });
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toMatch(detail);
    expect(kept.changes?.length).toBe(before);
  });

  test("a body of more than 1 MiB is refused as 413, one that is no JSON by its type as 415", async () => {
    const big = await send("github", { ref: "x".repeat(1_100_000) }, { "x-github-event": "push" });
    expect(big).toMatchObject({ status: 413, body: { detail: expect.stringMatching(/1024 kB/) } });
    const form = await send("github", "payload={}", { "content-type": "application/x-www-form-urlencoded" });
    expect(form.status).toBe(415);
  });

  test("what others wrote is one line, without secrets, and links only where links may go", async () => {
    const payload = {
      app: "chat\u0000\nname",
      revision: "r1",
      startedAt: "not a time",
      url: "javascript:alert(1)",
      path: "deploy?token=ghp_0123456789abcdefghijABCDEFGHIJ0123456789",
      actor: "\u001b[31mred",
    };
    const { body } = await send("argocd", payload);
    const change = stored(body.ids[0])!;
    expect(change.at).toBe(now);
    expect(JSON.stringify(change)).not.toMatch(/\\u0000|\\n|\\u001b|javascript:|ghp_0123/);
    expect(change.url).toBeUndefined();
  });
});

test("without a secret a webhook needs the role operator, as every other change", async () => {
  const tokens = [{ name: "ci", secret: "secret-of-ci", roles: ["operator" as const] }];
  const world = await openWorld({ options: { tokens } });
  try {
    const body = { app: "chat", revision: "1" };
    expect((await world.get("/api/v1/changes/argocd", postJson(body))).status).toBe(401);
    const answer = await world.get("/api/v1/changes/argocd", postJson(body, { authorization: "Bearer secret-of-ci" }));
    expect(answer.status).toBe(202);
    expect(world.changes.at(-1)).toMatchObject({ by: "argocd", target: "deployment:chat" });
  } finally {
    await world.show[Symbol.asyncDispose]();
  }
});
