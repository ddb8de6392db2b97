// Flux: events of its notification-controller, providers `generic` and `generic-hmac`.
// Source: fluxcd.io, "Providers: Generic webhook, Generic webhook with HMAC", "Events".
import { z } from "zod";
import { parsed, text } from "./read.ts";
import { ignored, type Reading, type Sender, shortSha, timeOf } from "./sender.ts";
import { signedBody } from "./signatures.ts";

const Event = z.object({
  involvedObject: z.object({ kind: text, namespace: z.string().nullish(), name: text }),
  severity: text,
  timestamp: z.string().nullish(),
  reason: text,
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/** Reasons that mean: something else runs now. Fetching a source or a dry run does not. */
const rolledOut = new Set(["ReconciliationSucceeded", "InstallSucceeded", "UpgradeSucceeded", "RollbackSucceeded"]);

export const flux: Sender = {
  name: "flux",
  says: "events of the notification-controller, providers generic and generic-hmac",
  verify: (delivery, secrets) => signedBody(delivery, "x-signature", "sha256=", secrets),
  read: (json) => parsed(Event, json, rollout),
};

function rollout({ involvedObject, severity, timestamp, reason, metadata }: z.infer<typeof Event>): Reading {
  const { kind, name, namespace } = involvedObject;
  if (kind !== "Kustomization" && kind !== "HelmRelease") return ignored("object");
  if (severity !== "info" || !rolledOut.has(reason)) return ignored("reason");
  const revision = factOf(metadata, "revision");
  if (revision === undefined) return ignored("event without a revision");
  // `main@sha1:…`, of older versions `main/…`: the commit; else a chart's version.
  const commit = /(?:^|[@:/])([0-9a-f]{40}|[0-9a-f]{64})$/.exec(revision)?.[1];
  const isSha1 = commit?.length === 40;
  const application = `${namespace || "default"}/${name}`;
  const shown = commit === undefined ? revision : shortSha(commit);
  return {
    kind: "change",
    change: {
      // The same revision again, after another, is a second change.
      key: [kind, application, revision, timestamp ?? ""].join(" "),
      at: timeOf(timestamp),
      kind: "deploy",
      names: [application, name],
      summary: `Flux rolled out ${kind} ${application} at ${shown}${reason === "RollbackSucceeded" ? " (back)" : ""}`,
      after: {
        commit: isSha1 ? commit : undefined,
        version: isSha1 ? undefined : revision,
        appVersion: factOf(metadata, "app-version"),
        application: `${kind} ${application}`,
      },
      course: ["application"],
    },
  };
}

/** Keys of metadata come with the controller's group before them: `kustomize.toolkit.fluxcd.io/revision`. */
function factOf(metadata: Readonly<Record<string, unknown>> | null | undefined, name: string): string | undefined {
  const entry = Object.entries(metadata ?? {}).find(([key]) => key === name || key.endsWith(`.fluxcd.io/${name}`));
  const value = entry?.[1];
  return typeof value === "string" && value !== "" ? value.slice(0, 500) : undefined;
}
