// Argo CD: whatever a notifications template sends; ours stands in docs/changes.md, since Argo CD has no payload of its own.
// Source: argo-cd.readthedocs.io, "Notifications: Webhook", "Templates", "Triggers".
import { z } from "zod";
import { parsed, text } from "./read.ts";
import { ignored, type Reading, type Sender, shortSha, timeOf } from "./sender.ts";
import { sharedToken } from "./signatures.ts";

const maybe = z.string().nullish();
const Sync = z.object({
  app: text,
  namespace: maybe,
  /** Namespace the application is rolled out to, and the cluster. */
  destination: maybe,
  phase: maybe,
  revision: text,
  previousRevision: maybe,
  images: z.array(z.string().max(1000)).max(200).nullish(),
  repository: maybe,
  path: maybe,
  startedAt: maybe,
  finishedAt: maybe,
  actor: maybe,
  url: maybe,
});

const imagesShown = 10;

export const argocd: Sender = {
  name: "argocd",
  says: "the body of the notifications template in docs/changes.md",
  /** Argo CD signs nothing: a token in a header, beside or in place of one of `show.tokens`. */
  verify: (delivery, secrets) => sharedToken(delivery, "x-homeostat-token", secrets),
  read: (json) => parsed(Sync, json, synced),
};

function synced(told: z.infer<typeof Sync>): Reading {
  const phase = told.phase || "Succeeded";
  if (phase !== "Succeeded" && phase !== "Running") return ignored("sync phase");
  const { app, revision } = told;
  const images =
    [...(told.images ?? [])]
      .sort((a, b) => (a < b ? -1 : 1))
      .slice(0, imagesShown)
      .join(" ") || undefined;
  const shown = /^[0-9a-f]{40}$/.test(revision) ? shortSha(revision) : revision;
  return {
    kind: "change",
    change: {
      key: ["sync", told.namespace ?? "", app, revision, told.startedAt ?? ""].join(" "),
      at: timeOf(told.startedAt ?? told.finishedAt),
      kind: "deploy",
      names: [app, ...(told.repository ? [repositoryName(told.repository)] : [])],
      environment: told.destination || undefined,
      summary: `Argo CD synchronised ${app} to ${shown}`,
      ...(told.previousRevision ? { before: { commit: told.previousRevision } } : {}),
      after: { commit: revision, images, application: app, path: told.path || undefined },
      course: ["application"],
      actor: told.actor || undefined,
      url: told.url || undefined,
    },
  };
}

/** `https://host/org/repo.git` -> `org/repo`. */
function repositoryName(address: string): string {
  return address
    .replace(/\.git$/, "")
    .split(/[/:]/)
    .slice(-2)
    .join("/");
}
