// Other systems' webhooks as the configuration has them, and what of a person's name is kept.
import { createHmac } from "node:crypto";
import { createMask } from "../receive/privacy/redact-text.ts";
import { createResultDoor } from "../show/result-door.ts";
import type { WebhookOptions } from "../show/webhooks/take.ts";
import type { Config } from "./config-schema.ts";

export function webhookOptions({
  changes,
  deliver,
  privacy,
}: Pick<Config, "changes" | "deliver" | "privacy">): WebhookOptions {
  const { map, onlyMapped, tolerance, actors } = changes;
  const { github, gitlab, argocd, flux, mlflow } = changes;
  return {
    secrets: {
      github: github.secret ?? [],
      gitlab: gitlab.secret ?? [],
      argocd: argocd.secret ?? [],
      flux: flux.secret ?? [],
      mlflow: mlflow.secret ?? [],
    },
    door: createResultDoor(
      Object.fromEntries(
        deliver.receivers.map(({ name, secret, resultSecret }) => [name, resultSecret ?? secret ?? []]),
      ),
    ),
    map,
    onlyMapped,
    toleranceMs: tolerance,
    actor: actorOf(actors, privacy.salt),
    mask: createMask(),
  };
}

/** A digest without a salt could be guessed back from a list of names. */
function actorOf(actors: Config["changes"]["actors"], salt: string | undefined): WebhookOptions["actor"] {
  if (actors === "keep") return (name) => name;
  if (actors === "drop" || salt === undefined) return () => undefined;
  return (name) => createHmac("sha256", salt).update(name).digest("hex").slice(0, 16);
}
