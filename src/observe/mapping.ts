// Mapping files: how the raw metrics of an engine become canonical signals. Checked in full before anything uses them.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { catalogue } from "../model/signal.ts";
import { type Mistake, parseYamlAs } from "../model/yaml.ts";

/**
 * What is read from a raw series. `last`: value of a gauge. `rate`: increase of a counter a second. `p95` and `mean`: of
 * a histogram's new observations. `rate_of_sum` and `rate_of_count`: increase a second of a histogram's sum or count.
 * `changed`: a gauge's value while its last change lies within the rate window, else 0. `label`: the product of numbers
 * that stand in attributes.
 */
export type Reading = "last" | "rate" | "p95" | "mean" | "rate_of_sum" | "rate_of_count" | "changed" | "label";

/** Values an attribute may have (or, in `whereNot`, must not have); an empty text is absence. */
export type AttributeFilter = Readonly<Record<string, readonly string[]>>;

/** One raw metric a signal can be made from. */
export interface SignalSource {
  /** Names without prefix; `_total` may be left out. Several are the same thing in different releases. */
  readonly names: readonly string[];
  readonly read: Reading;
  readonly where: AttributeFilter;
  readonly whereNot: AttributeFilter;
  /** Other metrics that are added to it. */
  readonly plus: readonly string[];
  /** Metrics it is a share of, added up and read the same way. With `combine: max` or `mean` each series by itself. */
  readonly per: readonly string[];
  readonly perWhere: AttributeFilter;
  readonly perWhereNot: AttributeFilter;
  /** Attributes with the numbers of `read: label`. */
  readonly label: readonly string[];
  /** Factor from the raw unit to the signal's. A unit the series itself declares wins. */
  readonly scale: number;
  /** The raw value is the reciprocal of what is wanted (tokens a second for seconds a token). */
  readonly invert: boolean;
  /** One minus it is wanted (idle for busy). */
  readonly complement: boolean;
  /** Bits of which any makes the value 1; 0 = the value itself. */
  readonly mask: number;
  /** Some releases print percent where others print a ratio: a value above 1 tells. Blind to percents that stay below. */
  readonly maybePercent: boolean;
  /** A gauge by this name may be a counter whose type was lost on the way, and the other way round. */
  readonly untyped: boolean;
  /** How the series of one entity become one value. Histograms of equal bounds are always added up. */
  readonly combine: "sum" | "max" | "mean";
}

/** Metrics that are left out on purpose. A name may end in `*`. */
export interface Unmapped {
  readonly names: readonly string[];
  readonly reason: string;
}

export interface SignalMapping {
  readonly engine: string;
  /** Its sources go before those of all other files, whatever these are called. */
  readonly first: boolean;
  /** Beginnings of the engine's metric names. `:`, `.` and `_` count as the same, and Ray's `ray_` may stand before an engine's. */
  readonly prefixes: readonly string[];
  /** Attributes or resource attributes, best first, that name the model and the version served. */
  readonly model: readonly string[];
  readonly version: readonly string[];
  /** Sources by signal id, best first: the first that has a value at a step gives it. */
  readonly signals: Readonly<Record<string, readonly SignalSource[]>>;
  readonly unmapped: readonly Unmapped[];
  /** Metrics that cannot stand still while what they are about lives: by them a frozen exporter is told. */
  readonly restless: readonly string[];
}

export interface MappingFile {
  readonly path: string;
  readonly text: string;
}

/** All mistakes of all files; mappings of the files without one. */
export interface MappingSet {
  readonly mappings: readonly SignalMapping[];
  readonly mistakes: readonly Mistake[];
}

const signalIds = catalogue.map((signal) => signal.id) as [string, ...string[]];
const nameSchema = z.string().regex(/^[A-Za-z_][A-Za-z0-9_:.]*$/, "must be a metric name");
const patternSchema = z
  .string()
  .regex(/^(?:\*|[A-Za-z_][A-Za-z0-9_:.]*\*?)$/, "must be a metric name, or the beginning of one and *");
const namesSchema = z.array(z.string().min(1)).default([]);
const filterSchema = z
  .record(z.string(), z.union([z.string(), z.array(z.string()).min(1)]).transform(listOf))
  .default({});
const sourceSchema = z
  .strictObject({
    metric: z.union([nameSchema, z.array(nameSchema).min(1)]).transform(listOf),
    read: z.enum(["last", "rate", "p95", "mean", "rate_of_sum", "rate_of_count", "changed", "label"]),
    where: filterSchema,
    where_not: filterSchema,
    plus: z
      .union([nameSchema, z.array(nameSchema).min(1)])
      .transform(listOf)
      .default([]),
    per: z
      .union([nameSchema, z.array(nameSchema).min(1)])
      .transform(listOf)
      .default([]),
    per_where: filterSchema,
    // What is left out of the part is left out of the whole, unless it says otherwise.
    per_where_not: filterSchema.unwrap().optional(),
    label: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .transform(listOf)
      .default([]),
    scale: z.number().positive().default(1),
    invert: z.boolean().default(false),
    complement: z.boolean().default(false),
    mask: z.int().nonnegative().default(0),
    maybe_percent: z.boolean().default(false),
    untyped: z.boolean().default(false),
    combine: z.enum(["sum", "max", "mean"]).default("sum"),
  })
  .refine(
    ({ read, label }) => (read === "label") === label.length > 0,
    "`label` goes with `read: label`, and only with it",
  )
  .refine(
    ({ read, per }) => per.length === 0 || ["last", "rate", "rate_of_count"].includes(read),
    "`per` goes with `read: last`, `rate` or `rate_of_count`",
  );
const fileSchema = z.strictObject({
  engine: z.string().regex(/^[a-z][a-z0-9-]*$/, "must be lower-case letters, digits and dashes"),
  first: z.boolean().default(false),
  prefixes: z.array(z.string().min(1)).min(1),
  model: namesSchema,
  version: namesSchema,
  signals: z.partialRecord(z.enum(signalIds), z.array(sourceSchema).min(1)),
  restless: namesSchema,
  unmapped: z
    .array(
      z.strictObject({
        metric: z.union([patternSchema, z.array(patternSchema).min(1)]).transform(listOf),
        reason: z.string().min(1),
      }),
    )
    .default([]),
});

/** Reads every `*.yaml` of a folder, in the order of their names. Rejects if the folder cannot be read. */
export async function loadMappings(directory: string): Promise<MappingSet> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".yaml")).sort();
  const files = names.map(async (name): Promise<MappingFile> => {
    const path = join(directory, name);
    return { path, text: await readFile(path, "utf8") };
  });
  return parseMappings(await Promise.all(files));
}

/** Parses mapping files. A file with a mistake gives none of its mappings and spoils no other file. */
export function parseMappings(files: readonly MappingFile[]): MappingSet {
  const mappings: SignalMapping[] = [];
  const mistakes: Mistake[] = [];
  const engines = new Map<string, string>();
  for (const file of files) {
    const parsed = parseYamlAs(file.path, file.text, fileSchema);
    if (!parsed.ok) {
      mistakes.push(...parsed.mistakes);
      continue;
    }
    const { engine } = parsed.value;
    const earlier = engines.get(engine);
    if (earlier !== undefined) {
      const says = `engine "${engine}" is mapped in ${earlier} already; merge the two files`;
      mistakes.push({ file: file.path, ...parsed.document.place(["engine"]), says });
      continue;
    }
    engines.set(engine, file.path);
    mappings.push(toMapping(parsed.value));
  }
  return { mappings, mistakes };
}

function toMapping({ signals, unmapped, ...rest }: z.infer<typeof fileSchema>): SignalMapping {
  const bySignal: Record<string, readonly SignalSource[]> = {};
  for (const id of signalIds) {
    const sources = signals[id];
    if (sources === undefined) continue;
    bySignal[id] = sources.map(({ metric, where_not, per_where, per_where_not, maybe_percent, ...same }) => ({
      names: metric,
      whereNot: where_not,
      perWhere: per_where,
      perWhereNot: per_where_not ?? where_not,
      maybePercent: maybe_percent,
      ...same,
    }));
  }
  return { ...rest, signals: bySignal, unmapped: unmapped.map(({ metric, reason }) => ({ names: metric, reason })) };
}

function listOf(value: string | string[]): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
