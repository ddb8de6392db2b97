// GitHub: push, deployment, deployment_status, release, registry_package.
// Source: docs.github.com, "Webhook events and payloads", "Validating webhook deliveries".
import { z } from "zod";
import { namesOf, pushed } from "./forge.ts";
import { parsed, text } from "./read.ts";
import { firstLine, ignored, type Reading, type Sender, shortSha, timeOf } from "./sender.ts";
import { header, signedBody } from "./signatures.ts";

const id = z.union([z.int(), z.string().min(1).max(100)]);
const Repository = z.object({
  full_name: text,
  html_url: text.optional(),
  default_branch: text.optional(),
  pushed_at: z.union([z.number(), z.string()]).nullish(),
});
const sender = z.object({ login: text }).nullish();

const Push = z.object({
  ref: text,
  before: text,
  after: text,
  deleted: z.boolean().optional(),
  compare: text.optional(),
  commits: z.array(z.unknown()).default([]),
  head_commit: z.object({ message: z.string(), timestamp: z.string().optional() }).nullish(),
  repository: Repository,
  sender,
});

const Deployment = z.object({
  id,
  sha: text,
  ref: text.nullish(),
  environment: text,
  created_at: z.string().optional(),
  creator: sender,
});

const Deployed = z.object({
  deployment: Deployment,
  deployment_status: z
    .object({ state: text, created_at: z.string().optional(), log_url: z.string().nullish() })
    .optional(),
  repository: Repository,
  sender,
});

const Release = z.object({
  action: text,
  release: z.object({
    id,
    tag_name: text,
    html_url: text.optional(),
    published_at: z.string().nullish(),
    author: sender,
  }),
  repository: Repository,
  sender,
});

const Package = z.object({
  name: text,
  package_version: z
    .object({
      id: id.optional(),
      version: text,
      html_url: z.string().nullish(),
      target_oid: z.string().nullish(),
      created_at: z.string().nullish(),
      container_metadata: z
        .object({ tag: z.object({ name: z.string().nullish(), digest: z.string().nullish() }).nullish() })
        .nullish(),
    })
    .nullish(),
});
const Published = z.object({
  action: text,
  registry_package: Package.optional(),
  package: Package.optional(),
  repository: Repository.nullish(),
  sender,
});

export const github: Sender = {
  name: "github",
  says: "push, deployment, deployment_status, release, registry_package",
  verify: (delivery, secrets) => signedBody(delivery, "x-hub-signature-256", "sha256=", secrets),
  read(json, headers) {
    const event = header(headers, "x-github-event");
    if (event === undefined)
      return { kind: "wrong", place: "X-GitHub-Event", detail: "is missing; GitHub sends it with every delivery" };
    switch (event) {
      case "push":
        return parsed(Push, json, push);
      case "deployment":
      case "deployment_status":
        return parsed(Deployed, json, deployed);
      case "release":
        return parsed(Release, json, released);
      case "registry_package":
      case "package":
        return parsed(Published, json, published);
      default:
        return ignored(event === "ping" ? "ping" : "event");
    }
  },
};

function push(told: z.infer<typeof Push>): Reading {
  const { repository, ref, before, after } = told;
  if (told.deleted === true) return ignored("no push to a branch");
  return pushed({
    name: repository.full_name,
    defaultBranch: repository.default_branch,
    ref,
    before,
    after,
    count: told.commits.length,
    subject: firstLine(told.head_commit?.message),
    keyEnd: repository.pushed_at ?? "",
    // When the branch moved; the commit itself may be older.
    at: pushedAt(repository.pushed_at) ?? timeOf(told.head_commit?.timestamp),
    actor: told.sender?.login,
    url: told.compare,
  });
}

/** Unix seconds in the payload of a push, RFC 3339 elsewhere. */
function pushedAt(value: number | string | null | undefined): number | undefined {
  return typeof value === "number" ? value * 1000 : timeOf(value);
}

function deployed({
  deployment,
  deployment_status: status,
  repository,
  sender: who,
}: z.infer<typeof Deployed>): Reading {
  const state = status?.state ?? "created";
  if (!["created", "in_progress", "success"].includes(state)) return ignored("deployment state");
  const { sha, environment, ref } = deployment;
  const { full_name: name } = repository;
  return {
    kind: "change",
    change: {
      key: ["deployment", name, deployment.id].join(" "),
      at: timeOf(status?.created_at ?? deployment.created_at),
      kind: "deploy",
      names: namesOf(name),
      environment,
      summary: `deployment of ${name} ${ref ?? shortSha(sha)} to ${environment}`,
      after: { commit: sha, version: ref === sha ? undefined : (ref ?? undefined), environment },
      course: ["environment"],
      // What began is dated by its beginning, which may have been told before.
      ...(state === "in_progress" ? {} : { unlessKnown: true as const }),
      actor: deployment.creator?.login ?? who?.login,
      url: status?.log_url || repository.html_url,
    },
  };
}

function released({ action, release, repository, sender: who }: z.infer<typeof Release>): Reading {
  if (action !== "published") return ignored("release action");
  const { full_name: name } = repository;
  return {
    kind: "change",
    change: {
      key: ["release", name, release.id].join(" "),
      at: timeOf(release.published_at),
      kind: "other",
      names: namesOf(name),
      summary: `release ${release.tag_name} of ${name}`,
      after: { release: release.tag_name },
      course: [],
      actor: release.author?.login ?? who?.login,
      url: release.html_url,
    },
  };
}

function published(told: z.infer<typeof Published>): Reading {
  const one = told.registry_package ?? told.package;
  if (one === undefined)
    return { kind: "wrong", place: "registry_package", detail: "is missing from the payload of the event" };
  const version = one.package_version;
  if (told.action !== "published" && told.action !== "updated") return ignored("package action");
  if (version === undefined || version === null) return ignored("package without a version");
  const tag = version.container_metadata?.tag;
  const shown = tag?.name || version.version;
  return {
    kind: "change",
    change: {
      key: ["package", told.repository?.full_name ?? "", one.name, version.id ?? version.version, shown].join(" "),
      at: timeOf(version.created_at),
      kind: "other",
      names: [one.name, ...(told.repository ? namesOf(told.repository.full_name) : [])],
      summary: `package ${one.name} ${shown} was published`,
      after: {
        package: shown,
        digest: tag?.digest ?? undefined,
        commit: /^[0-9a-f]{40}$/.test(version.target_oid ?? "") ? (version.target_oid ?? undefined) : undefined,
      },
      course: [],
      actor: told.sender?.login,
      url: version.html_url ?? undefined,
    },
  };
}
