// The catalogue of failure modes: YAML files into checked values, every mistake with its place.
import { z } from "zod";
import { entityKinds } from "../model/entity.ts";
import { actionKinds, type FailureMode, type SymptomSpec } from "../model/failure-mode.ts";
import { requestAttributes, requestTroubles } from "../model/request-attributes.ts";
import { signals } from "../model/signal.ts";
import { parseDuration } from "../model/time.ts";
import { type Mistake, parseYamlAs, type YamlDocument } from "../model/yaml.ts";
import { parseQuery } from "../promql/parse.ts";

/** What `$entity` and `$before` stand for while a check is only being parsed. */
const samples: Readonly<Record<string, string>> = { $entity: "replica:x", $before: "0" };

const duration = z
  .string()
  .refine((text) => parseDuration(text) !== undefined, "is not a duration; write it like 30s, 5m or 1h30m")
  .transform((text) => parseDuration(text) ?? 0);
const slug = z.string().regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "must be a slug such as kv-cache-saturation");
const text = z.string().trim().min(1, "must say something");
const signal = z.enum(["joint", ...signals.map(({ id }) => id)]);
const changeKind = z.enum(["deploy", "config", "scale", "restart", "model", "other"]);

const entityKind = z.enum(entityKinds);
/** Catalogues are ours and their users' own; a pattern that backtracks for ever is refused by its length and by what it looks at. */
const pattern = text.max(200).transform((source, context) => {
  try {
    return new RegExp(source, "i");
  } catch (error) {
    context.addIssue({ code: "custom", message: `is not a regular expression: ${(error as Error).message}` });
    return z.NEVER;
  }
});

const sources = {
  expr: text.optional(),
  anomaly: z.strictObject({ signal, direction: z.enum(["up", "down", "both"]) }).optional(),
  change: z
    .strictObject({ kinds: z.array(changeKind).min(1), within: duration, matches: pattern.optional() })
    .optional(),
  code: z
    .strictObject({ kinds: z.array(changeKind).min(1), within: duration, touched: z.enum(["line", "file"]) })
    .optional(),
  requests: z
    .strictObject({
      of: z.array(z.enum(requestAttributes)).min(1),
      that: z.array(z.enum(requestTroubles)).min(1),
    })
    .optional(),
  log: z.strictObject({ contains: text, within: duration, matches: pattern.optional() }).optional(),
};

const symptom = {
  id: slug,
  says: text,
  ...sources,
  on: entityKind.optional(),
  share: z.number().gt(0).max(1).optional(),
  family: slug.optional(),
  present: z.number().gt(1, "must be above 1: how many times likelier it is seen with this mode than without"),
  absent: z.number().gt(0).max(1).default(1),
};

const oneSource = (spec: Readonly<Record<string, unknown>>): boolean =>
  Object.keys(sources).filter((key) => spec[key] !== undefined).length === 1;
const oneSourceSays = `needs exactly one of ${Object.keys(sources).join(", ")}`;

const Symptom = z.strictObject(symptom).refine(oneSource, oneSourceSays).transform(toSymptom);
const Discriminator = z
  .strictObject({ ...symptom, against: slug })
  .refine(oneSource, oneSourceSays)
  .transform((spec) => ({ ...toSymptom(spec), against: spec.against }));

const stepName = z.string().regex(/^[a-z0-9]+(_[a-z0-9]+)*$/, "must be a step such as kv_blocks");
const PathStep = z
  .union([stepName, z.strictObject({ step: stepName, symptom: slug })])
  .transform((step) => (typeof step === "string" ? { step } : step));

const Remedy = z.strictObject({
  action: z.enum(actionKinds),
  safety: z.enum(["A", "B", "C", "N"]),
  needsTrigger: z.boolean().default(false),
  at: z.array(entityKind).min(1).exactOptional(),
  why: text,
});

const Check = z
  .strictObject({ id: slug, says: text, expr: text, for: duration, within: duration })
  .refine((check) => check.within > check.for, { path: ["within"], message: "must be longer than for" })
  .transform(({ id, says, expr, for: forMs, within }) => ({ id, says, expr, forMs, withinMs: within }));

const Mode = z.strictObject({
  id: slug,
  code: z.string().regex(/^FM-\d{2,3}[a-z]?$/, "must be a catalogue number such as FM-01"),
  title: text,
  severity: z.enum(["critical", "warning", "info"]),
  at: z.array(entityKind).min(1).default(["replica"]),
  prior: z.number().gt(0).lt(1),
  explanation: text,
  symptoms: z.array(Symptom).min(2, "needs two symptoms or more: one alone proves nothing"),
  path: z.array(PathStep).max(12).default([]),
  discriminators: z.array(Discriminator).default([]),
  consequences: z.array(slug).max(12).default([]),
  remedies: z.array(Remedy).min(1),
  verify: z.array(Check).min(1, "needs a check: a repair that cannot be verified is not made"),
  prevention: text,
});

/** Reads failure modes, one a file. What is faulty is left out; `mistakes` names all of it. */
export function loadFailureModes(files: readonly { readonly name: string; readonly text: string }[]): {
  readonly modes: readonly FailureMode[];
  readonly mistakes: readonly Mistake[];
} {
  const modes: FailureMode[] = [];
  const mistakes: Mistake[] = [];
  for (const file of files) {
    const parsed = parseYamlAs<FailureMode>(file.name, file.text, Mode);
    if (!parsed.ok) {
      mistakes.push(...parsed.mistakes);
      continue;
    }
    const mode = parsed.value;
    const found = [queryMistakes, repeated, lostSteps].flatMap((look) => look(file.name, mode, parsed.document));
    if (modes.some(({ id }) => id === mode.id)) {
      found.push({
        file: file.name,
        ...parsed.document.place(["id"]),
        says: `id: ${mode.id} is taken by another file`,
      });
    }
    mistakes.push(...found);
    if (found.length === 0) modes.push(mode);
  }
  const total = modes.reduce((sum, { prior }) => sum + prior, 0);
  if (total >= 1) {
    const says = `the priors of all failure modes add up to ${total.toFixed(2)}; they must leave room below 1 for "none of them"`;
    mistakes.push({ file: files[0]!.name, line: 0, column: 0, says });
  }
  return { modes, mistakes };
}

type SymptomInput = z.output<z.ZodObject<typeof symptom>>;

function toSymptom(spec: SymptomInput): SymptomSpec {
  const { id, says, present, absent, on, share, family } = spec;
  const where = { ...(on === undefined ? {} : { on }), ...(share === undefined ? {} : { share }) };
  return { id, says, present, absent, ...where, ...(family === undefined ? {} : { family }), source: sourceOf(spec) };
}

function sourceOf({ expr, anomaly, change, requests, code, log }: SymptomInput): SymptomSpec["source"] {
  if (expr !== undefined) return { kind: "expr", expr };
  if (anomaly !== undefined) return { kind: "anomaly", ...anomaly };
  if (requests !== undefined) return { kind: "requests", attributes: requests.of, troubles: requests.that };
  const matching = (matches: RegExp | undefined) => (matches === undefined ? {} : { matches });
  if (change !== undefined) {
    const { kinds, within, matches } = change;
    return { kind: "change", changeKinds: kinds, withinMs: within, ...matching(matches) };
  }
  if (code !== undefined)
    return { kind: "code", changeKinds: code.kinds, withinMs: code.within, touched: code.touched };
  return { kind: "log", contains: log?.contains ?? "", withinMs: log?.within ?? 0, ...matching(log?.matches) };
}

function queryMistakes(file: string, mode: FailureMode, document: YamlDocument): Mistake[] {
  const queries: { path: (string | number)[]; expr: string }[] = [];
  for (const part of ["symptoms", "discriminators"] as const) {
    for (const [i, { source }] of mode[part].entries()) {
      if (source.kind === "expr") queries.push({ path: [part, i, "expr"], expr: source.expr });
    }
  }
  for (const [i, { expr }] of mode.verify.entries()) {
    queries.push({ path: ["verify", i, "expr"], expr: expr.replace(/\$(entity|before)\b/g, (name) => samples[name]!) });
  }
  return queries.flatMap(({ path, expr }) => {
    const parsed = parseQuery(expr);
    if (!("errors" in parsed)) return [];
    return parsed.errors.map(({ line, column, message }) => ({
      file,
      ...document.place(path),
      says: `${path.join(".")}: ${message} (line ${line}, column ${column} of the query)`,
    }));
  });
}

function repeated(file: string, mode: FailureMode, document: YamlDocument): Mistake[] {
  const seen = new Set<string>();
  return (["symptoms", "discriminators"] as const).flatMap((part) =>
    mode[part].flatMap(({ id }, i) => {
      if (!seen.has(id)) {
        seen.add(id);
        return [];
      }
      return [{ file, ...document.place([part, i, "id"]), says: `${part}.${i}.id: ${id} is used twice in this file` }];
    }),
  );
}

/** Steps of the path that no symptom of the mode shows although they name one. */
function lostSteps(file: string, mode: FailureMode, document: YamlDocument): Mistake[] {
  const ids = new Set(mode.symptoms.map(({ id }) => id));
  return mode.path.flatMap(({ symptom }, i) =>
    symptom === undefined || ids.has(symptom)
      ? []
      : [{ file, ...document.place(["path", i]), says: `path.${i}: there is no symptom ${symptom} in this file` }],
  );
}
