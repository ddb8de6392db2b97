// The schema of what one step of an allowed action does. Everything a program or path is made of stands here.
import { isAbsolute, normalize } from "node:path";
import { z } from "zod";
import { parseDuration } from "../model/time.ts";

/** Without `..`: what it says is where it is. */
export const path = z
  .string()
  .refine(
    (text) => isAbsolute(text) && normalize(text) === text && text.length > 1 && !/[\p{Cc}]/u.test(text),
    "must be an absolute path without .. or doubled slashes, such as /srv/model",
  );
const argument = z
  .string()
  .max(1000)
  .regex(/^[^\p{Cc}]*$/u, "must have no control characters");
/** Milliseconds from `30s` or `5m`, above zero and at most `max`. */
export const duration = (fallback: string, max: string) =>
  z
    .string()
    .default(fallback)
    .refine((text) => (parseDuration(text) ?? 0) > 0, "is not a duration above zero; write it like 30s, 5m or 1h30m")
    .refine((text) => (parseDuration(text) ?? 0) <= parseDuration(max)!, `is longer than ${max}`)
    .transform((text) => parseDuration(text)!);
const environment = z
  .record(z.string().regex(/^[A-Za-z_]\w{0,127}$/, "must be the name of an environment variable"), argument)
  .default({})
  .describe("The whole environment; nothing is inherited.");

const Systemd = z.strictObject({
  use: z.literal("systemd"),
  unit: z
    .string()
    .regex(
      /^[A-Za-z0-9:_][A-Za-z0-9:_.\\@-]{0,200}\.(service|socket|timer|target)$/,
      "must be a unit such as vllm.service",
    ),
  user: z.boolean().default(false).describe("A unit of this user's own manager (systemctl --user)."),
  program: path.default("/usr/bin/systemctl"),
  env: environment,
  timeout: duration("2m", "30m"),
});

const Docker = z.strictObject({
  use: z.literal("docker"),
  container: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, "must be the name of a container"),
  socket: path.default("/var/run/docker.sock"),
  grace: duration("10s", "10m").describe("Between SIGTERM and SIGKILL."),
  timeout: duration("2m", "30m"),
});

const Pm2 = z.strictObject({
  use: z.literal("pm2"),
  name: z.string().regex(/^[A-Za-z0-9][\w.@-]{0,127}$/, "must be the name of a process of pm2"),
  program: path.describe("The program pm2."),
  env: environment.describe("Needs PM2_HOME and, where pm2 is a script, a PATH with node in it."),
  timeout: duration("2m", "30m"),
});

const Process = z.strictObject({
  use: z.literal("process"),
  pidFile: path,
  match: argument
    .min(3)
    .describe("Text that the command line of the process has in it; another process of that number is left alone."),
  start: z.array(argument).min(1).max(200).describe("Program (absolute path) and arguments; no shell."),
  folder: path.optional().describe("Where it is started. Default: /."),
  env: environment,
  log: path.optional().describe("File that its output is appended to. Default: nowhere."),
  grace: duration("10s", "10m").describe("Between SIGTERM and SIGKILL."),
  settle: duration("1s", "5m").describe("It must live that long to count as started."),
  writesPidFile: z.boolean().default(false).describe("Whether the program writes the pid file itself."),
});

const Git = z.strictObject({
  use: z.literal("git"),
  checkout: path,
  to: z
    .union([
      z.enum(["previous-commit", "previous-checkout"]),
      z.string().regex(/^refs\/(tags|heads|remotes)\/[A-Za-z0-9][\w./-]{0,200}$/),
      z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/),
    ])
    .refine((text) => !text.includes(".."), "must have no .. in it")
    .describe(
      "previous-commit (first parent), previous-checkout (where HEAD was before), a full ref or a full commit id.",
    ),
  program: path.default("/usr/bin/git"),
  timeout: duration("2m", "30m"),
});

const Symlink = z.strictObject({
  use: z.literal("symlink"),
  link: path.describe("The symbolic link that says which release is served."),
  releases: path.describe("The folder whose folders are the releases."),
  order: z
    .enum(["name", "time"])
    .default("name")
    .describe("How releases follow one another; numbers in names count as such."),
});

const Source = z.union([
  z.strictObject({ folder: path }),
  z.strictObject({
    url: z
      .url({ protocol: /^https$/, error: "is not an https URL" })
      .refine((text) => /\/$/.test(text) && !/[?#@]/.test(text), "must end in / and have no query or credentials"),
    redirects: z
      .array(z.string().regex(/^[a-z0-9][a-z0-9.-]{0,251}[a-z0-9]$/, "must be a host name"))
      .max(10)
      .default([])
      .describe("Other hosts it may send us on to."),
    ca: path.optional().describe("PEM file of the authority that signed the host's certificate."),
  }),
]);

const Checksum = z.strictObject({
  use: z.literal("checksum"),
  folder: path,
  manifest: path.describe(
    "As sha256sum writes it; lines `#bytes N NAME` give sizes (homeostat agent manifest writes both).",
  ),
  source: Source.optional().describe("Where good files come from; without it wrong ones are only told."),
  quarantine: path.describe("Folder for wrong files, on the same file system."),
  stall: duration("30s", "10m").describe("A source that sends nothing for so long is given up."),
});

const Cache = z.strictObject({
  use: z.literal("cache"),
  folder: path.describe("Emptied; the folder itself stays."),
  keep: z
    .array(z.string().regex(/^[^/\p{Cc}]{1,255}$/u, "must be a plain name"))
    .max(100)
    .default([]),
});

const Script = z.strictObject({
  use: z.literal("script"),
  program: path,
  args: z
    .array(
      z.union([
        argument,
        z.strictObject({ parameter: z.string(), prefix: argument.min(1).optional().describe("Such as --share=.") }),
      ]),
    )
    .max(100)
    .default([]),
  env: environment,
  folder: path.optional().describe("Where it is started. Default: /."),
  timeout: duration("1m", "1h"),
});

export const Step = z
  .discriminatedUnion("use", [Systemd, Docker, Pm2, Process, Git, Symlink, Checksum, Cache, Script], {
    error: "must name one of systemd, docker, pm2, process, git, symlink, checksum, cache, script under use",
  })
  .superRefine((step, context) => {
    const wrong = (where: string, message: string): void =>
      context.addIssue({ code: "custom", path: [where], message });
    if (step.use === "process" && !isAbsolute(step.start[0]!)) wrong("start", "must begin with an absolute path");
    if (step.use === "symlink" && isInside(step.link, step.releases)) wrong("link", "must not be inside releases");
    if (step.use === "checksum" && isInside(step.quarantine, step.folder))
      wrong("quarantine", "must not be inside the folder that is repaired");
  });

export type Step = z.output<typeof Step>;
export type StepOf<U extends Step["use"]> = Extract<Step, { use: U }>;

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
