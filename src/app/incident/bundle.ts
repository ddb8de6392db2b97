// An incident as one file: what is on record about it and the series around it, so that it can be thought through again elsewhere.
import { readFileSync, statSync } from "node:fs";
import { z } from "zod";
import { type Entity, entityKinds } from "../../model/entity.ts";
import type { Labels } from "../../model/labels.ts";
import { userError } from "../command.ts";
import type { Story } from "./story.ts";

export interface StoredSeries {
  /** With `__name__`. */
  readonly labels: Labels;
  /** Unix ms, strictly rising. */
  readonly times: readonly number[];
  /** As many; `NaN`, `+Inf` and `-Inf` as text. */
  readonly values: readonly (number | string)[];
}

export interface Bundle extends Story {
  readonly format: typeof format;
  readonly version: typeof formatVersion;
  /** Of Homeostat, when it was exported. */
  readonly homeostat: string;
  readonly exportedAt: number;
  /** What the catalogue was then: hash of each failure mode's file by its name. */
  readonly catalogue: Readonly<Record<string, string>>;
  readonly entities: readonly Entity[];
  readonly series: readonly StoredSeries[];
  /** What could not be had, as sentences. */
  readonly left: readonly string[];
}

export const format = "homeostat-incident";
export const formatVersion = 1;
const bytesMax = 512 * 1024 * 1024;
const problemsTold = 3;

const id = z.string().min(1).max(1000);
const at = z.number();
const labels = z.record(z.string(), z.string());
const real = z.number().nullable();
const evidence = z.looseObject({
  kind: z.string(),
  says: z.string(),
  at,
  entity: id.optional(),
  subject: z.string().optional(),
});
const cause = z.looseObject({
  failureMode: id,
  title: z.string(),
  probability: z.number().min(0).max(1),
  location: id,
  for: z.array(evidence),
  against: z.array(evidence),
});

/** What is read of a bundle is checked; the rest may be whatever it is. */
const Checked = z.looseObject({
  format: z.literal(format, `is not "${format}"`),
  version: z.literal(formatVersion, "is not 1: it was made by another version of Homeostat"),
  incident: z.looseObject({ id, onset: at, openedAt: at, updatedAt: at, entities: z.array(id), symptoms: z.array(id) }),
  anomalies: z.array(
    z.looseObject({
      id,
      entity: id,
      signal: z.string(),
      onset: at,
      endedAt: at.optional(),
      tail: z.number(),
      direction: z.enum(["up", "down", "both"]),
      observed: real,
      expected: z.looseObject({ low: real, high: real }),
    }),
  ),
  alerts: z.array(
    z.looseObject({
      id,
      rule: z.string(),
      state: z.string(),
      labels,
      activeAt: at,
      resolvedAt: at.optional(),
      value: real,
    }),
  ),
  diagnoses: z.array(z.looseObject({ id, incident: id, at, causes: z.array(cause) })),
  changes: z.array(z.looseObject({ id, at, kind: z.string(), target: id, summary: z.string() })),
  findings: z.array(z.looseObject({ at, entity: id, says: z.string() })),
  actions: z.array(z.looseObject({})),
  entities: z.array(
    z.looseObject({
      id,
      kind: z.enum(entityKinds),
      name: z.string(),
      parent: id.optional(),
      labels,
      place: labels.optional(),
    }),
  ),
  series: z.array(
    z
      .looseObject({
        labels,
        times: z.array(at),
        values: z.array(z.union([z.number(), z.enum(["NaN", "+Inf", "-Inf"])])),
      })
      .refine(({ times, values }) => times.length === values.length, "has not as many times as values")
      .refine(({ times }) => times.every((time, i) => i === 0 || time > times[i - 1]!), "has times that do not rise"),
  ),
  catalogue: labels,
});

/** Reads a bundle that `homeostat incident export` wrote. Throws a user's error that says what is wrong with the file and where. */
export function readBundle(file: string): Bundle {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw userError(`${file} is no file; give one that homeostat incident export wrote`);
  if (stat.size > bytesMax)
    throw userError(`${file} is larger than ${bytesMax / 1024 / 1024} MiB, which no bundle is; export it anew`);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    throw userError(`${file} is no JSON (${(error as Error).message}); export it anew with homeostat incident export`);
  }
  const checked = Checked.safeParse(content);
  if (checked.success) return content as Bundle;
  const told = checked.error.issues.slice(0, problemsTold).map(({ path, message }) => {
    return `${path.length === 0 ? "the whole" : path.map(String).join(".")}: ${message}`;
  });
  throw userError(
    `${file} is no bundle of an incident (${told.join("; ")}); export it anew with homeostat incident export`,
  );
}
