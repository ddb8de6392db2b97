// Probe files: YAML into checked probes, every mistake with its place.
import { z } from "zod";
import { parseDuration } from "../model/time.ts";
import { type Mistake, parseYamlAs } from "../model/yaml.ts";
import { compileRegex, type Regex } from "../promql/regex/program.ts";

const text = z.string().trim().min(1, "must say something");
const duration = (fallback: string) =>
  z
    .string()
    .refine((value) => (parseDuration(value) ?? 0) > 0, "is not a duration; write it like 30s, 5m or 1h30m")
    .default(fallback)
    .transform((value) => parseDuration(value) ?? 0);
const name = z.string().regex(/^[a-z][a-z0-9_]{0,39}$/, "must be small letters, digits and _, such as known_answer");

/** A pattern of RE2's language, sought anywhere in a text; matching takes time linear in the text. */
const pattern = text.max(500).transform((source, context): Regex => {
  const regex = compileRegex(`(?s:.*)(?:${source})(?s:.*)`);
  if (!("error" in regex)) return regex;
  context.addIssue({ code: "custom", message: `is not a regular expression that can be used: ${regex.error}` });
  return z.NEVER;
});

const jsonSchema = z.record(z.string(), z.unknown()).transform((source, context) => {
  try {
    if (source["type"] === undefined) throw new Error("it needs a type");
    return z.fromJSONSchema(source as Parameters<typeof z.fromJSONSchema>[0]);
  } catch (error) {
    context.addIssue({ code: "custom", message: `is not a JSON Schema that can be used: ${(error as Error).message}` });
    return z.NEVER;
  }
});

const Checks = z
  .strictObject({
    exact: z.string().optional().describe("The whole answer, but for white space around it."),
    matches: pattern.optional().describe("A pattern that is found in it."),
    lacks: pattern.optional().describe("A pattern that is not."),
    json: jsonSchema.optional().describe("JSON, fenced or not, that this schema takes."),
    language: z.enum(["en", "de", "fr", "es", "it", "pt", "nl", "ru", "zh", "ja", "ko", "ar", "hi"]).optional(),
    charactersMin: z.int().min(0).optional(),
    charactersMax: z.int().min(1).optional(),
    ends: z.boolean().optional().describe("It ends by itself, not at maxTokens."),
    like: z
      .strictObject({ answer: text, min: z.number().gt(0).max(1) })
      .optional()
      .describe("Cosine of character n-grams to a stored answer."),
    modelAsked: z.boolean().optional().describe("The model that was asked says that it answered."),
    header: z
      .strictObject({ name: text, matches: pattern })
      .optional()
      .describe("A header of the answer: who served it."),
  })
  .refine(({ charactersMin = 0, charactersMax = Number.POSITIVE_INFINITY }) => charactersMin <= charactersMax, {
    path: ["charactersMax"],
    message: "must not be below charactersMin",
  });

const Case = z.strictObject({
  id: name,
  system: text.optional(),
  prompt: text.max(100_000),
  checks: Checks.prefault({}),
});

const shared = {
  id: name.describe(
    "The label `probe` of its series; failure modes ask for known_answer, golden, determinism and so on.",
  ),
  says: text,
  every: duration("10m"),
  afterRepair: z.boolean().default(false),
  essential: z.boolean().default(false).describe("May use what is left of the budget when others no longer may."),
  api: z.enum(["completions", "chat"]).default("chat"),
  maxTokens: z.int().min(1).max(4096).default(64),
  timeout: duration("2m"),
  within: duration("1h").describe("Latency budget: an answer later than this fails the probe."),
  unanswered: z
    .enum(["fails", "unknown"])
    .default("unknown")
    .describe("Whether no answer (hang, error, garbage) is a failure of this probe, or nothing known about it."),
  extra: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("More fields of the request, such as chat_template_kwargs."),
};
const cases = z.array(Case).min(1).max(50);

const Answers = z.strictObject({ ...shared, kind: z.literal("answers"), cases });
const Canary = z.strictObject({
  ...shared,
  kind: z.literal("canary"),
  cases,
  alpha: z.number().gt(0).max(0.2).default(0.01).describe("Probability of a false word against a canary, in a day."),
});
const Determinism = z.strictObject({
  ...shared,
  kind: z.literal("determinism"),
  prompt: text.max(100_000),
  alike: z.number().gt(0).max(1).default(0.8).describe("Cosine below which two greedy answers are not the same."),
});
const Secret = z.strictObject({ ...shared, kind: z.literal("secret"), filler: text.max(100_000).optional() });

const Probe = z
  .discriminatedUnion("kind", [Answers, Canary, Determinism, Secret])
  .refine(({ within, timeout }) => within >= 1 && timeout >= 100, "needs a timeout of 100ms or more");

export type ProbeSpec = z.infer<typeof Probe>;
export type ProbeCase = z.infer<typeof Case>;
export type Checks = z.infer<typeof Checks>;

/** Reads probe files, one probe a file. What is faulty is left out; `mistakes` names all of it. */
export function loadProbes(files: readonly { readonly name: string; readonly text: string }[]): {
  readonly probes: readonly ProbeSpec[];
  readonly mistakes: readonly Mistake[];
} {
  const probes: ProbeSpec[] = [];
  const mistakes: Mistake[] = [];
  for (const file of files) {
    const parsed = parseYamlAs<ProbeSpec>(file.name, file.text, Probe);
    if (!parsed.ok) {
      mistakes.push(...parsed.mistakes);
      continue;
    }
    const probe = parsed.value;
    const { place } = parsed.document;
    const found: Mistake[] = [];
    if (probes.some(({ id }) => id === probe.id))
      found.push({ file: file.name, ...place(["id"]), says: `id: ${probe.id} is taken by another file` });
    const ids = "cases" in probe ? probe.cases.map(({ id }) => id) : [];
    for (const [i, id] of ids.entries())
      if (ids.indexOf(id) < i)
        found.push({
          file: file.name,
          ...place(["cases", i, "id"]),
          says: `cases.${i}.id: ${id} is taken by another case`,
        });
    mistakes.push(...found);
    if (found.length === 0) probes.push(probe);
  }
  return { probes, mistakes };
}
