// The schema of the agent's own file: who may ask, and which of the declared things each request selects.
import { z } from "zod";
import { duration, path, Step } from "./step-schema.ts";

const Key = z.strictObject({
  file: path.optional().describe("A file that holds a whsec_… secret and that nobody else can read."),
  env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]{0,127}$/, "must be the name of an environment variable")
    .optional()
    .describe("An environment variable that holds it."),
});
const Keys = z
  .array(Key.refine(({ file, env }) => (file === undefined) !== (env === undefined), "needs either file or env"))
  .min(1)
  .max(5);

/** `identifier` = letters, digits and . _ : - not at the beginning; `{ min, max }` = a plain decimal number; a list = one of it. */
const Parameter = z.union([
  z.literal("identifier"),
  z
    .strictObject({ min: z.number(), max: z.number(), integer: z.boolean().default(false) })
    .refine(({ min, max }) => min <= max, "has a min above its max"),
  z
    .array(z.string().regex(/^[A-Za-z0-9_][\w.:/+-]{0,127}$/, "must begin with a letter or digit and have no spaces"))
    .min(1)
    .max(100),
]);
export type ParameterSpec = z.output<typeof Parameter>;

const Rule = z
  .strictObject({
    action: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,63}$/, "must be a kind of action such as restart-replica")
      .describe("Kind of action as Homeostat asks for it."),
    target: z
      .string()
      .regex(/^[a-z]+:[^\p{Cc}]{1,256}$/u, "must be <kind>:<name>, such as replica:vllm-0")
      .describe("What Homeostat calls it; exactly this."),
    parameters: z
      .record(z.string().regex(/^[A-Za-z]\w{0,63}$/, "must be a plain name"), Parameter)
      .default({})
      .describe("What a request may say besides; anything else is refused."),
    do: z.array(Step).min(1).max(8).describe("Steps, one after another; the first that fails ends it."),
  })
  .superRefine((rule, context) => {
    for (const [i, step] of rule.do.entries()) {
      if (step.use !== "script") continue;
      for (const [j, arg] of step.args.entries()) {
        if (typeof arg === "string") continue;
        const spec = Object.hasOwn(rule.parameters, arg.parameter) ? rule.parameters[arg.parameter] : undefined;
        const says = whyUnfit(spec, arg.prefix);
        if (says !== undefined)
          context.addIssue({ code: "custom", path: ["do", i, "args", j], message: `${arg.parameter} ${says}` });
      }
    }
  });
export type Rule = z.output<typeof Rule>;

export const AgentSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, "must be 1 to 64 letters, digits or . _ -")
      .describe("What this agent calls itself in results and in its audit log."),
    mode: z.enum(["observe", "act"]).default("observe").describe("observe = only tells what it would do."),
    listen: z
      .strictObject({
        host: z.string().min(1).default("127.0.0.1"),
        port: z.int().min(0).max(65535).default(7071),
        path: z
          .string()
          .regex(/^\/[\w./-]{0,127}$/, "must be a path such as /actions")
          .default("/actions"),
        tls: z.strictObject({ cert: path, key: path }).optional().describe("PEM files; without them plain HTTP."),
      })
      .prefault({}),
    keys: Keys.describe("Secrets that requests are signed with; several while one is exchanged for the next."),
    tolerance: duration("5m", "15m").describe("How far the time that a sender signs may be from ours, both ways."),
    maxAge: duration("10m", "1h").describe("A request older than that is about another situation and is refused."),
    remember: duration("7d", "90d").describe("How long ids and results are kept, so that nothing runs twice."),
    state: path.describe("Folder for what it remembers and its audit log; nobody else may write there."),
    killSwitch: path.describe("While a file of that name is there, nothing runs."),
    bodyBytes: z
      .int()
      .min(1024)
      .max(1024 * 1024)
      .default(64 * 1024),
    limits: z
      .strictObject({
        perHour: z.int().min(1).max(1000).default(12).describe("Actions of all targets."),
        perTargetPerHour: z.int().min(1).max(100).default(4),
        pause: duration("2m", "1d").describe("Least time between two actions on one target."),
        waiting: z.int().min(1).max(1000).default(20).describe("Actions that wait for their turn."),
      })
      .prefault({}),
    reply: z
      .strictObject({
        url: z.url({ protocol: /^https?$/, error: "is not an http(s) URL" }),
        keys: Keys,
        allow: z.array(z.string()).max(50).default([]).describe("Private addresses (CIDR) the URL may be at."),
      })
      .optional()
      .describe("Where results go; without it they are in the audit log and in the answer to a repeated request."),
    allow: z.array(Rule).min(1).max(500),
  })
  .superRefine((file, context) => {
    const seen = new Map<string, number>();
    for (const [i, { action, target }] of file.allow.entries()) {
      const first = seen.get(`${action} ${target}`);
      const message = `${action} on ${target} is declared already (allow.${first}); keep one`;
      if (first !== undefined) context.addIssue({ code: "custom", path: ["allow", i, "target"], message });
      else seen.set(`${action} ${target}`, i);
    }
    // What is forgotten must not be acceptable any more.
    const least = 2 * Math.max(file.tolerance, file.maxAge);
    if (file.remember < Math.max(least, 3_600_000))
      context.addIssue({ code: "custom", path: ["remember"], message: "must be an hour and twice maxAge at least" });
  });

export type AgentFile = z.output<typeof AgentSchema>;
export type KeySource = AgentFile["keys"][number];

/** A value that stands alone as an argument must not look like an option. */
function whyUnfit(spec: ParameterSpec | undefined, prefix: string | undefined): string | undefined {
  if (spec === undefined) return "is not declared under parameters of this entry";
  const mayBeNegative = typeof spec === "object" && !Array.isArray(spec) && spec.min < 0;
  if (mayBeNegative && prefix === undefined)
    return "may be negative and would look like an option; give a prefix such as --by=";
  return undefined;
}
