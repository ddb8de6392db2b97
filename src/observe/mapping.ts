// Mapping files: how the raw metrics of an engine become canonical signals. Checked in full before anything uses them.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Labels } from "../model/labels.ts";
import type { SignalId } from "../model/signal.ts";
import { signals } from "../model/signal.ts";
import { type Mistake, parseYamlAs } from "../model/yaml.ts";

/**
 * What is read from a raw series. `last`: value of a gauge. `rate`: increase of a counter a second. `p95` and `mean`: of
 * a histogram's new observations. `rate_of_sum` and `rate_of_count`: increase a second of a histogram's sum or count.
 */
export type Reading = "last" | "rate" | "p95" | "mean" | "rate_of_sum" | "rate_of_count";

/** One raw metric a signal can be made from. */
export interface SignalSource {
  /** Names without prefix; `_total` may be left out. */
  readonly names: readonly string[];
  readonly read: Reading;
  /** Attributes a raw series must have; an empty value asks for absence. */
  readonly where: Labels;
  /** Factor from the raw unit to the signal's. */
  readonly scale: number;
  /** The raw value is the reciprocal of what is wanted (tokens a second for seconds a token). */
  readonly invert: boolean;
  /** How the series of one entity become one value. Histograms of equal bounds are always added up. */
  readonly combine: "sum" | "max" | "mean";
}

export interface SignalMapping {
  readonly engine: string;
  /** Beginnings of the engine's metric names. `:`, `.` and `_` count as the same, and Ray's `ray_` may stand before. */
  readonly prefixes: readonly string[];
  /** Attributes or resource attributes, best first, that name the model and the version served. */
  readonly model: readonly string[];
  readonly version: readonly string[];
  /** Sources, best first: the first that has a value at a step gives it. */
  readonly signals: Readonly<Partial<Record<SignalId, readonly SignalSource[]>>>;
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

const signalIds = signals.map((signal) => signal.id) as [SignalId, ...SignalId[]];
const nameSchema = z.string().regex(/^[A-Za-z_][A-Za-z0-9_:.]*$/, "must be a metric name");
const namesSchema = z.array(z.string().min(1)).default([]);
const sourceSchema = z.strictObject({
  metric: z.union([nameSchema, z.array(nameSchema).min(1)]),
  read: z.enum(["last", "rate", "p95", "mean", "rate_of_sum", "rate_of_count"]),
  where: z.record(z.string(), z.string()).default({}),
  scale: z.number().positive().default(1),
  invert: z.boolean().default(false),
  combine: z.enum(["sum", "max", "mean"]).default("sum"),
});
const fileSchema = z.strictObject({
  engine: z.string().regex(/^[a-z][a-z0-9-]*$/, "must be lower-case letters, digits and dashes"),
  prefixes: z.array(z.string().min(1)).min(1),
  model: namesSchema,
  version: namesSchema,
  signals: z.partialRecord(z.enum(signalIds), z.array(sourceSchema).min(1)),
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

function toMapping(data: z.infer<typeof fileSchema>): SignalMapping {
  const bySignal: Partial<Record<SignalId, SignalSource[]>> = {};
  for (const signal of signalIds) {
    const sources = data.signals[signal];
    if (sources === undefined) continue;
    bySignal[signal] = sources.map(({ metric, ...rest }) => ({
      names: typeof metric === "string" ? [metric] : metric,
      ...rest,
    }));
  }
  return { ...data, signals: bySignal };
}
