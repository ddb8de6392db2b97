// The part of the configuration that names whom probes ask, what, and what it may cost.
import { z } from "zod";
import { tenantPattern } from "../model/tenant.ts";
import { parseDuration } from "../model/time.ts";

const instance = z
  .string()
  .min(1)
  .describe(
    "Name of the replica in its telemetry (service.instance.id). Unset: host:port, as a scraped page is named.",
  );
const service = z
  .string()
  .min(1)
  .describe("Its service.name or deployment, for as long as its telemetry has not said; without either, no series.");
const tenant = z.string().regex(tenantPattern, "must be a lower-case letter and up to 31 letters, digits or _");

const Target = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "is not an http(s) URL such as http://vllm-0:8000" })
    .refine((text) => isBase(text), "must end before /v1, without user, query or fragment")
    .describe("The engine itself, one replica; nothing else is contacted, redirects are not followed."),
  instance: instance.optional(),
  service: service.optional(),
  model: z.string().min(1).optional().describe("Unset: the first that /v1/models names."),
  pool: z.enum(["canary", "control"]).optional().describe("Canaries are held beside controls."),
  tenant: tenant.optional(),
  extra: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("More fields of every request, such as chat_template_kwargs: { enable_thinking: false }."),
  authorization: z.string().min(1).optional().describe("Value of the Authorization header."),
  otherAuthorization: z
    .string()
    .min(1)
    .optional()
    .describe("Another key's, for probes that look for one tenant's text in another's answers."),
});

const Manifest = z.strictObject({
  file: z.string().min(1).describe("SHA-256 sums as sha256sum writes them."),
  root: z.string().min(1).optional().describe("Folder its names begin at. Unset: the manifest's own."),
  instance: z.string().min(1).describe("The replica that serves the files."),
  service: service.optional(),
  tenant: tenant.optional(),
  every: z
    .string()
    .default("1d")
    .refine((text) => (parseDuration(text) ?? 0) >= 60_000, "is not a duration of 1m or more")
    .transform((text) => parseDuration(text) ?? 0),
});

export const Probes = z.strictObject({
  targets: z.array(Target).max(1000).default([]),
  shipped: z.boolean().default(true).describe("Run the probes of rules/probes."),
  files: z.array(z.string()).default([]).describe("Probe files of your own, or folders of them."),
  tokenShare: z
    .number()
    .min(0)
    .max(0.1)
    .default(0.001)
    .describe("Of the tokens that targets serve, as telemetry tells."),
  floorTokensPerDay: z
    .number()
    .min(0)
    .default(10_000)
    .describe("For each target, however little it serves: an idle fleet is looked at too."),
  manifests: z
    .array(Manifest)
    .max(100)
    .default([])
    .describe("Files on this host that must not change, such as weights."),
});

export type Probes = z.infer<typeof Probes>;

function isBase(text: string): boolean {
  const { username, password, search, hash, pathname } = new URL(text);
  return username === "" && password === "" && search === "" && hash === "" && !/\/v1\/?$/.test(pathname);
}
