// What the tests of webhooks share: a server with a secret for each sender, deliveries that are proved, and what became of them.
import { createHmac } from "node:crypto";
import type { ChangeEvent } from "../../src/model/change.ts";
import type { Entity } from "../../src/model/entity.ts";
import { createMask } from "../../src/receive/privacy/redact-text.ts";
import type { ChangeReceipt, Problem } from "../../src/show/contract.ts";
import { createResultDoor } from "../../src/show/result-door.ts";
import type { SenderName } from "../../src/show/webhooks/sender.ts";
import type { WebhookOptions } from "../../src/show/webhooks/take.ts";
import { type Kept, memoryRecords, now, openWorld, postJson } from "./kit.ts";

export const shaA = "a".repeat(40);
export const shaB = "b".repeat(40);
export const shaC = "c".repeat(40);
export const secret = "correct horse battery";
export const signingToken = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

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
    mlflow: [secret, signingToken],
  },
  map: [
    { name: "org/chat", from: "github", environment: "production", target: "deployment:chat" },
    { name: "org/chat", from: "github", branch: "release", target: "deployment:chat", kind: "deploy" },
    { name: "org/manifests", target: "deployment:chat", kind: "config" },
    { name: "other/*", target: "service:others" },
  ],
  onlyMapped: false,
  door: createResultDoor({}),
  toleranceMs: 300_000,
  actor: (name) => `digest-of-${name.length}`,
  mask: createMask(),
};

const hub = (body: string, key = secret): string => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
export const timed = (body: string, id: string, seconds: number, key: string | Buffer = secret): string =>
  `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`;
export const seconds = Math.floor(now / 1000);

/** Headers that prove a delivery, for each sender. */
export const proofs: Readonly<Record<SenderName, (body: string) => Record<string, string>>> = {
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

export async function openHooks() {
  const kept: Kept = {};
  const counted: string[] = [];
  const records = memoryRecords(kept);
  let histories = 0;
  const list: typeof records.list = (kind, query) => {
    if (query?.range !== undefined) histories++;
    return records.list(kind, query);
  };
  const log = {
    add: async (event: ChangeEvent) => {
      // As the store has it: the same id is one, the newest.
      kept.changes = [...(kept.changes ?? []).filter(({ id }) => id !== event.id), event];
    },
    within: async () => kept.changes ?? [],
  };
  const world = await openWorld({
    kept,
    deps: {
      webhooks: options,
      records: { ...records, list },
      changes: log,
      entities: () => [deployment, ...replicas],
    },
  });
  const { count } = world.deps.telemetry;
  (world.deps.telemetry as { count: typeof count }).count = (name, amount, attributes) => {
    if (name === "homeostat.show.webhooks") counted.push(`${attributes?.["sender"]} ${attributes?.["outcome"]}`);
    count(name, amount, attributes);
  };
  return {
    world,
    kept,
    /** `<sender> <outcome>`, in order. */
    counted,
    /** How often the history of changes was read. */
    histories: () => histories,
    /** Proved, unless the headers say otherwise. */
    async send(sender: SenderName, payload: unknown, headers: Record<string, string> = {}) {
      const body = typeof payload === "string" ? payload : JSON.stringify(payload);
      const init = postJson(body, { ...proofs[sender](body), ...headers });
      const answer = await world.get(`/api/v1/changes/${sender}`, init);
      return { status: answer.status, body: (await answer.json()) as ChangeReceipt & Problem };
    },
    stored: (id: string | undefined): ChangeEvent | undefined => kept.changes?.find((one) => one.id === id),
    [Symbol.asyncDispose]: () => world.show[Symbol.asyncDispose](),
  };
}
