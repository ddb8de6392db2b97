// GitLab: push, deployment and release events of projects and groups.
// Source: docs.gitlab.com, "Webhook events", "Webhooks" (secret token; signing token after the Standard Webhooks specification).
import { z } from "zod";
import { namesOf, pushed } from "./forge.ts";
import { parsed, text } from "./read.ts";
import { firstLine, ignored, type Reading, type Sender, shortSha, timeOf } from "./sender.ts";
import { header, sharedToken, signedWithTime } from "./signatures.ts";

const Project = z.object({
  path_with_namespace: text,
  web_url: text.optional(),
  default_branch: text.nullish(),
});
const user = z.object({ username: text.nullish(), name: text.nullish() }).nullish();

const Push = z.object({
  ref: text,
  before: text,
  after: text,
  user_username: z.string().nullish(),
  project: Project,
  commits: z.array(z.object({ id: z.string(), message: z.string().optional() })).default([]),
  total_commits_count: z.int().optional(),
});

const Deployment = z.object({
  status: text,
  status_changed_at: z.string().nullish(),
  deployment_id: z.union([z.int(), text]),
  environment: text,
  project: Project,
  short_sha: text,
  user,
  commit_url: z.string().nullish(),
  deployable_url: z.string().nullish(),
  ref: z.string().nullish(),
});

const Release = z.object({
  action: text,
  tag: text,
  released_at: z.string().nullish(),
  url: z.string().nullish(),
  project: Project,
  commit: z.object({ id: text }).nullish(),
});

export const gitlab: Sender = {
  name: "gitlab",
  says: "push, deployment and release events",
  /** The signature where there is one: it proves more than the token. */
  verify(delivery, secrets, nowMs, toleranceMs) {
    const names = { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };
    if (header(delivery.headers, names.signature) !== undefined)
      return signedWithTime(delivery, names, secrets, keyOf, nowMs, toleranceMs);
    return sharedToken(delivery, "x-gitlab-token", secrets);
  },
  read(json, headers) {
    const kind =
      typeof json === "object" && json !== null ? (json as { object_kind?: unknown }).object_kind : undefined;
    if (typeof kind !== "string") return { kind: "wrong", place: "object_kind", detail: "is missing or no text" };
    const delivery = header(headers, "idempotency-key") ?? header(headers, "webhook-id") ?? "";
    switch (kind) {
      case "push":
        return parsed(Push, json, (told) => push(told, delivery.slice(0, 200)));
      case "deployment":
        return parsed(Deployment, json, deployed);
      case "release":
        return parsed(Release, json, released);
      default:
        return ignored("event");
    }
  },
};

/** A signing token is the base64 behind `whsec_`; the configuration has seen to it that it is one. */
function keyOf(secret: string): string | Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
}

function push(told: z.infer<typeof Push>, delivery: string): Reading {
  const { ref, before, after, project } = told;
  return pushed({
    name: project.path_with_namespace,
    defaultBranch: project.default_branch,
    ref,
    before,
    after,
    count: told.total_commits_count ?? told.commits.length,
    subject: firstLine(told.commits.find(({ id }) => id === after)?.message),
    // A payload of a push has no time of its own.
    keyEnd: delivery,
    at: undefined,
    actor: told.user_username || undefined,
    url: project.web_url === undefined ? undefined : `${project.web_url}/-/commit/${after}`,
  });
}

function deployed(told: z.infer<typeof Deployment>): Reading {
  if (told.status !== "running" && told.status !== "success") return ignored("deployment state");
  const name = told.project.path_with_namespace;
  // Only the address of the commit has all of its id.
  const commit = /\/commit\/([0-9a-f]{40,64})$/.exec(told.commit_url ?? "")?.[1] ?? told.short_sha;
  return {
    kind: "change",
    change: {
      key: ["deployment", name, told.deployment_id].join(" "),
      at: timeOf(told.status_changed_at),
      kind: "deploy",
      names: namesOf(name),
      environment: told.environment,
      summary: `deployment of ${name} ${told.ref || shortSha(commit)} to ${told.environment}`,
      after: { commit, version: told.ref || undefined, environment: told.environment },
      course: ["environment"],
      ...(told.status === "running" ? {} : { unlessKnown: true as const }),
      actor: told.user?.username ?? told.user?.name ?? undefined,
      url: told.deployable_url ?? told.commit_url ?? undefined,
    },
  };
}

function released(told: z.infer<typeof Release>): Reading {
  if (told.action !== "create") return ignored("release action");
  const name = told.project.path_with_namespace;
  return {
    kind: "change",
    change: {
      key: ["release", name, told.tag].join(" "),
      at: timeOf(told.released_at),
      kind: "other",
      names: namesOf(name),
      summary: `release ${told.tag} of ${name}`,
      after: { release: told.tag, commit: told.commit?.id },
      course: [],
      url: told.url ?? undefined,
    },
  };
}
