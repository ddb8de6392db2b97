// Configuration of who tells of changes, and of the code that changes bring.
import { z } from "zod";
import { isSecret } from "../deliver/sign.ts";
import { parseDuration } from "../model/time.ts";

const secret = z
  .union([z.string(), z.array(z.string()).min(1).max(5)])
  .transform((value) => (typeof value === "string" ? [value] : value))
  .refine((all) => all.every((one) => one.length >= 8), "is shorter than 8 characters; use a longer secret");
/** A signing token is decoded: one that is no base64 would be an empty key, with which anybody can sign. */
const gitlabSecret = secret.refine(
  (all) => all.every((one) => !one.startsWith("whsec_") || isSecret(one)),
  "begins with whsec_ and is no signing token: whsec_ and 16 to 64 bytes in base64; copy it from GitLab as it is",
);
const sender = (what: string, shape = secret) =>
  z.strictObject({ secret: shape.optional().describe(what) }).prefault({});

const TargetRule = z.strictObject({
  from: z.enum(["github", "gitlab", "argocd", "flux", "mlflow"]).optional().describe("Default: whoever sends it."),
  name: z
    .string()
    .min(1)
    .describe("Repository, application or model as its sender names it (org/chat); * at its end matches any rest."),
  environment: z.string().min(1).optional().describe("Only deployments to this environment."),
  branch: z
    .string()
    .min(1)
    .optional()
    .describe("Only pushes to this branch. Default: the repository's default branch."),
  target: z
    .string()
    .regex(/^(replica|deployment|node|gpu|container|service):./, "must be <kind>:<name>, such as deployment:chat")
    .describe("What it changes here."),
  kind: z
    .enum(["deploy", "config", "scale", "restart", "model", "other"])
    .optional()
    .describe("What such a change is here, for example config for a repository of manifests."),
});

export const Changes = z.strictObject({
  github: sender("Secret of the webhook (X-Hub-Signature-256); a list while one is exchanged for the next."),
  gitlab: sender("Secret token (X-Gitlab-Token) or signing token (whsec_…).", gitlabSecret),
  argocd: sender("Token that the notification sends as X-Homeostat-Token."),
  flux: sender("HMAC key of a provider of type generic-hmac (X-Signature)."),
  mlflow: sender("Secret of the webhook (X-MLflow-Signature, X-Databricks-Signature)."),
  tolerance: z
    .string()
    .default("5m")
    .refine((text) => (parseDuration(text) ?? 0) > 0, "is not a duration; write it like 30s, 5m or 1h30m")
    .transform((text) => parseDuration(text)!)
    .describe("How far the time that a sender signs may be from ours."),
  map: z
    .array(TargetRule)
    .max(1000)
    .default([])
    .describe("What repositories, applications and models are here. Default: by the same name."),
  onlyMapped: z.boolean().default(false).describe("Acknowledge, and do not keep, what map does not name."),
  actors: z
    .enum(["hash", "keep", "drop"])
    .default("hash")
    .describe("Names of who made a change. hash needs privacy.salt; without one they are dropped."),
});

const names = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((value) => (typeof value === "string" ? [value] : value));

export const Code = z.strictObject({
  repositories: z
    .array(
      z.strictObject({
        service: names.describe("Service, deployment or application that runs this code, or several."),
        path: z.string().min(1).describe("A local clone. Homeostat reads it and never fetches: keep it up to date."),
        tags: z
          .array(z.string().regex(/\{version\}/, "must have {version} in it, such as v{version}"))
          .min(1)
          .max(10)
          .default(["{version}", "v{version}"])
          .describe("Which tags a version may be."),
        roots: z
          .array(z.string().min(1))
          .default(["src", "python", "lib", "app", "src/main/java", "src/main/kotlin", "src/main/scala"])
          .describe("Folders that are left out of a file's path when the code is built or installed."),
      }),
    )
    .max(100)
    .default([])
    .describe("Where the code of what is watched is, so that a diagnosis can say which commit touched what fails."),
  git: z.string().min(1).default("git").describe("The program git, or its path."),
  sarif: z
    .array(z.string().min(1))
    .max(100)
    .default([])
    .describe(
      "Reports of static analysis in SARIF 2.1.0: files, or folders of *.sarif. They are read again when they change.",
    ),
});
