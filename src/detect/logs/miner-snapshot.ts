// A miner's state as bytes, and back; nothing is taken in unless all of it is sound.
import { z } from "zod";
import type { Instant } from "../../model/time.ts";
import { packParts, unpackParts } from "../snapshot.ts";
import type { Pattern } from "./pattern.ts";
import { type Scope, scopeKey } from "./scope.ts";
import type { TemplateBook } from "./template-book.ts";

/** What is kept of each template beside its form. */
export interface TemplateFacts {
  severity: number;
  example: string;
  lastAt: Instant;
}

/** Where event time stands, all services together. */
export interface MinerTime {
  newest: Instant;
  /** Number of the step in which silent services were last looked for. */
  swept: number;
}

/** The parts of a miner that last. */
export interface MinerState {
  readonly book: TemplateBook;
  readonly scopes: Map<string, Scope>;
  readonly facts: Map<string, TemplateFacts>;
  readonly time: MinerTime;
}

const version = 2;
const number = z.number();
const count = z.number().nonnegative();
const pairs = z.array(z.tuple([count, count]));
const factsShape = z.strictObject({ severity: count, example: z.string(), lastAt: number });
const templateShape = z.strictObject({
  id: z.string(),
  lines: count,
  lastUse: count,
  parts: z.array(z.string()),
  kind: z.array(number),
  hash: z.array(number),
  raw: z.array(number),
  varied: z.array(number),
  general: z.boolean(),
  cut: z.boolean(),
  facts: factsShape.optional(),
});
const scopeShape = z.strictObject({
  service: z.string(),
  version: z.string(),
  deployment: z.string(),
  steps: count,
  mixTold: z.boolean(),
  open: number.optional(),
  newest: number.nullable(),
  heardAt: number.nullable(),
  known: z.array(z.string()),
  instances: z.array(z.tuple([z.string(), number])),
  counted: z.array(
    z.strictObject({
      id: z.string(),
      now: count,
      young: count,
      ahead: pairs,
      past: z.array(count),
      silent: z.boolean(),
    }),
  ),
});
const shape = z.strictObject({
  logVersion: z.literal(version),
  newest: number.nullable(),
  swept: number.nullable(),
  templates: z.array(templateShape).refine((all) => all.every(isWhole)),
  scopes: z.array(scopeShape),
});

export function snapshotMiner({ book, scopes, facts, time }: MinerState): Uint8Array {
  const templates = book.all().map(({ id, lines, lastUse, pattern }): z.infer<typeof templateShape> => {
    const { parts, general, cut } = pattern;
    const [kind, hash, raw, varied] = [pattern.kind, pattern.hash, pattern.raw, pattern.varied].map((one) => [...one]);
    const known = facts.get(id);
    return {
      id,
      lines,
      lastUse,
      parts: [...parts],
      kind: kind!,
      hash: hash!,
      raw: raw!,
      varied: varied!,
      general,
      cut,
      ...(known === undefined ? {} : { facts: { ...known } }),
    };
  });
  const counts = [...scopes.values()].map((scope): z.infer<typeof scopeShape> => {
    const { service, version, deployment, steps, mixTold, open } = scope;
    const counted = [...scope.byId.values()].map(({ template, now, young, ahead, past, silent }) => {
      return { id: book.resolve(template).id, now, young, ahead, past, silent };
    });
    return {
      ...{ service, version, deployment, steps, mixTold, counted },
      known: [...scope.known.values()].map((template) => book.resolve(template).id),
      instances: [...scope.instances],
      ...(open === undefined ? {} : { open }),
      newest: orNull(scope.newest),
      heardAt: orNull(scope.heardAt),
    };
  });
  const when = { newest: orNull(time.newest), swept: orNull(time.swept) };
  return packParts({ facts: { logVersion: version, ...when, templates, scopes: counts }, bytes: new Map() });
}

/** Into an empty state. False for anything but a sound snapshot. */
export function restoreMiner(bytes: Uint8Array, { book, scopes, facts, time }: MinerState): boolean {
  const parsed = shape.safeParse(unpackParts(bytes)?.facts);
  if (!parsed.success) return false;
  const { newest, swept, templates, scopes: counts } = parsed.data;
  const byId = new Map(
    templates.map((one) => {
      if (one.facts !== undefined) facts.set(one.id, one.facts);
      return [one.id, book.readmit({ ...one, pattern: patternOf(one) })];
    }),
  );
  for (const { counted, known, instances, open, ...scope } of counts) {
    const entries = counted.flatMap(({ id, ...one }) => {
      const template = byId.get(id);
      return template === undefined ? [] : [[id, { template, ...one }] as const];
    });
    scopes.set(scopeKey(scope.service, scope.version), {
      ...scope,
      open,
      newest: orNever(scope.newest),
      heardAt: orNever(scope.heardAt),
      known: new Map(known.flatMap((id) => (byId.has(id) ? [[id, byId.get(id)!]] : []))),
      instances: new Map(instances),
      byId: new Map(entries),
    });
  }
  time.newest = orNever(newest);
  time.swept = orNever(swept);
  return true;
}

/** JSON has no infinities: what never was is null there. */
function orNull(at: number): number | null {
  return Number.isFinite(at) ? at : null;
}

function orNever(at: number | null): number {
  return at ?? Number.NEGATIVE_INFINITY;
}

function isWhole({ parts, kind, hash, raw, varied }: z.infer<typeof templateShape>): boolean {
  return [kind, hash, raw, varied].every((array) => array.length === parts.length);
}

function patternOf(one: z.infer<typeof templateShape>): Pattern {
  return {
    count: one.parts.length,
    kind: Uint8Array.from(one.kind),
    hash: Int32Array.from(one.hash),
    raw: Int32Array.from(one.raw),
    varied: Uint8Array.from(one.varied),
    parts: one.parts,
    weak: one.kind.filter((value) => value === 4).length,
    words: one.kind.filter((value) => value === 0).length,
    general: one.general,
    cut: one.cut,
  };
}
