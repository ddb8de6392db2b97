// Webhooks of changes that are not proved, too old, too long or rubbish: refused, counted, and no change.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Problem } from "../../src/show/contract.ts";
import type { SenderName } from "../../src/show/webhooks/sender.ts";
import { now, openWorld, postJson } from "./kit.ts";
import { openHooks, proofs, seconds, secret, signingToken, timed } from "./webhook-kit.ts";

const repository = { full_name: "org/chat" };

describe("webhooks that are not taken", () => {
  let hooks: Awaited<ReturnType<typeof openHooks>>;
  beforeAll(async () => {
    hooks = await openHooks();
  });
  afterAll(() => hooks[Symbol.asyncDispose]());

  test.each(Object.keys(proofs) as SenderName[])(
    "%s: nothing is taken without proof, or with a wrong one",
    async (sender) => {
      const before = hooks.kept.changes?.length;
      const body = JSON.stringify({ object_kind: "push" });
      const event = { "x-github-event": "push" };
      const path = `/api/v1/changes/${sender}`;
      const bare = await hooks.world.get(path, postJson(body, event));
      expect(bare.status).toBe(401);
      expect(((await bare.json()) as Problem).detail).toMatch(/not proved to be from/);
      const wrong = Object.fromEntries(
        Object.entries(proofs[sender](`${body} `)).map(([name, value]) => [
          name,
          value === secret ? `${secret}x` : value,
        ]),
      );
      const answer = await hooks.world.get(path, postJson(body, { ...event, ...wrong }));
      expect(answer.status).toBe(401);
      expect(JSON.stringify(await answer.json())).not.toContain(secret);
      expect(hooks.kept.changes?.length).toBe(before);
      expect(hooks.counted.at(-1)).toBe(`${sender} refused`);
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
      expect((await hooks.send("mlflow", body, headers)).status).toBe(status);
    }
  });

  test("MLflow: a secret is its own bytes, also one that begins as a signing token of GitLab's does", async () => {
    const body = JSON.stringify({ entity: "model_version", action: "created", data: { name: "m", version: "2" } });
    const by = (key: string | Buffer) => ({ "x-mlflow-signature": timed(body, "d1", seconds, key) });
    expect((await hooks.send("mlflow", body, by(signingToken))).status).toBe(202);
    const decoded = Buffer.from(signingToken.slice("whsec_".length), "base64");
    expect((await hooks.send("mlflow", body, by(decoded))).status).toBe(401);
  });

  test.each([
    ["no JSON", "{", /body: is no JSON/],
    ["bytes that are no text", "\ud800", /body/],
    ["a number", "7", /ref|body|object/i],
    ["nothing of a push", "{}", /ref/],
    ["a push of odd types", JSON.stringify({ ref: 1, before: {}, after: [], repository }), /ref/],
    ["deep nesting", "[".repeat(50_000) + "]".repeat(50_000), /body|object/],
  ])("%s is refused with the place, and is no change", async (_, body, detail) => {
    const before = hooks.kept.changes?.length;
    const answer = await hooks.send("github", body, { "x-github-event": "push" });
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toMatch(detail);
    expect(hooks.kept.changes?.length).toBe(before);
  });

  test("a body of more than 1 MiB is refused as 413, one that is no JSON by its type as 415", async () => {
    const big = await hooks.send("github", { ref: "x".repeat(1_100_000) }, { "x-github-event": "push" });
    expect(big).toMatchObject({ status: 413, body: { detail: expect.stringMatching(/1024 kB/) } });
    const form = await hooks.send("github", "payload={}", { "content-type": "application/x-www-form-urlencoded" });
    expect(form.status).toBe(415);
  });

  test.each<[SenderName, object, Record<string, string>]>([
    ["argocd", { app: "chat", revision: "r0", revisionMessage: 1 }, {}],
    [
      "flux",
      {
        involvedObject: { kind: "HelmRelease", name: "chat" },
        severity: "info",
        reason: "UpgradeSucceeded",
        message: {},
        metadata: { revision: "0.9" },
      },
      {},
    ],
    [
      "github",
      { action: "published", release: { id: 6, tag_name: "v0", name: 7 }, repository: { full_name: "org/manifests" } },
      { "x-github-event": "release" },
    ],
    [
      "github",
      { action: "published", package: { name: "chat", package_type: "", package_version: { version: "0" } } },
      { "x-github-event": "package" },
    ],
    [
      "gitlab",
      {
        object_kind: "deployment",
        status: "success",
        deployment_id: 1,
        environment: "production",
        project: { path_with_namespace: "org/manifests" },
        short_sha: "1f2e3d4",
        commit_title: 1,
      },
      {},
    ],
    ["mlflow", { entity: "model_version", action: "created", data: { name: "chat", version: "0", source: {} } }, {}],
  ])("%s: what nobody reads of a delivery cannot spoil it", async (sender, payload, headers) => {
    expect(await hooks.send(sender, payload, headers)).toMatchObject({ status: 202, body: { outcome: "taken" } });
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
    const { body } = await hooks.send("argocd", payload);
    const change = hooks.stored(body.ids[0])!;
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
